"""A child's place in the tree: it stays while processes come and go in it."""

import signal
from dataclasses import dataclass, field
from enum import StrEnum

from actors.launcher import Child
from factory.domain.supervision import ChildSpec
from factory.protocol import mailbox as mail


class State(StrEnum):
    """Where a child is. Shown to people."""

    PLANNED = "planned"
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    GAVE_UP = "gave up"
    STOPPING = "stopping"
    STOPPED = "stopped"
    HELD = "stopped by operator"


@dataclass(slots=True, eq=False)
class Node:
    """What the supervisor knows of a child. All times are monotonic seconds.

    Attributes:
        argument: handed to each process of this child.
        process: from its making until its end has been seen, whatever the state is called.
        since: when the state was entered.
        due: when the state must have been left; what happens then hangs on the state.
        arrived: whether it was ready once.
        killed: whether the process was sent SIGKILL.
        hung: seconds without a sign of life for which it was sent that, else 0.
        strikes: early deaths and hangs, for `domain.supervision_decide`.
        launches: processes that were made for it.
        held_by: the operator who stopped it. Only the word of an operator takes it back.
        again: whether it is stopped only to be started again at once, as the operator said.
        last_words: what the process, or the supervisor of it, said about its end before it came.
        reason: why the last process ended that nobody had asked to.
        inbox: messages it has taken and not dealt with, None while it does not say.
        dropped: messages that it did not understand.
    """

    spec: ChildSpec
    argument: bytes = b""
    state: State = State.PLANNED
    process: Child | None = None
    since: float = 0.0
    due: float | None = None
    arrived: bool = False
    killed: bool = False
    hung: float = 0.0
    strikes: tuple[float, ...] = field(default=())
    launches: int = 0
    held_by: str = ""
    again: bool = False
    last_words: str = ""
    reason: str = ""
    inbox: int | None = None
    dropped: int = 0

    def enter(self, state: State, now: float, due: float | None = None) -> None:
        self.state, self.since, self.due = state, now, due

    def settled(self, *, fatal: bool) -> bool:
        """Whether those after it may start: it was ready, will not be, or is one that the factory can do without (not `fatal`)."""
        if self.arrived or self.state in {State.STOPPED, State.HELD}:
            return True
        return not fatal and self.state not in {State.PLANNED, State.STARTING}

    def lived(self, now: float) -> float:
        """Seconds since the process was ready."""
        return now - self.since if self.state is State.RUNNING else 0.0

    def seen(self, now: float) -> mail.Child:
        """This node as others see it."""
        return mail.Child(
            name=self.spec.name,
            level=self.spec.level,
            pid=self.process.pid if self.process else None,
            state=self.state,
            restarts=max(0, self.launches - 1),
            uptime=round(self.lived(now), 3),
            reason=self.reason,
            inbox=self.inbox if self.state is State.RUNNING else None,
            dropped=self.dropped,
            stopped_by=self.held_by,
        )


def described(code: int | None) -> str:
    """An exit code in words, for a process that said nothing itself."""
    if code is None:
        return "it is gone, and nobody could learn how it ended"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"it ended with exit code {code}"
