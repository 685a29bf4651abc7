"""Supervision arithmetic: what follows from the end of a child. The words are those of the Erlang/OTP supervisor.

Two budgets, since two different things go wrong:

- *strikes* of a child: deaths soon after its start, or before it was ready. What cannot live spends them in seconds.
- *restarts* of a level: all of them. A child that works for a while and is killed again and again, or children that
  take turns in dying, spend these.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

STEADY_SECONDS = 1.0
"""A child that was ready for so long can live; its death is news from outside and no strike. A gateway that somebody
kills every two seconds must come back each time; one that ends as soon as it is up must not."""


class Level(StrEnum):
    """A supervisor of the tree. The order is the order of starting."""

    CORE = "core"
    EDGE = "edge"
    WORKERS = "workers"


class Strategy(StrEnum):
    """Who is restarted with a child that died. All state is in the database, so a child alone is enough."""

    ONE_FOR_ONE = "one_for_one"


class Restarts(StrEnum):
    """When a child is restarted: always, when it ended abnormally, or never."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Ending(StrEnum):
    """How a child ended."""

    FINISHED = "finished"
    CRASHED = "crashed"
    START_FAILED = "start_failed"
    BROKEN = "broken"
    PARENT_GONE = "parent_gone"
    KILLED = "killed"


EXIT_FINISHED = 0
EXIT_CRASHED = 70
EXIT_START_FAILED = 71
EXIT_PARENT_GONE = 72
EXIT_BROKEN = 78
"""The first is EX_SOFTWARE of sysexits.h, the last EX_CONFIG: something that no restart mends."""

_ENDINGS = {
    EXIT_FINISHED: Ending.FINISHED,
    EXIT_START_FAILED: Ending.START_FAILED,
    EXIT_PARENT_GONE: Ending.PARENT_GONE,
    EXIT_BROKEN: Ending.BROKEN,
}


def ending_of(code: int | None) -> Ending:
    """What an exit code says: negative for a signal, None where nobody could learn it."""
    if code is None or code < 0:
        return Ending.KILLED
    return _ENDINGS.get(code, Ending.CRASHED)


@dataclass(frozen=True, slots=True)
class Intensity:
    """At most `restarts` within `period` seconds."""

    restarts: int
    period: float


@dataclass(frozen=True, slots=True)
class LevelPolicy:
    """How a level treats its children.

    Attributes:
        intensity: restarts of all children of the level together.
        fatal: whether a child that cannot be kept alive ends the factory, or is left down alone.
        together: whether the children are stopped all at once instead of one after the other.
    """

    strategy: Strategy
    intensity: Intensity
    fatal: bool
    together: bool


# Wide: on one bad day an operator, the kernel's OOM killer or a test may kill every process several times over.
_LEVEL_INTENSITY = Intensity(restarts=60, period=60.0)

POLICIES = {
    Level.CORE: LevelPolicy(Strategy.ONE_FOR_ONE, _LEVEL_INTENSITY, fatal=True, together=False),
    Level.EDGE: LevelPolicy(Strategy.ONE_FOR_ONE, _LEVEL_INTENSITY, fatal=False, together=False),
    Level.WORKERS: LevelPolicy(Strategy.ONE_FOR_ONE, _LEVEL_INTENSITY, fatal=False, together=True),
}


_MOST_GROWTH = 20
"""Beyond this every cap is reached; a larger power would not fit a float."""


@dataclass(frozen=True, slots=True)
class RetryDelay:
    """Distance between restarts of a child that keeps dying: none at first, then growing fourfold. Seconds.

    Three restarts take ten seconds with the defaults: a database server that restarts is back by then.
    """

    base: float = 2.0
    cap: float = 30.0

    def after(self, strikes: int) -> float:
        """Seconds to wait before the restart that follows the given number of strikes."""
        if strikes <= 1:
            return 0.0
        return float(min(self.cap, self.base * 4.0 ** min(strikes - 2, _MOST_GROWTH)))


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child of the tree.

    Attributes:
        kind: which actor it hosts; empty where it is called like the child.
        shutdown: seconds between asking it to stop and killing it; None kills at once (OTP's `brutal_kill`).
        start_timeout: seconds within which it must say that it is ready.
        intensity: strikes after which it is given up.
    """

    name: str
    level: Level
    kind: str = ""
    restart: Restarts = Restarts.PERMANENT
    shutdown: float | None = 5.0
    start_timeout: float = 12.0
    intensity: Intensity = field(default=Intensity(restarts=3, period=60.0))
    delay: RetryDelay = field(default=RetryDelay())


class InvalidTree(ValueError):
    """The child specs cannot be a tree; said before the first child starts."""


def check(specs: Sequence[ChildSpec]) -> None:
    """Raises `InvalidTree` for names used twice, levels out of order and times that cannot be."""
    names = [spec.name for spec in specs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidTree(f"used for more than one child: {', '.join(twice)}")
    order = [list(Level).index(spec.level) for spec in specs]
    if order != sorted(order):
        raise InvalidTree(f"levels must come in the order {', '.join(Level)}")
    for spec in specs:
        _check_one(spec)


def _check_one(spec: ChildSpec) -> None:
    if not spec.name or "/" in spec.name:
        raise InvalidTree(f"{spec.name!r} cannot be the name of a child: it becomes the name of a socket")
    times = (spec.start_timeout, spec.intensity.period, 1.0 if spec.shutdown is None else spec.shutdown)
    if min(times) <= 0 or spec.intensity.restarts < 0:
        raise InvalidTree(f"{spec.name}: times must be greater than zero, restarts not negative")


def add_restart(restarts: Sequence[float], now: float, intensity: Intensity) -> tuple[tuple[float, ...], bool]:
    """Adds a restart at `now` (monotonic seconds) to those within the period; True where they are too many then."""
    within = (*(at for at in restarts if now - at < intensity.period), now)
    return within, len(within) > intensity.restarts


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a child. `lived` is the seconds since it was ready, 0 where it never was."""

    ending: Ending
    lived: float
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """Monotonic times: strikes of the child, restarts of its level."""

    strikes: tuple[float, ...] = ()
    restarts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again in `after` seconds; `history` takes the place of the one given."""

    after: float
    history: History


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It cannot be kept alive. Where the factory may go on without it, it is tried anew in `retry_after` seconds."""

    escalate: bool
    retry_after: float
    reason: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """It ended as it should."""


Decision = Restart | GiveUp | LetGo


def decide(child: ChildSpec, end: Exit, history: History, now: float) -> Decision:
    """What follows from the end of a child that nobody asked to stop. `now` is monotonic seconds."""
    if not _comes_back(child.restart, end.ending):
        return LetGo()
    if end.ending is Ending.BROKEN:
        return _give_up(child, f"{child.name} cannot run: {end.reason}")
    policy = POLICIES[child.level]
    restarts, too_many = add_restart(history.restarts, now, policy.intensity)
    if too_many:
        how_often = f"more than {policy.intensity.restarts} restarts within {policy.intensity.period:g} s"
        return _give_up(child, f"level {child.level}: {how_often}, the last of {child.name}: {end.reason}")
    if end.lived >= STEADY_SECONDS:
        return Restart(0.0, History((), restarts))
    strikes, too_many = add_restart(history.strikes, now, child.intensity)
    if too_many:
        return _give_up(child, f"{child.name} ended {len(strikes)} times soon after its start, the last: {end.reason}")
    return Restart(child.delay.after(len(strikes)), History(strikes, restarts))


def _comes_back(restart: Restarts, ending: Ending) -> bool:
    match restart:
        case Restarts.PERMANENT:
            return True
        case Restarts.TRANSIENT:
            return ending is not Ending.FINISHED
        case Restarts.TEMPORARY:
            return False
    assert_never(restart)


def _give_up(child: ChildSpec, reason: str) -> GiveUp:
    return GiveUp(POLICIES[child.level].fatal, child.intensity.period, reason)


def restarted_with(strategy: Strategy, siblings: Sequence[str], failed: str) -> tuple[str, ...]:
    """The children of a level, in start order, that are stopped in reverse and started again when one failed."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return tuple(name for name in siblings if name == failed)
    assert_never(strategy)


def stop_order(children: Iterable[ChildSpec]) -> list[list[ChildSpec]]:
    """Batches to stop one after the other: the reverse of the start order given, a level all at once where it says so."""
    batches: list[list[ChildSpec]] = []
    for child in reversed(list(children)):
        joins = POLICIES[child.level].together and batches and batches[-1][0].level is child.level
        if joins:
            batches[-1].append(child)
        else:
            batches.append([child])
    return batches
