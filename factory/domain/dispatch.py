"""The main loop as a reducer: which leases are out, how much more may be claimed, and why an item waits.

The queue claims on its own as long as it has credit; the dispatcher's whole policy is how much credit it gives.
Claims that are on their way while a new credit is computed are not granted twice: a credit names the claims it knew of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Board:
    """What the dispatcher knows.

    Attributes:
        boot: the queue's incarnation; empty until it was heard.
        made: how many claims of that incarnation are known.
        active: workers with a living lease.
        suspects: workers seen on the host without a lease in the sweep before; only a second sighting kills,
            since a claim may have been made between the two reads.
    """

    boot: str = ""
    made: int = 0
    active: frozenset[str] = frozenset()
    suspects: frozenset[str] = frozenset()

    def claimed(self, boot: str, made: int, workers: frozenset[str]) -> "Board":
        """New leases. From another incarnation of the queue they count all the same: the survey that follows puts it right."""
        return replace(self, boot=boot, made=max(made, self.made) if boot == self.boot else made, active=self.active | workers)

    def surveyed(self, boot: str, made: int, workers: frozenset[str]) -> "Board":
        """All leases there are: the truth, whatever was known before."""
        return replace(self, boot=boot, made=made, active=workers)

    def ended(self, worker: str) -> "Board":
        return replace(self, active=self.active - {worker})


def sweep(board: Board, on_host: frozenset[str], cared_for: frozenset[str]) -> tuple[Board, frozenset[str]]:
    """Which workers to kill: seen twice on the host with neither a lease nor an actor that looks after them.

    Args:
        on_host: listed *before* the leases were read; the other order would kill a worker that was started in between.
        cared_for: workers whose actor is alive; it ends them itself.
    """
    orphans = on_host - board.active - cared_for
    return replace(board, suspects=orphans), orphans & board.suspects


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued or parked item, as far as its waiting goes. `due_in` in seconds, negative once it may start."""

    status: str
    ahead: int
    due_in: float
    condition: str | None
    reason: str
    held: str = ""
    """Why its engine may not be used now."""


def why_it_waits(item: Waiting, dispatch: Mapping[str, object]) -> str:
    """One sentence: why this item is not being worked on, as precisely as the factory knows it."""
    if item.status == "parked":
        return f"parked until {item.condition} opens: {item.reason}"
    if item.status != "queued":
        return ""
    if item.held:
        return f"its engine is held: {item.held}"
    if item.due_in > 0:
        because = f" after: {item.reason}" if item.reason else ""
        return f"starts in {item.due_in:.0f} s at the earliest{because}"
    shut = str(dispatch.get("reason") or "")
    if item.ahead:
        return f"{item.ahead} ahead of it" + (f"; {shut}" if shut else "")
    return shut or "next to be claimed"
