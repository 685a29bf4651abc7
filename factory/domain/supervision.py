"""The tree as data: levels, child specs and their policies. The words are those of the Erlang/OTP supervisor.

What follows from the end of a child is `supervision_decide`, whether one hangs `health`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf


class Level(StrEnum):
    """A supervisor of the tree. The order is the order of starting."""

    CORE = "core"
    EDGE = "edge"
    WORKERS = "workers"


class Strategy(StrEnum):
    """Who is restarted with a child that died: it alone, all of its level, or it and those started after it.

    All state of the factory is in the database, so its own levels need the first alone.
    """

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


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
class LevelPolicy:
    """How a level treats its children, and how the root treats the level.

    Attributes:
        intensity: restarts of all children of the level together; beyond it the level gives up, and the root decides.
        fatal: whether the factory cannot do without it. A child of such a level that cannot be kept alive takes the level with it; of
            another level it is left down alone and tried anew after a while.
        together: whether the children are stopped all at once instead of one after the other.
        escalation: restarts of the level as a whole. Beyond it a fatal level ends the factory, another one rests for a period.
        delay: between the restarts of the level as a whole.
    """

    strategy: Strategy
    intensity: Intensity
    fatal: bool
    together: bool
    escalation: Intensity = field(default=Intensity(restarts=3, period=600.0))
    delay: RetryDelay = field(default=RetryDelay())


# Wide: on one bad day an operator, the kernel's OOM killer or a test may kill every process several times over.
_LEVEL_INTENSITY = Intensity(restarts=60, period=60.0)

# A core that cannot be kept alive is no better after a restart as a whole: its children have been started anew all along.
_NEVER = Intensity(restarts=0, period=600.0)

POLICIES: Mapping[Level, LevelPolicy] = {
    Level.CORE: LevelPolicy(Strategy.ONE_FOR_ONE, _LEVEL_INTENSITY, fatal=True, together=False, escalation=_NEVER),
    Level.EDGE: LevelPolicy(Strategy.ONE_FOR_ONE, _LEVEL_INTENSITY, fatal=False, together=False),
    Level.WORKERS: LevelPolicy(Strategy.ONE_FOR_ONE, _LEVEL_INTENSITY, fatal=False, together=True),
}


LONGEST_TURN = 90.0
"""Seconds. Far above the 30 s after which a statement fails on a store that does not answer: waiting for it is no hanging."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child of the tree.

    Attributes:
        kind: which actor it hosts; empty where it is called like the child.
        shutdown: seconds between asking it to stop and killing it; None kills at once (OTP's `brutal_kill`).
        start_timeout: seconds within which it must say that it is ready.
        intensity: strikes after which it is given up.
        longest_turn: seconds of one turn without a sign of life, after which it hangs and is replaced.
        keeps_leases: whether leases run out while it hangs, so that it must be replaced before.
    """

    name: str
    level: Level
    kind: str = ""
    restart: Restarts = Restarts.PERMANENT
    shutdown: float | None = 5.0
    start_timeout: float = 12.0
    intensity: Intensity = field(default=Intensity(restarts=3, period=60.0))
    delay: RetryDelay = field(default=RetryDelay())
    longest_turn: float = LONGEST_TURN
    keeps_leases: bool = False


class InvalidTree(ValueError):
    """The child specs cannot be a tree; said before the first child starts."""


def check(specs: Sequence[ChildSpec], policies: Mapping[Level, LevelPolicy] = POLICIES) -> None:
    """Raises `InvalidTree` for names used twice, levels out of order or without a policy, and times that cannot be."""
    for level in sorted({spec.level for spec in specs} | set(policies)):
        _check_level(level, policies)
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
    times = (spec.start_timeout, spec.longest_turn, spec.intensity.period, 1.0 if spec.shutdown is None else spec.shutdown)
    if not all(0 < time < inf for time in times) or spec.intensity.restarts < 0:
        raise InvalidTree(f"{spec.name}: times must be greater than zero and finite, restarts not negative")


def _check_level(level: Level, policies: Mapping[Level, LevelPolicy]) -> None:
    policy = policies.get(level)
    if policy is None:
        raise InvalidTree(f"level {level} has no policy")
    for intensity in (policy.intensity, policy.escalation):
        if intensity.restarts < 0 or not 0 < intensity.period < inf:
            raise InvalidTree(f"level {level}: periods must be greater than zero and finite, restarts not negative")
