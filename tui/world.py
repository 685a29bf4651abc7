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
        items, workers: by id.
        limits: by name, as the limits view has them.
        events: in the order of their coming.
        version: raised by each change, so that nothing is painted without one.
        heard_at: when anything came last, in monotonic seconds; None before the first.
    """

    def __init__(self) -> None:
        self.items: dict[str, Seen] = {}
        self.workers: dict[str, Seen] = {}
        self.limits: dict[str, Any] = {}
        self.events: deque[Row] = deque(maxlen=MOST_EVENTS)
        self.version = 0
        self.heard_at: float | None = None

    def take(self, update: Snapshot | Delta, now: float) -> None:
        """Applies a message. Rows of a snapshot take the place of all that were known; events stay."""
        self.version += 1
        self.heard_at = now
        if isinstance(update, Snapshot):
            self.items = {str(row["id"]): Seen(row, now) for row in update.items}
            self.workers = {str(row["id"]): Seen(row, now) for row in update.workers}
            self.limits = dict(update.limits)
            return
        match update.kind:
            case "item":
                _put(self.items, update, now)
            case "worker":
                _put(self.workers, update, now)
            case "limit":
                self._limit(update)
            case "event" if isinstance(update.data, dict):
                self.events.append(update.data)
            case _:
                pass

    def _limit(self, update: Delta) -> None:
        if update.data is None:
            self.limits.pop(update.id, None)
        else:
            self.limits[update.id] = update.data

    def worker_of(self, item: str) -> Seen | None:
        """The living worker of an item."""
        seen = self.items.get(item)
        return self.workers.get(str(seen.row.get("holder") or "")) if seen else None


def _put(rows: dict[str, Seen], update: Delta, now: float) -> None:
    if isinstance(update.data, dict):
        rows[update.id] = Seen(update.data, now)
    else:
        rows.pop(update.id, None)
