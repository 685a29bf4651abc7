"""A child's place in the tree: it stays while processes come and go in it."""

import signal
from dataclasses import dataclass, field
from enum import StrEnum

from actors.launcher import Child
from factory.domain.supervision import POLICIES, ChildSpec
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
        strikes: early deaths, for `domain.supervision`.
        restarts: all of them, for people.
        last_words: what the process, or the supervisor of it, said about its end before it came.
        reason: why the last process ended.
    """

    spec: ChildSpec
    argument: bytes = b""
    state: State = State.PLANNED
    process: Child | None = None
    since: float = 0.0
    due: float | None = None
    arrived: bool = False
    killed: bool = False
    strikes: tuple[float, ...] = field(default=())
    restarts: int = 0
    last_words: str = ""
    reason: str = ""

    def enter(self, state: State, now: float, due: float | None = None) -> None:
        self.state, self.since, self.due = state, now, due

    def settled(self) -> bool:
        """Whether those after it may start: it was ready, or it is one that the factory can do without."""
        optional = not POLICIES[self.spec.level].fatal
        return self.arrived or (optional and self.state not in {State.PLANNED, State.STARTING})

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
            restarts=self.restarts,
            uptime=round(self.lived(now), 3),
            reason=self.reason,
        )


def described(code: int | None) -> str:
    """An exit code in words, for a process that said nothing itself."""
    if code is None:
        return "it is gone, and nobody could learn how it ended"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"it ended with exit code {code}"
