"""Limits: how many workers may start now, and the sentence that says why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from factory.domain.model_prices import dollars

Switchable = Literal["intake", "dispatch"]
"""Parts of the factory that an operator may stop: taking new items in, and starting workers."""
SwitchVerb = Literal["pause", "drain", "resume"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows. `cooldown` in seconds between two starts.

    `daily_micros`: millionths of a US dollar that the attempts begun in a day may cost, 0: any sum.
    `min_free_disk`: bytes, see `fullness`.
    """

    max_workers: int
    daily_iterations: int
    cooldown: float
    daily_micros: int = 0
    min_free_disk: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """No worker may start until somebody resumes. `draining`: what runs is meant to end first, and its end is told."""

    by: str
    draining: bool = False

    def reason(self, active: int) -> str:
        if not self.draining:
            return f"paused by {self.by}; `factory resume` goes on"
        if active:
            return f"draining for {self.by}: {active} still at work"
        return f"drained by {self.by}; `factory resume` goes on"


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used, read from the audit trail, so that a restart forgets nothing.

    Attributes:
        since_start: seconds since the last worker was started; None if none ever was.
        until_midnight: seconds until the day's budget begins anew, on the database's clock.
        pause: an operator's, as it is written down.
        micros_today: what the attempts begun today have cost so far, as the way out counts it.
    """

    iterations_today: int
    since_start: float | None
    until_midnight: float
    pause: Pause | None = None
    micros_today: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """How many more workers may start. With none, why, and in how many seconds time alone may change that."""

    free: int
    reason: str = ""
    retry_in: float | None = None


DRAINED = Room(0, "the factory stops when what runs has finished")
"""While the operator lets it run out; the next start is free of it, other than of a pause."""


FULL_SHARE = 10
"""Of a small disk that part, a tenth, is what must be free."""

FULL_SECONDS = 5.0
"""Until a full disk is looked at again: what makes room there tells nobody."""


def fullness(free: int, total: int, least: int) -> str:
    """Why no worker may start on a disk, as a sentence without its end; empty where there is room enough.

    Clones fill a disk long before an agent is done, and everybody else's work on it would end as well.

    Args:
        free, total, least: bytes. `least` is what must be free, where that is not more than a tenth of the disk.
    """
    needed = min(least, total // FULL_SHARE)
    if free >= needed:
        return ""
    return f"the disk of the workers is nearly full: {_megabytes(free)} free, and {_megabytes(needed)} are wanted for another one"


def _megabytes(count: int) -> str:
    return f"{count / 1024**2:,.0f} MB"


def room(limits: Limits, usage: Usage, active: int, away: str = "", *, full: str = "", barred: str = "") -> Room:
    """Decides in the order in which a person would want to hear it: pause, a host that is away, a full disk, budget, workers, cooldown.

    Args:
        away: why no worker can be made; whoever knows it asks again by itself.
        full: see `fullness`.
        barred: why machines that are here take none; empty where none is here that does not.
    """
    if usage.pause is not None:
        return Room(0, usage.pause.reason(active))
    if away:
        return Room(0, f"no worker can be made now: {away.rstrip('.')}")
    if full:
        return Room(0, full, FULL_SECONDS)
    if usage.iterations_today >= limits.daily_iterations:
        reason = f"the daily budget of {limits.daily_iterations} iterations is used up"
        return Room(0, reason, usage.until_midnight)
    if limits.daily_micros and usage.micros_today >= limits.daily_micros:
        return Room(0, f"the daily budget of {dollars(limits.daily_micros)} is used up", usage.until_midnight)
    free = limits.max_workers - active
    if limits.max_workers <= 0:
        return Room(0, barred or "no host of remote workers is here, and this machine takes no workers")
    if free <= 0:
        return Room(0, f"all {limits.max_workers} workers are busy")
    if limits.cooldown <= 0:
        return Room(free)
    if usage.since_start is not None and usage.since_start < limits.cooldown:
        left = limits.cooldown - usage.since_start
        return Room(0, f"cooldown between two workers, {left:.0f} s left", left)
    return Room(1)


def switched(paused: Mapping[str, Any], verb: SwitchVerb, parts: tuple[Switchable, ...], operator: str) -> dict[str, Any]:
    """What is paused after an operator's word: part → who paused it, and whether as the end of a drain."""
    rest = {name: value for name, value in paused.items() if name not in parts}
    if verb == "resume":
        return rest
    return rest | {part: {"by": operator, "draining": verb == "drain"} for part in parts}


def paused_intake(paused: Mapping[str, Any]) -> str | None:
    """Why nothing new is taken in, as the end of a sentence."""
    intake = paused.get("intake")
    return f"taking in new items is paused by {intake.get('by')}; `factory resume intake` goes on" if intake else None
