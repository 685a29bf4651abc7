"""Limits: how many workers may start now, and the sentence that says why not."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows. `cooldown` in seconds between two starts."""

    max_workers: int
    daily_iterations: int
    cooldown: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used, read from the audit trail, so that a restart forgets nothing.

    Attributes:
        since_start: seconds since the last worker was started; None if none ever was.
        until_midnight: seconds until the day's budget begins anew, on the database's clock.
    """

    iterations_today: int
    since_start: float | None
    until_midnight: float


@dataclass(frozen=True, slots=True)
class Room:
    """How many more workers may start. With none, why, and in how many seconds time alone may change that."""

    free: int
    reason: str = ""
    retry_in: float | None = None


def room(limits: Limits, usage: Usage, active: int) -> Room:
    """Decides in the order in which a person would want to hear it: budget, workers, cooldown."""
    if usage.iterations_today >= limits.daily_iterations:
        reason = f"the daily budget of {limits.daily_iterations} iterations is used up"
        return Room(0, reason, usage.until_midnight)
    free = limits.max_workers - active
    if free <= 0:
        return Room(0, f"all {limits.max_workers} workers are busy")
    if limits.cooldown <= 0:
        return Room(free)
    if usage.since_start is not None and usage.since_start < limits.cooldown:
        left = limits.cooldown - usage.since_start
        return Room(0, f"cooldown between two workers, {left:.0f} s left", left)
    return Room(1)
