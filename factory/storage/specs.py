"""Items that wait for their spec, and what was written for them, kept until it is handed on."""

from collections.abc import Sequence
from dataclasses import asdict

from psycopg.types.json import Jsonb

from factory.domain.events import EventType, NewEvent, item_stream
from factory.domain.spec_draft import Finished, Issue
from factory.spec_ports import Cost, Waiting, Written
from factory.storage import events
from factory.storage.database import Cursor, Database, Row
from factory.storage.queries import query
from factory.storage.rows import single

_MAX_SENTENCE = 1_000


class Specs:
    """The adapter of `spec_ports.SpecStore`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, limit: int) -> Sequence[Waiting]:
        with self._database.transaction() as cursor:
            return [_waiting(row) for row in cursor.execute(query("items_without_spec"), {"limit": limit}).fetchall()]

    def keep(self, waiting: Waiting, written: Written) -> bool:
        bound = {"item": waiting.item, "since": waiting.since, "draft": Jsonb(asdict(written))}
        with self._database.transaction() as cursor:
            if not _still_waits(cursor, waiting):
                return False
            if cursor.execute(query("keep_spec_draft"), bound).fetchone() is not None:
                _tell(cursor, waiting, EventType.SPEC_DRAFTED, {"by": written.by, **_spent(written.cost)})
        return True

    def failed(self, waiting: Waiting, sentence: str, cost: Cost, *, answered: bool) -> None:
        with self._database.transaction() as cursor:
            if _still_waits(cursor, waiting):
                _tell(cursor, waiting, EventType.SPEC_FAILED, {"why": sentence[:_MAX_SENTENCE], "answered": answered, **_spent(cost)})


def _still_waits(cursor: Cursor, waiting: Waiting) -> bool:
    """Whether the item waits for the same spec as before, and goes on doing so until this transaction ends."""
    bound = {"item": waiting.item}
    if cursor.execute(query("lock_item_without_spec"), bound).fetchone() is None:
        return False
    return bool(single(cursor.execute(query("waiting_since"), bound))["since"] == waiting.since)


def _tell(cursor: Cursor, waiting: Waiting, kind: EventType, data: Row) -> None:
    events.append(cursor, [NewEvent(item_stream(waiting.item), kind, data)])


def _spent(cost: Cost) -> Row:
    return asdict(cost)


def _waiting(row: Row) -> Waiting:
    issue = Issue(
        name=row["name"],
        title=row["title"],
        body=row["body"],
        url=row["url"],
        asked=tuple(map(str, row["questions"] or ())),
        rounds=row["rounds"],
    )
    return Waiting(row["item"], row["since"], row["repo"], row["base_branch"], issue, _written(row["draft"]), row["bad"])


def _written(draft: Row | None) -> Written | None:
    if draft is None:
        return None
    finished = draft["finished"]
    made = Finished(finished["title"], finished["spec"], tuple(finished["files"]), tuple(finished["questions"]))
    return Written(made, draft["by"], Cost(**draft["cost"]))
