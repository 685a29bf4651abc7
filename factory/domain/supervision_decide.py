"""Supervision arithmetic: what follows from the end of a child, and from a level that gives up.

Three budgets, since three different things go wrong:

- *strikes* of a child: deaths soon after its start, or before it was ready, and each time that it hung. What cannot live spends
  them in seconds, what hangs in the time that it takes to notice.
- *restarts* of a level: all of them. A child that works for a while and is killed again and again, or children that
  take turns in dying, spend these.
- *escalations* of a level: restarts of it as a whole, by the root.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from factory.domain.supervision import POLICIES, ChildSpec, Ending, Intensity, Level, LevelPolicy, Restarts, Strategy

STEADY_SECONDS = 1.0
"""A child that was ready for so long can live; its death is news from outside and no strike. A gateway that somebody
kills every two seconds must come back each time; one that ends as soon as it is up must not."""


def add_restart(restarts: Sequence[float], now: float, intensity: Intensity) -> tuple[tuple[float, ...], bool]:
    """Adds a restart at `now` (monotonic seconds) to those within the period; True where they are too many then."""
    within = (*(at for at in restarts if now - at < intensity.period), now)
    return within, len(within) > intensity.restarts


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a child.

    Attributes:
        lived: seconds since it was ready, 0 where it never was.
        hung: seconds without a sign of life, where it was killed for that; else 0.
    """

    ending: Ending
    lived: float
    reason: str
    hung: float = 0.0


@dataclass(frozen=True, slots=True)
class History:
    """Monotonic times: strikes of the child, restarts of its level."""

    strikes: tuple[float, ...] = ()
    restarts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again in `after` seconds, and those with it that `restarted_with` names; `history` takes the place of the one given."""

    after: float
    history: History


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It alone cannot be kept alive; it is tried anew in `retry_after` seconds."""

    retry_after: float
    reason: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """The level gives up, and its parent decides. `hopeless` where no restart can mend it."""

    reason: str
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class LetGo:
    """It ended as it should."""


Decision = Restart | GiveUp | Escalate | LetGo


def decide(child: ChildSpec, end: Exit, history: History, now: float, policy: LevelPolicy | None = None) -> Decision:
    """What follows from the end of a child that nobody asked to stop. `now` is monotonic seconds.

    Args:
        policy: of the child's level; without it, the factory's own.
    """
    policy = policy or POLICIES[child.level]
    if not _comes_back(child.restart, end.ending):
        return LetGo()
    if end.ending is Ending.BROKEN:
        return _give_up(child, policy, f"{child.name} cannot run: {end.reason}", hopeless=True)
    restarts, too_many = add_restart(history.restarts, now, policy.intensity)
    if too_many:
        how_often = f"more than {policy.intensity.restarts} restarts within {policy.intensity.period:g} s"
        return Escalate(f"level {child.level}: {how_often}, the last of {child.name}: {end.reason}")
    if end.lived >= STEADY_SECONDS and not end.hung:
        return Restart(0.0, History((), restarts))
    strikes, too_many = add_restart(history.strikes, now, _window(child.intensity, end.hung))
    if too_many:
        how = "hung or ended soon after its start {} times" if end.hung else "ended {} times soon after its start"
        return _give_up(child, policy, f"{child.name} {how.format(len(strikes))}, the last: {end.reason}")
    return Restart(child.delay.after(len(strikes)), History(strikes, restarts))


def _window(intensity: Intensity, hung: float) -> Intensity:
    """The time in which a child hung is not counted: its noticing takes longer than the period of those that end at once."""
    return Intensity(intensity.restarts, intensity.period + intensity.restarts * hung)


def _comes_back(restart: Restarts, ending: Ending) -> bool:
    match restart:
        case Restarts.PERMANENT:
            return True
        case Restarts.TRANSIENT:
            return ending is not Ending.FINISHED
        case Restarts.TEMPORARY:
            return False
    assert_never(restart)


def _give_up(child: ChildSpec, policy: LevelPolicy, reason: str, *, hopeless: bool = False) -> GiveUp | Escalate:
    return Escalate(reason, hopeless) if policy.fatal else GiveUp(child.intensity.period, reason)


@dataclass(frozen=True, slots=True)
class StopFactory:
    """The factory cannot go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class RestartLevel:
    """Stop what is left of the level and start all of it anew in `after` seconds; `escalations` takes the place of those given."""

    after: float
    escalations: tuple[float, ...]


def escalate(policy: LevelPolicy, gave_up: Escalate, escalations: Sequence[float], now: float) -> StopFactory | RestartLevel:
    """What the root does with a level that gave up, as a supervisor does with a child that ended."""
    within, too_many = add_restart(escalations, now, policy.escalation)
    if policy.fatal and (too_many or gave_up.hopeless):
        return StopFactory(gave_up.reason)
    return RestartLevel(policy.escalation.period if too_many else policy.delay.after(len(within)), within)


def restarted_with(strategy: Strategy, siblings: Sequence[str], failed: str) -> tuple[str, ...]:
    """The children of a level, in start order, that are stopped in reverse and started again when one failed."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return tuple(name for name in siblings if name == failed)
        case Strategy.ONE_FOR_ALL:
            return tuple(siblings)
        case Strategy.REST_FOR_ONE:
            return tuple(siblings[siblings.index(failed) :])
    assert_never(strategy)


def stop_order(children: Iterable[ChildSpec], policies: Mapping[Level, LevelPolicy] = POLICIES) -> list[list[ChildSpec]]:
    """Batches to stop one after the other: the reverse of the start order given, a level all at once where it says so."""
    batches: list[list[ChildSpec]] = []
    for child in reversed(list(children)):
        joins = policies[child.level].together and batches and batches[-1][0].level is child.level
        if joins:
            batches[-1].append(child)
        else:
            batches.append([child])
    return batches
