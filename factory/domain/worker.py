"""The life of one worker, from lease to nothing left: `decide(life, input, now, terms) -> (life, effects)`.

    preparing ──prepared──► starting ──hello──► assigned ──accept──► running
        └───────────────────────┴──────────────────┴────────────────────┴──► finishing ──recorded──► ended

`finishing` repeats its report until the queue has recorded it; `ended` means the lease is gone and the worker is being removed.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from factory.domain.lease import LeaseTerms


class Phase(StrEnum):
    PREPARING = "preparing"
    STARTING = "starting"
    ASSIGNED = "assigned"
    RUNNING = "running"
    FINISHING = "finishing"
    ENDED = "ended"


# -- inputs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepared:
    """The repository is there and the declared files are locked."""


@dataclass(frozen=True, slots=True)
class Greeted:
    """The agent said HELLO; `fresh` where it has no assignment yet."""

    fresh: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The agent has the assignment."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Any sign of life of the agent."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The agent's counter of progress, as a beat carries it."""

    progress: int


@dataclass(frozen=True, slots=True)
class Postponed:
    """The worker could not be made now: who must know of it before does not answer, or what it needs is on its way to its host."""


@dataclass(frozen=True, slots=True)
class Reported:
    """The attempt is over, by the agent's word or by what the actor saw. `outcome` as in the queue's Finish."""

    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The queue stored the report, or says that the lease is gone."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The lease ended without us: killed, cancelled, expired."""

    reason: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The worker's process is no more. `outcome`: the class of that, as in `Reported`."""

    reason: str
    outcome: str = "infra"


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Input = Prepared | Greeted | Accepted | Heard | Counted | Postponed | Reported | Recorded | LeaseLost | Exited | Tick

# -- effects ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepare:
    """Ask delivery for the repository (again)."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Make the worker."""


@dataclass(frozen=True, slots=True)
class Assign:
    """Send the assignment (again)."""


@dataclass(frozen=True, slots=True)
class KeepLease:
    """Renew the lease on behalf of a worker that cannot speak yet."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the queue (again) how the attempt ended."""

    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stalled:
    """Say, once each time, that the agent beats and gets nowhere. It is a person's to judge: an iteration has its own bound."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Dismiss:
    """End the worker, remove it, say that it is gone, leave. Done once."""

    reason: str


Effect = Prepare | Launch | Assign | KeepLease | Report | Stalled | Dismiss


@dataclass(frozen=True, slots=True)
class Life:
    """Times are monotonic seconds.

    Attributes:
        since: when the phase began.
        heard: when the agent was last heard, or when counting began.
        asked: when the last effect that is repeated was made.
        ticked: the last tick, to notice that this process itself was stopped.
        moved: when the agent's counter changed last, or when counting began.
        report: what is being reported, in `finishing`.
        progress: the counter.
        stalled: whether it was said that the agent gets nowhere.
    """

    phase: Phase
    since: float
    heard: float
    asked: float
    ticked: float
    moved: float
    report: Reported | None = None
    progress: int = 0
    stalled: bool = False


PREPARE_LIMIT = 120
"""Heartbeats that a mirror may take to come up to date before the attempt is given up as infrastructure."""

FINISH_LIMIT = 12
"""Heartbeats that a report may wait for the agent's missing events: several repeats of each."""

REPEAT = 2
"""Heartbeats after which an unanswered request is made again."""


def begin(now: float) -> tuple[Life, tuple[Effect, ...]]:
    """A lease that no worker exists for yet."""
    return Life(Phase.PREPARING, now, now, now, now, now), (Prepare(),)


def adopt(now: float, *, running: bool) -> Life:
    """A worker that was there before this actor. It is given a full silence from now on to be heard."""
    return Life(Phase.RUNNING if running else Phase.STARTING, now, now, now, now, now)


def decide(life: Life, event: Input, now: float, terms: LeaseTerms) -> tuple[Life, tuple[Effect, ...]]:
    """One step. Inputs that do not fit the phase change nothing: they are repeats or came too late."""
    if life.phase is Phase.ENDED:
        return life, ()
    match event:
        case LeaseLost(reason):
            return _enter(life, Phase.ENDED, now), (Dismiss(reason),)
        case Recorded():
            return (_enter(life, Phase.ENDED, now), (Dismiss(life.report.reason),)) if life.report else (life, ())
        case Reported():
            return _report(life, event, now)
        case Exited(reason, outcome):
            return _report(life, Reported(outcome, reason), now)
        case Prepared():
            return (_enter(life, Phase.STARTING, now), (Launch(),)) if life.phase is Phase.PREPARING else (life, ())
        case Greeted(fresh):
            return _greeted(replace(life, heard=now), now, fresh=fresh)
        case Accepted():
            return _accepted(life, now), ()
        case Heard():
            return replace(life, heard=now), ()
        case Counted(progress):
            return (life if progress == life.progress else replace(life, progress=progress, moved=now, stalled=False)), ()
        case Postponed():
            return (replace(life, since=now) if life.phase is Phase.STARTING else life), ()
        case Tick():
            return _tick(life, now, terms)
        case _:
            assert_never(event)


def may_keep_lease(life: Life, now: float, terms: LeaseTerms) -> bool:
    """Whether beats of the agent still renew its lease.

    A report that is not taken, since events that it counts on never come, must not hold a place for ever: without beats
    the lease runs out and the queue decides.
    """
    return life.phase is not Phase.FINISHING or now - life.since <= FINISH_LIMIT * terms.heartbeat


def _enter(life: Life, phase: Phase, now: float) -> Life:
    return replace(life, phase=phase, since=now, heard=now, asked=now, moved=now, stalled=False)


def _report(life: Life, report: Reported, now: float) -> tuple[Life, tuple[Effect, ...]]:
    """The first report stands: an agent that exits after its DONE must not turn it into a failure."""
    if life.report is not None:
        return life, ()
    finishing = replace(_enter(life, Phase.FINISHING, now), report=report)
    return finishing, (Report(report.outcome, report.reason),)


def _accepted(life: Life, now: float) -> Life:
    return _enter(life, Phase.RUNNING, now) if life.phase in {Phase.STARTING, Phase.ASSIGNED} else replace(life, heard=now)


def _greeted(life: Life, now: float, *, fresh: bool) -> tuple[Life, tuple[Effect, ...]]:
    match life.phase:
        case Phase.STARTING:
            return _enter(life, Phase.ASSIGNED, now), (Assign(),)
        case Phase.ASSIGNED:
            # The phase goes on: an agent that only ever greets must run into its bound.
            return replace(life, asked=now), (Assign(),)
        case Phase.RUNNING if fresh:
            # The agent process was replaced under us, or its ACCEPT was recorded but the agent lost the assignment.
            return replace(life, asked=now), (Assign(),)
        case _:
            return life, ()


def _tick(life: Life, now: float, terms: LeaseTerms) -> tuple[Life, tuple[Effect, ...]]:
    if now - life.ticked > terms.tick_gap:
        # This process was stopped (host suspend, SIGSTOP): what it did not hear says nothing about the worker.
        life = replace(life, since=now, heard=now, asked=now, moved=now)
    life = replace(life, ticked=now)
    again = now - life.asked >= REPEAT * terms.heartbeat
    match life.phase:
        case Phase.PREPARING:
            return _waiting(
                life,
                now,
                PREPARE_LIMIT * terms.heartbeat,
                "the repository could not be made ready",
                Prepare() if again else None,
            )
        case Phase.STARTING:
            return _waiting(life, now, terms.start, "the worker never said HELLO", None)
        case Phase.ASSIGNED:
            return _waiting(life, now, terms.start, "the worker never accepted its assignment", Assign() if again else None)
        case Phase.RUNNING:
            if now - life.heard > terms.silence:
                return _report(life, Reported("infra", f"the worker was silent for {now - life.heard:.1f} s"), now)
            if now - life.moved > terms.stalled and not life.stalled:
                return replace(life, stalled=True), (Stalled(now - life.moved),)
            return life, ()
        case Phase.FINISHING:
            return (replace(life, asked=now), (_repeated(life),)) if again else (life, ())
        case Phase.ENDED:
            return life, ()
        case _:
            assert_never(life.phase)


def _repeated(life: Life) -> Report:
    if life.report is None:
        msg = "finishing without a report"
        raise AssertionError(msg)
    return Report(life.report.outcome, life.report.reason)


def _waiting(life: Life, now: float, limit: float, reason: str, repeat: Effect | None) -> tuple[Life, tuple[Effect, ...]]:
    if now - life.since > limit:
        return _report(life, Reported("infra", reason), now)
    if repeat is None:
        return life, (KeepLease(),)
    return replace(life, asked=now), (KeepLease(), repeat)
