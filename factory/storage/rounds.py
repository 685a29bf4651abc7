"""One round of the queue: everything that waited, in one transaction, with the events that tell of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from factory.domain.delivery import digest
from factory.domain.events import EventType, NewEvent, item_stream, worker_stream
from factory.domain.ids import Epoch, ItemId
from factory.domain.lease import LeaseTerms
from factory.domain.work_item import RetryPolicy, Standing, Status
from factory.protocol.mailbox import Lease, Work
from factory.storage import events
from factory.storage.database import Cursor, Database
from factory.storage.queries import query

REASON = 1_000
EVIDENCE = 32_768
"""Characters of a reason and of evidence that are kept: enough for a person and the next attempt, bounded for the row."""


PREVIOUS = 16_384
"""Characters of evidence that the next attempt is given: what an agent reads, and what its assignment has room for."""


MOST_NOTES = 8
"""Notes of operators that an agent is given, the latest: with the longest an assignment still has room."""


@dataclass(frozen=True, slots=True)
class QueueTerms:
    """What the queue's rules depend on. `only` limits claims to one item; a pull request is reworked `max_reworks` times at most."""

    lease: LeaseTerms
    retry: RetryPolicy
    only: str | None = None
    max_reworks: int = 3


class Transaction:
    """A cursor and the events that will be appended when the round is over."""

    def __init__(self, cursor: Cursor, terms: QueueTerms) -> None:
        self.cursor = cursor
        self.terms = terms
        self.events: list[NewEvent] = []

    def changed(self, name: str, bound: Mapping[str, Any]) -> bool:
        """Runs a fenced statement; False where the fence let nothing through."""
        return self.cursor.execute(query(name), bound).fetchone() is not None

    def rows(self, name: str, bound: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return self.cursor.execute(query(name), bound).fetchall()

    def locked(self, item: str) -> dict[str, Any] | None:
        rows = self.rows("lock_work_items", {"ids": [item]})
        return rows[0] if rows else None

    def tell(self, item: str, kind: EventType, **data: Any) -> None:
        """Notes an event of an item; lifecycle columns in `data` are what the audit trail folds."""
        self.events.append(NewEvent(item_stream(item), kind, data, epoch=data.get("epoch")))

    def tell_worker(self, worker: str, kind: EventType, **data: Any) -> None:
        self.events.append(NewEvent(worker_stream(worker), kind, data))

    def refuse(self, lease: Lease, what: str) -> None:
        """A change by an epoch that is not the current one: refused, and said so in the trail (invariant I3)."""
        if self.locked(lease.item) is not None:
            self.events.append(NewEvent(item_stream(lease.item), EventType.STALE_REFUSED, {"refused": what, "by": lease.worker}))


class RoundPart:
    """What the parts of a round share: the transaction they write in."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx


@contextmanager
def transaction(database: Database, terms: QueueTerms) -> Iterator[Transaction]:
    """Commits at the end, events and all."""
    with database.transaction() as cursor:
        round_ = Transaction(cursor, terms)
        yield round_
        events.append(cursor, round_.events)


def standing(row: Mapping[str, Any]) -> Standing:
    return Standing(ItemId(row["id"]), Epoch(row["epoch"]), Status(row["status"]), row["attempts"], row["setbacks"])


def work(row: Mapping[str, Any]) -> Work:
    return Work(
        lease=Lease(row["id"], row["epoch"]),
        repo=row["repo"],
        base_branch=row["base_branch"],
        title=row["title"],
        spec=row["spec"],
        engine=row["engine"],
        source=row["source"],
        status=row["status"],
        files=tuple(row["files"]),
        previous=row["evidence"][-PREVIOUS:] if row["attempts"] or row["reworks"] else "",
        max_iterations=row["max_iterations"],
        base_commit=row.get("base_commit") or "",
        notes=latest_notes(row.get("notes") or ()),
        noted=len(row.get("notes") or ()),
        host=row.get("host") or "",
        needs=tuple(row["needs"]),
        tokens=row.get("spent_tokens") or 0,
        micros=row.get("spent_micros") or 0,
        calls=row.get("spent_calls") or 0,
    )


def latest_notes(texts: Sequence[str]) -> tuple[str, ...]:
    """Of the notes of an item those that an agent is given."""
    return tuple(texts[-MOST_NOTES:])


def approval_digest(base_commit: str, head_commit: str) -> str:
    """What an approval is for: exactly this result, not the item."""
    return digest(base_commit, head_commit)
