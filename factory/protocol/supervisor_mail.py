"""Messages to and from the supervisor. They are part of the inboxes in `mailbox`."""

from typing import Literal

import msgspec

from factory.protocol.mail import Mail, Work

StopMode = Literal["now", "detach", "drain"]


class StartWorkerActor(Mail, frozen=True, tag="start_worker_actor"):
    """Dispatcher → supervisor (ask: Ok | Refused | Unavailable | Stopping): start the actor of this lease unless it is there already."""

    work: Work


class Stopping(Mail, frozen=True, tag="stopping"):
    """The factory is being stopped: nothing is started any more."""


class Children(Mail, frozen=True, tag="children"):
    """Anyone → supervisor (ask: Tree)."""


class Child(msgspec.Struct, frozen=True):
    """A node of the supervision tree.

    Attributes:
        restarts: processes that were made for it after the first one.
        uptime: seconds since it was ready.
        reason: why its last process ended that nobody had asked to.
        inbox: messages that it has taken and not dealt with; at least so many, since what still waits in the senders' sockets nobody can
            count. None while it does not say.
        dropped: messages that it did not understand, and dropped.
        stopped_by: the operator who stopped it; empty where none did.
    """

    name: str
    level: str
    pid: int | None
    state: str
    restarts: int
    uptime: float
    reason: str = ""
    inbox: int | None = None
    dropped: int = 0
    stopped_by: str = ""


class Tree(Mail, frozen=True, tag="tree"):
    """`stopping` is the mode in which the factory is being stopped, empty where it is not."""

    nodes: tuple[Child, ...]
    stopping: Literal["", "now", "detach", "drain"] = ""


class Shutdown(Mail, frozen=True, tag="shutdown"):
    """Supervisor → any actor: finish what you are at and leave; the process is killed when its shutdown time is over.

    Anyone → supervisor (ask: Ok | Refused): stop the factory. Only there the mode counts, and a later word overrides an earlier one.

    Attributes:
        mode: now stops all in order, workers first; detach leaves workers running, for the next start to adopt; drain only says so in
            `Tree`: the dispatcher starts no more work, and sends `now` when none is left. Refused where an
            operator has stopped one without whom that never happens.
    """

    mode: StopMode = "now"


class Health(Mail, frozen=True, tag="health"):
    """Anyone → any actor (ask: Ok), answered between two turns. The supervisor asks the process instead: see `Vitals`."""


class Vitals(Mail, frozen=True, tag="vitals"):
    """A child's process → supervisor: how its actor does. Answered also while a turn is under way.

    Attributes:
        turn: seconds since the current turn last showed a sign of life; 0 where there is no turn.
        inbox: messages taken and not dealt with.
        dropped: messages dropped because they were none that the actor understands.
    """

    turn: float
    inbox: int
    dropped: int
