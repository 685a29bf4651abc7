"""What is known of the items that a command follows: feed messages in, one state per item out. No I/O, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factory.protocol.feed import Delta, Snapshot

SUCCEEDED = frozenset({"completed", "in_review"})
ENDED = SUCCEEDED | {"failed", "cancelled", "stuck", "needs_approval"}
"""Nothing more happens by itself. A stuck item that still has attempts is queued again and never shown as stuck."""

_LEASED = frozenset({"assigned", "running"})
_SAYS_NOTHING = frozenset({"running", "starting", "assigned", "done"})
"""Phases that are the status in other words, or of before or after it: the two rows come one after the other."""
_BUSY = _LEASED | {"publishing"}


@dataclass(frozen=True, slots=True)
class State:
    """One item. `phase` is its worker's, empty where it has none."""

    item: str
    status: str = "queued"
    phase: str = ""
    iterations: int = 0
    commits: int = 0
    reason: str = ""
    """Why it is where it is; empty while it is worked on, when the row still has that of before."""
    why: str = ""
    """Why it waits; it may change by the second, which is no news."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def doing(self) -> str:
        """What its worker is at, where that says more than the status."""
        return self.phase if self.status == "running" and self.phase not in _SAYS_NOTHING else ""

    def describe(self) -> str:
        """One line, without the item's name. It may hold text from outside."""
        counted = [_counted(self.iterations, "iteration"), _counted(self.commits, "commit")]
        return ", ".join(part for part in (self.status, self.doing, *counted, self.reason or self.why) if part)


class Board:
    """The items in the order in which they were named; others that the feed tells of are left out."""

    def __init__(self, items: Iterable[str]) -> None:
        self._states = {item: State(item) for item in items}

    @property
    def states(self) -> tuple[State, ...]:
        return tuple(self._states.values())

    @property
    def ended(self) -> bool:
        return all(state.ended for state in self._states.values())

    def take(self, update: "Snapshot | Delta") -> list[State]:
        """The states that are different after a message of the feed."""
        from factory.protocol.feed import Snapshot

        if isinstance(update, Snapshot):
            rows = [self.take_item(row) for row in update.items] + [self.take_worker(row) for row in update.workers]
            return list({state.item: state for state in rows if state}.values())
        if not isinstance(update.data, dict):
            return []
        taken = {"item": self.take_item, "worker": self.take_worker}.get(update.kind)
        state = taken(update.data) if taken else None
        return [state] if state else []

    def missing(self, update: "Snapshot | Delta") -> list[str]:
        """Followed items that a snapshot does not hold: they may have ended before it was taken."""
        from factory.protocol.feed import Snapshot

        if not isinstance(update, Snapshot):
            return []
        held = {row.get("id") for row in update.items}
        return [item for item in self._states if item not in held]

    def take_item(self, row: Mapping[str, Any]) -> State | None:
        """An item's row, from the feed or from a view."""
        before = self._states.get(str(row.get("id")))
        if before is None:
            return None
        status = str(row.get("status") or before.status)
        return self._keep(
            before,
            status=status,
            phase=before.phase if status in _LEASED else "",
            iterations=int(row.get("iterations") or 0),
            commits=int(row.get("commits") or 0),
            reason="" if status in _BUSY | SUCCEEDED else str(row.get("reason") or ""),
            why=str(row.get("why") or ""),
        )

    def take_worker(self, row: Mapping[str, Any]) -> State | None:
        """A worker's row; it is ahead of its item's row while an iteration runs."""
        before = self._states.get(str(row.get("item")))
        if before is None or before.status not in _LEASED:
            return None
        iterations = max(before.iterations, int(row.get("iteration") or 0))
        return self._keep(before, phase=str(row.get("phase") or ""), iterations=iterations)

    def _keep(self, before: State, **changes: Any) -> State | None:  # noqa: ANN401 - fields of State, checked by replace
        after = replace(before, **changes)
        self._states[before.item] = after
        return after if after != before else None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
