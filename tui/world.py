"""What the feed has told, for every screen: messages in, rows out. No I/O, no clock, no widgets.

Rows are kept as they came. Ages in them are of the moment when they came, so each is kept with that moment.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from factory.protocol.feed import Delta, Snapshot

Row = Mapping[str, Any]

MOST_EVENTS = 5_000
"""The newest; older ones are asked for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A row and when it came, in monotonic seconds."""

    row: Row
    at: float

    def age(self, field: str, now: float) -> float | None:
        """Seconds that an age of the row has by now; None where the row has none."""
        value = self.row.get(field)
        return None if value is None else max(0.0, float(value) + now - self.at)


class World:
    """The factory as far as it is known.

    Attributes:
        items, workers, locks, pull_requests, outbox, nodes: by id. Nodes are the processes of the tree.
        limits: by name, as the limits view has them.
        about: what the factory says of itself; empty before it did.
        events: in the order of their coming.
        version: raised by each change, so that nothing is painted without one.
        heard_at: when the factory was heard last, in monotonic seconds; None before its first snapshot.
        live: False while it is away.
    """

    def __init__(self) -> None:
        self.items: dict[str, Seen] = {}
        self.workers: dict[str, Seen] = {}
        self.locks: dict[str, Seen] = {}
        self.pull_requests: dict[str, Seen] = {}
        self.outbox: dict[str, Seen] = {}
        self.nodes: dict[str, Seen] = {}
        self.limits: dict[str, Any] = {}
        self.about: Row = {}
        self.events: deque[Row] = deque(maxlen=MOST_EVENTS)
        self.version = 0
        self.heard_at: float | None = None
        self.live = True
        self._tables: dict[str, dict[str, Seen]] = {
            "item": self.items, "worker": self.workers, "lock": self.locks,
            "pull_request": self.pull_requests, "outbox": self.outbox, "node": self.nodes,
        }  # fmt: skip

    def take(self, update: Snapshot | Delta, now: float) -> None:
        """Applies a message. Rows of a snapshot take the place of all that were known; events stay."""
        self.version += 1
        self.heard_at = now
        if isinstance(update, Snapshot):
            self._begin(update, now)
        elif update.kind in self._tables:
            _put(self._tables[update.kind], update, now)
        else:
            self._note(update)

    def _begin(self, told: Snapshot, now: float) -> None:
        rows = (told.items, told.workers, told.locks, told.pull_requests, told.outbox, told.nodes)
        for table, given in zip(self._tables.values(), rows, strict=True):
            table.clear()
            table.update((str(row["id"]), Seen(row, now)) for row in given)
        self.limits = dict(told.limits)
        self.about = dict(told.about)

    def _note(self, update: Delta) -> None:
        match update.kind:
            case "limit" if update.data is None:
                self.limits.pop(update.id, None)
            case "limit":
                self.limits[update.id] = update.data
            case "event" if isinstance(update.data, dict):
                self.events.append(update.data)
            case "about" if isinstance(update.data, dict):
                self.about = update.data
            case _:
                pass

    def look(self, now: float, *, live: bool) -> None:
        """Notes whether the factory is heard: of one that is and has no news, all is as it was told."""
        self.live = live
        if live and self.heard_at is not None:
            self.heard_at = now

    def known(self, now: float) -> float:
        """Up to when things are known: a worker of which nothing is heard while its factory is away has done nothing wrong."""
        return now if self.live or self.heard_at is None else min(now, self.heard_at)

    def worker_of(self, item: str) -> Seen | None:
        """The living worker of an item."""
        seen = self.items.get(item)
        return self.workers.get(str(seen.row.get("holder") or "")) if seen else None


def _put(rows: dict[str, Seen], update: Delta, now: float) -> None:
    if isinstance(update.data, dict):
        rows[update.id] = Seen(update.data, now)
    else:
        rows.pop(update.id, None)
