"""Learnings for tests: results with lines in a real database, and vectors that are easy to think about."""

import msgspec

from factory.domain.learning import DIMENSIONS, accept
from factory.learning_ports import Taking
from factory.protocol.delivery_mail import Published
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.learnings import Learnings
from factory.storage.work_items import WorkItems
from tests.work import done, finish, running

MODEL = "test-model"


def result(items: WorkItems, *lines: str, **changes: object) -> Lease:
    """An attempt whose result was taken, with these lines."""
    return result_of(items, running(items, **changes), *lines)


def result_of(items: WorkItems, lease: Lease, *lines: str) -> Lease:
    """The same of a lease that there is, accepted or not."""
    with items.round() as round_:
        round_.accepted(lease)
    mail = done(lease)
    assert mail.result is not None
    assert finish(items, msgspec.structs.replace(mail, result=msgspec.structs.replace(mail.result, learnings=lines))) == "ok"
    return lease


def published(items: WorkItems, lease: Lease) -> Lease:
    with items.round() as round_:
        assert round_.published(Published(lease, "url", "c" * 40))
    return lease


def vector(*numbers: float) -> list[float]:
    """In the plane of the first two axes."""
    return [*numbers, *[0.0] * (DIMENSIONS - len(numbers))]


def taken(store: Learnings, lease: Lease, model: str = MODEL, at: list[float] | None = None) -> None:
    """Every line of the result gets the same vector."""
    for handed in store.handed_in([lease.item]):
        kept, refused = accept(handed.lines)
        assert store.take(Taking(handed, model, tuple((text, at or vector(1.0)) for text in kept), refused))


def rows(database: Database) -> list[tuple[str, bool, str, int]]:
    with database.transaction() as cursor:
        found = cursor.execute("SELECT content, active, embedding_model, use_count FROM learnings ORDER BY id").fetchall()
    return [(row["content"], row["active"], row["embedding_model"], row["use_count"]) for row in found]
