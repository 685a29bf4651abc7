"""States as people see them: a glyph, a word and a colour, never a colour alone. Pure.

A worker has two clocks. Its *beat* says that the process beside the agent lives, its *progress* that the agent did something. One that
beats and does nothing is `stalled`, after a time that hangs on what it is doing; one that does not beat is `silent`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tui.world import Seen

Tone = Literal["", "good", "busy", "warn", "bad", "dim", "head"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown."""

    glyph: str
    ascii: str
    tone: Tone

    def label(self, word: str, *, plain: bool = False) -> str:
        return f"{self.ascii if plain else self.glyph} {word}"


_UNKNOWN = Look("∙", ".", "")

LOOKS: Mapping[str, Look] = {
    "queued": Look("○", "o", ""),
    "assigned": Look("◌", "~", "busy"),
    "starting": Look("◌", "~", "busy"),
    "running": Look("●", "*", "busy"),
    "publishing": Look("▲", "^", "busy"),
    "in_review": Look("◆", "#", "good"),
    "completed": Look("✔", "+", "good"),
    "parked": Look("‖", "=", "warn"),
    "waiting": Look("?", "?", "warn"),
    "stuck": Look("?", "?", "warn"),
    "needs_approval": Look("?", "?", "warn"),
    "stalled": Look("!", "!", "warn"),
    "silent": Look("!", "!", "bad"),
    "killing": Look("✖", "x", "warn"),
    "failed": Look("✖", "x", "bad"),
    "cancelled": Look("·", "-", "dim"),
    "gone": Look("·", "-", "dim"),
    "planned": Look("○", "o", ""),
    "stopping": Look("◌", "~", "warn"),
    "stopped": Look("·", "-", "dim"),
    "stopped by operator": Look("·", "-", "warn"),
    "gave up": Look("✖", "x", "bad"),
}


def look(word: str) -> Look:
    """How a state is shown; one that nobody has named here is shown by its word."""
    return LOOKS.get(word, _UNKNOWN)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which a clock that stands still is trouble.

    Attributes:
        beat: without a beat; a lease is lost at four heartbeats.
        progress: without progress in any other phase than those of `phases`.
        phases: by the beginning of the phase's name.
    """

    beat: float
    progress: float
    phases: Mapping[str, float]


def patience(heartbeat: float, stalled_after: float | None = None) -> Patience:
    """The limits for a factory of this heartbeat, in seconds.

    Args:
        stalled_after: as the factory counts it; None: 60 heartbeats (RELIABILITY.md F06).
    """
    usual = stalled_after or 60 * heartbeat
    # Gates and clones are programs of the repository: they may be quiet for as long as they were given.
    return Patience(2 * heartbeat, usual, {"gates": 3 * usual, "cloning": 3 * usual, "bundling": 3 * usual})


def worker_state(worker: Seen, limits: Patience, now: float) -> str:
    """`starting`, `running`, `waiting`, `stalled` or `silent`, or what the factory itself says of a worker that ends."""
    status, phase = str(worker.row.get("status") or ""), str(worker.row.get("phase") or "")
    if status in {"stopping", "killing", "dead"}:
        return {"dead": "gone"}.get(status, status)
    if status in {"starting", "idle"} or phase in {"starting", "preparing", "assigned"}:
        return "starting"
    beat, progress = since(worker, "beat", now), since(worker, "progress", now)
    if beat is not None and beat > limits.beat:
        return "silent"
    if phase.startswith("wait"):
        return "waiting"
    if phase == "stalled":
        return "stalled"
    if progress is not None and progress > allowed(phase, limits):
        return "stalled"
    return "running"


def since(worker: Seen, clock: Literal["beat", "progress"], now: float) -> float | None:
    """Seconds since its last beat or progress.

    A row that says when that was is told again with each beat, so that its silence is the worker's. One that does not say so is not: to
    let its age grow would call every healthy worker silent.
    """
    return worker.age(f"{clock}_age", now if f"{clock}_at" in worker.row else worker.at)


def allowed(phase: str, limits: Patience) -> float:
    """Seconds without progress that this phase may last."""
    return next((seconds for name, seconds in limits.phases.items() if phase.startswith(name)), limits.progress)
