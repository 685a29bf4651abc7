"""A work item: its statuses, the one table of legal moves, and what follows from the end of an attempt.

queued ──claim──► assigned ──accept──► running ──done──► publishing ──► completed | in_review
▲                  │                   │                  │
└── requeue ◄──────┴── failure ◄───────┴──── rejected ◄───┘         parked, stuck, needs_approval wait
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import assert_never

from factory.domain.backoff import BackoffPolicy
from factory.domain.ids import Epoch, ItemId


class Status(StrEnum):
    """Where a work item is. Each value but the terminal ones has what it needs to move on (invariant I1)."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    RUNNING = "running"
    PUBLISHING = "publishing"
    IN_REVIEW = "in_review"
    PARKED = "parked"
    STUCK = "stuck"
    NEEDS_APPROVAL = "needs_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


LEASED = frozenset({Status.ASSIGNED, Status.RUNNING})
TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
WAITS_FOR_A_PERSON = frozenset({Status.STUCK, Status.NEEDS_APPROVAL})

_ENDED_BY_A_PERSON = frozenset({Status.CANCELLED})
_MERGED_BY_A_PERSON = frozenset({Status.COMPLETED})
"""Whose pull request was merged, although another attempt on it was to come or had failed, is done."""
_AFTER_AN_ATTEMPT = frozenset({Status.QUEUED, Status.PARKED, Status.STUCK, Status.NEEDS_APPROVAL, Status.FAILED})

MOVES: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.ASSIGNED, Status.NEEDS_APPROVAL}) | _MERGED_BY_A_PERSON | _ENDED_BY_A_PERSON,
    Status.ASSIGNED: frozenset({Status.RUNNING}) | _AFTER_AN_ATTEMPT | _MERGED_BY_A_PERSON | _ENDED_BY_A_PERSON,
    Status.RUNNING: frozenset({Status.PUBLISHING}) | _AFTER_AN_ATTEMPT | _MERGED_BY_A_PERSON | _ENDED_BY_A_PERSON,
    Status.PUBLISHING: frozenset({Status.COMPLETED, Status.IN_REVIEW}) | _AFTER_AN_ATTEMPT | _ENDED_BY_A_PERSON,
    Status.IN_REVIEW: frozenset({Status.COMPLETED, Status.QUEUED, Status.STUCK}) | _ENDED_BY_A_PERSON,
    Status.PARKED: frozenset({Status.QUEUED, Status.NEEDS_APPROVAL}) | _MERGED_BY_A_PERSON | _ENDED_BY_A_PERSON,
    Status.STUCK: frozenset({Status.QUEUED, Status.PARKED, Status.NEEDS_APPROVAL}) | _MERGED_BY_A_PERSON | _ENDED_BY_A_PERSON,
    Status.NEEDS_APPROVAL: frozenset({Status.QUEUED, Status.PARKED, Status.PUBLISHING}) | _MERGED_BY_A_PERSON | _ENDED_BY_A_PERSON,
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset({Status.QUEUED, Status.PARKED}) | _MERGED_BY_A_PERSON | _ENDED_BY_A_PERSON,
    Status.CANCELLED: frozenset({Status.QUEUED, Status.PARKED}),
}
"""The only moves there are. Failed and cancelled items go back to the queue when a person asks for a retry, and where they have no spec
yet to those that wait for one. A failed one whose pull request is open still ends with that."""


class Priority(IntEnum):
    """Lower is sooner. Stored as this integer."""

    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3


AGEING_SECONDS = 3600
"""Waiting this long is worth one step of priority.

Written as `created_at + priority * AGEING_SECONDS` the order never changes with the clock, so a plain partial index serves it.
"""


class FailureClass(StrEnum):
    """Why an attempt ended without a result; the class alone decides what it costs."""

    AGENT = "agent"
    GATE = "gate"
    QUOTA = "quota"
    INFRA = "infra"
    AUTH = "auth"
    NO_SPACE = "no_space"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the decision after an attempt needs to know of its item."""

    item: ItemId
    epoch: Epoch
    status: Status
    attempts: int
    """Attempts burnt so far."""
    setbacks: int
    """Ends that burnt no attempt in a row (infra, auth, no_space)."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds on trying again. Times in seconds."""

    max_attempts: int = 3
    max_setbacks: int = 10
    retry_stuck: bool = True
    quota_pause: float = 900.0
    """How long a usage limit that does not say when it opens keeps an item parked."""
    attempt_backoff: BackoffPolicy = BackoffPolicy(base=10.0, cap=900.0)
    setback_backoff: BackoffPolicy = BackoffPolicy(base=2.0, cap=900.0)


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt ended without a result."""

    failure: FailureClass
    reason: str
    """One sentence for a person."""
    evidence: str = ""
    """Bounded output that the next attempt is shown."""
    retry_after: float = 0.0
    """Seconds that somebody asked to wait; the distance of the backoff may be longer."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The agent makes no progress; the attempt is over, its reason goes to the next one or to a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The lease is returned unused (factory stopping, worker never started): costs nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waits:
    """Not the item's fault: it is parked until the condition holds."""

    condition: str
    """What opens it: `locks:<repo>`, `limit:<name>`, ..."""
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """What every worker of an engine needs is shut: the item waits until it opens, and no other item of that engine is claimed.

    Attributes:
        seconds: until it opens by itself; None where a person must pay or log in first.
    """

    engine: str
    kind: str
    reason: str
    seconds: float | None


Ending = Failed | Stuck | GivenBack | Waits | Held


def hold_condition(engine: str) -> str:
    """What parks an item until an engine may be used again."""
    return f"hold:{engine}"


def engine_family(engine: str) -> str:
    """The engine behind `name:argument`: what a usage limit or a login is for."""
    return engine.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Next:
    """The row after an attempt without a result."""

    status: Status
    attempts: int
    setbacks: int
    delay: float
    """Seconds before it may be claimed again."""
    reason: str
    condition: str | None = None


def after(standing: Standing, ending: Ending, policy: RetryPolicy, jitter: float) -> Next:
    """What becomes of an item whose attempt ended without a result.

    Args:
        jitter: uniform in [0, 1), drawn by the caller so that this stays a function.
    """
    match ending:
        case GivenBack(reason):
            return Next(Status.QUEUED, standing.attempts, standing.setbacks, 0.0, reason)
        case Waits(condition, reason):
            return Next(Status.PARKED, standing.attempts, standing.setbacks, 0.0, reason, condition)
        case Held(engine, _, reason, seconds):
            return Next(Status.PARKED, standing.attempts, standing.setbacks, seconds or 0.0, reason, hold_condition(engine))
        case Stuck(reason):
            return _after_stuck(standing, reason, policy, jitter)
        case Failed(failure, reason):
            following = _after_failure(standing, failure, reason, policy, jitter)
            return replace(following, delay=max(following.delay, ending.retry_after))
        case _:
            assert_never(ending)


def _after_stuck(standing: Standing, reason: str, policy: RetryPolicy, jitter: float) -> Next:
    attempts = standing.attempts + 1
    if not policy.retry_stuck or attempts >= policy.max_attempts:
        return Next(Status.STUCK, attempts, 0, 0.0, reason)
    return Next(Status.QUEUED, attempts, 0, policy.attempt_backoff.delay(standing.attempts, jitter), reason)


def _after_failure(standing: Standing, failure: FailureClass, reason: str, policy: RetryPolicy, jitter: float) -> Next:
    match failure:
        case FailureClass.AGENT | FailureClass.GATE:
            attempts = standing.attempts + 1
            if attempts >= policy.max_attempts:
                return Next(Status.FAILED, attempts, 0, 0.0, reason)
            return Next(Status.QUEUED, attempts, 0, policy.attempt_backoff.delay(standing.attempts, jitter), reason)
        case FailureClass.INFRA | FailureClass.AUTH | FailureClass.NO_SPACE:
            setbacks = standing.setbacks + 1
            if setbacks >= policy.max_setbacks:
                return Next(Status.STUCK, standing.attempts, setbacks, 0.0, reason)
            delay = policy.setback_backoff.delay(standing.setbacks, jitter)
            return Next(Status.QUEUED, standing.attempts, setbacks, delay, reason)
        case FailureClass.QUOTA:
            # Who shut it did not say for how long; the caller raises the delay where somebody did.
            return Next(Status.PARKED, standing.attempts, standing.setbacks, policy.quota_pause, reason, "limit:provider")
        case FailureClass.POLICY:
            return Next(Status.NEEDS_APPROVAL, standing.attempts, 0, 0.0, reason)
        case _:
            assert_never(failure)
