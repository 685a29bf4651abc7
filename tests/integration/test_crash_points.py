"""What a process that dies between two effects can leave behind: nothing that no one moves on."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from factory.protocol.attempt_mail import Finish, Starting
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.work_items import Round, WorkItems
from tests.actors.queue_site import lapse, status
from tests.work import BASE, COMMIT, claimed, done, finish, running, store, submitted


def rows(database: Database, statement: str, *values: object) -> list[dict[str, object]]:
    with database.transaction() as cursor:
        return cursor.execute(statement.encode(), values).fetchall()


HALVES = {
    "a publication without its outbox row":
        "SELECT id FROM work_items AS item WHERE status = 'publishing' AND NOT EXISTS "
        "(SELECT 1 FROM outbox WHERE outbox.item = item.id AND outbox.epoch = item.epoch AND done_at IS NULL)",
    "an outbox row whose item is not being published":
        "SELECT outbox.item FROM outbox JOIN work_items AS item ON item.id = outbox.item "
        "WHERE outbox.done_at IS NULL AND NOT (item.status = 'publishing' AND item.epoch = outbox.epoch)",
    "a lease without its worker's row":
        "SELECT id FROM work_items WHERE status IN ('assigned', 'running') AND NOT EXISTS "
        "(SELECT 1 FROM workers WHERE workers.id = work_items.holder AND workers.status <> 'dead')",
    "a lease without an open attempt":
        "SELECT id FROM work_items AS item WHERE status IN ('assigned', 'running') AND NOT EXISTS "
        "(SELECT 1 FROM attempts WHERE attempts.item = item.id AND attempts.epoch = item.epoch AND ended_at IS NULL)",
    "an attempt without end whose lease is over":
        "SELECT attempt.item FROM attempts AS attempt JOIN work_items AS item ON item.id = attempt.item "
        "WHERE attempt.ended_at IS NULL AND NOT (item.status IN ('assigned', 'running') AND item.epoch = attempt.epoch)",
}  # fmt: skip
"""Each would be an item that nothing moves on. None can exist: both halves are written in one transaction."""

STEPS: list[tuple[str, Callable[[Round, Lease], object]]] = [
    ("starting", lambda round_, lease: round_.starting(Starting(lease, "k" * 40, "local", "unconfined", BASE))),
    ("accepted", lambda round_, lease: round_.accepted(lease)),
    ("done", lambda round_, lease: round_.finish(done(lease), 0.5)),
    ("rejected", lambda round_, lease: round_.rejected(Rejected(lease, "policy", "touches CODEOWNERS"), 0.5)),
    ("approved", lambda round_, lease: round_.steer(Steer("c1", "approve", lease.item, "me"))),
    ("published", lambda round_, lease: round_.published(Published(lease, "u", COMMIT))),
]
OTHER_ENDS: list[tuple[str, Callable[[Round, Lease], object]]] = [
    ("expired", lambda round_, _: round_.expire(0.5)),
    ("given back", lambda round_, lease: round_.finish(Finish(lease, 0, "given_back", "the factory was stopped"), 0.5)),
    ("failed", lambda round_, lease: round_.finish(Finish(lease, 0, "agent", "gave up"), 0.5)),
    ("killed", lambda round_, lease: round_.steer(Steer("c2", "kill", lease.item, "me"))),
    ("cancelled", lambda round_, lease: round_.steer(Steer("c3", "cancel", lease.item, "me"))),
]


def halves(database: Database) -> list[str]:
    return [name for name, statement in HALVES.items() if rows(database, statement)]


class PowerCut(Exception):
    """The process dies within a round."""


def cut_off(items: WorkItems, act: Callable[[Round, Lease], object], lease: Lease) -> None:
    """All of the round's statements, and then no commit."""
    with suppress(PowerCut), items.round() as round_:
        act(round_, lease)
        raise PowerCut


def test_no_crash_between_two_effects_leaves_half_a_step(database: Database) -> None:
    items = store(database)
    submitted(items)
    (work,) = claimed(items)

    for name, act in STEPS:
        before = rows(database, "SELECT * FROM work_items")
        cut_off(items, act, work.lease)
        assert rows(database, "SELECT * FROM work_items") == before, name
        with items.round() as round_:
            act(round_, work.lease)
        assert halves(database) == [], name
    assert status(database, work.lease.item) == "completed"


@pytest.mark.parametrize(("name", "act"), OTHER_ENDS, ids=[name for name, _ in OTHER_ENDS])
def test_no_way_to_end_an_attempt_leaves_half_of_it(database: Database, name: str, act: Callable[[Round, Lease], object]) -> None:
    items = store(database)
    lease = running(items)
    if name == "expired":
        lapse(database, lease)
    cut_off(items, act, lease)
    assert (status(database, lease.item), halves(database)) == ("running", [])

    with items.round() as round_:
        act(round_, lease)

    assert status(database, lease.item) != "running"
    assert halves(database) == []


def test_each_half_is_seen_where_it_is(database: Database) -> None:
    """Or the tests above could not fail."""
    items = store(database)
    published, leased = running(items), running(items)
    finish(items, done(published))
    rows(database, "DELETE FROM outbox RETURNING 1")
    rows(database, "DELETE FROM workers WHERE work_item_id = %s RETURNING 1", leased.item)
    rows(database, "UPDATE attempts SET ended_at = now() WHERE item = %s RETURNING 1", leased.item)
    third = running(items)
    finish(items, done(third))
    rows(database, "UPDATE work_items SET status = 'queued' WHERE id = %s RETURNING 1", third.item)
    rows(database, "UPDATE attempts SET ended_at = NULL WHERE item = %s RETURNING 1", third.item)

    assert halves(database) == list(HALVES)
