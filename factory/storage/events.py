"""The audit trail. Events are appended by the stores, in the transaction of the change they tell of; everyone else reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from psycopg.types.json import Jsonb

from factory.domain import events as domain
from factory.domain.events import GENESIS, NewEvent
from factory.storage.database import Cursor, Database
from factory.storage.queries import query
from factory.storage.rows import single

CHANNEL = "factory_events"
"""Where a NOTIFY says that there are new events."""

PAGE = 1_000
"""Events read at once."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it stands in its stream. `micros`: microseconds since 1970 on the database's clock."""

    stream: str
    seq: int
    micros: int
    type: str
    data: dict[str, Any]
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come. `xid` as text, since it is wider than a bigint."""

    xid: str
    stream: str = ""
    seq: int = 0


def append(cursor: Cursor, new: Sequence[NewEvent]) -> None:
    """Appends in the order given, each stream without gap and chained by hash. Part of the caller's transaction."""
    if not new:
        return
    heads, micros = _locked_heads(cursor, sorted({event.stream for event in new}))
    rows = []
    for event in new:
        seq, previous = heads[event.stream]
        hashed = domain.digest(event, seq + 1, micros, previous)
        rows.append(_row(event, seq + 1, previous, hashed))
        heads[event.stream] = (seq + 1, hashed)
    # One statement however many there are: a round of the queue has dozens, and each trip to the server costs as much as five rows.
    cursor.execute(query("append_events"), {"events": Jsonb(rows), "micros": micros})


def _locked_heads(cursor: Cursor, streams: list[str]) -> tuple[dict[str, tuple[int, bytes]], int]:
    """Stream → number and hash of its last event, and the time of the events that follow."""
    bound = {"streams": streams, "genesis": GENESIS}
    rows = cursor.execute(query("lock_streams"), bound).fetchall()
    if len(rows) < len(streams):
        # Somebody else made one while we waited for it; only a new statement sees what was committed meanwhile.
        rows = cursor.execute(query("lock_streams"), bound).fetchall()
    return {row["stream"]: (row["seq"], bytes(row["hash"])) for row in rows}, max(row["micros"] for row in rows)


def _row(event: NewEvent, seq: int, previous: bytes, hashed: bytes) -> dict[str, Any]:
    return {
        "stream": event.stream,
        "seq": seq,
        "type": event.type,
        "tags": dict(event.tags),
        "metadata": dict(event.metadata),
        "data": dict(event.data),
        "epoch": event.epoch,
        "number": event.number,
        "prev_hash": previous.hex(),
        "hash": hashed.hex(),
    }


def known_numbers(cursor: Cursor, stream: str, epoch: int, numbers: Sequence[int]) -> set[int]:
    """Which of an agent's event numbers are stored already."""
    if not numbers:
        return set()
    rows = cursor.execute(query("known_numbers"), {"stream": stream, "epoch": epoch, "numbers": list(numbers)}).fetchall()
    return {row["number"] for row in rows}


def last_number(cursor: Cursor, stream: str, epoch: int) -> int:
    """The highest agent's event number of an epoch up to which none is missing."""
    return int(single(cursor.execute(query("last_number"), {"stream": stream, "epoch": epoch}))["last"])


class EventReader:
    """Reads the trail: one stream for people, all of it for the journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stream(self, stream: str, after: int = 0, limit: int = PAGE) -> list[StoredEvent]:
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("read_stream"), {"stream": stream, "after": after, "limit": limit}).fetchall()
        return [_stored(row, stream) for row in rows]

    def mark(self) -> Place:
        """Where a reader that wants only what comes from now on begins."""
        with self._database.transaction() as cursor:
            return Place(single(cursor.execute(query("events_mark")))["xid"])

    def after(self, place: Place, limit: int = PAGE) -> tuple[Place, list[StoredEvent]]:
        """What was committed since, and the new place. Never skips a transaction that commits late."""
        bound = {"xid": place.xid, "stream": place.stream, "seq": place.seq, "limit": limit}
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("events_after"), bound).fetchall()
        if not rows:
            return place, []
        last = rows[-1]
        return Place(last["xid"], last["stream"], last["seq"]), [_stored(row, row["stream"]) for row in rows]

    def verify(self, stream: str) -> str | None:
        """The first fault of a stream's chain as a sentence, None where it is whole (invariant I5)."""
        previous, expected = GENESIS, 1
        with self._database.transaction() as cursor:
            while True:
                bound = {"stream": stream, "after": expected - 1, "limit": PAGE}
                rows = cursor.execute(query("read_stream"), bound).fetchall()
                for row in rows:
                    fault = _fault(row, stream, expected, previous)
                    if fault:
                        return fault
                    previous, expected = bytes(row["hash"]), expected + 1
                if len(rows) < PAGE:
                    return None


def _fault(row: dict[str, Any], stream: str, expected: int, previous: bytes) -> str | None:
    if row["seq"] != expected:
        return f"{stream}: event {expected} is missing"
    event = NewEvent(stream, row["type"], row["data"], row["tags"], row["metadata"], row["epoch"], row["number"])
    if bytes(row["prev_hash"]) != previous or domain.digest(event, expected, row["micros"], previous) != bytes(row["hash"]):
        return f"{stream}: event {expected} does not carry the hash it should"
    return None


def _stored(row: dict[str, Any], stream: str) -> StoredEvent:
    return StoredEvent(stream, row["seq"], row["micros"], row["type"], cast("dict[str, Any]", row["data"]), row["epoch"])
