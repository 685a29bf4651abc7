"""The way out of workers without a network: who may use it, and what became of that. Parts of the inboxes in `mailbox`."""

from factory.protocol.mail import Lease, Mail


class LetOut(Mail, frozen=True, tag="let_out"):
    """Worker actor or delivery → egress: for `seconds` from now the worker may go out; said again with every beat.

    Whoever says it keeps what egress told of the attempt's spending, so that one that was started anew learns it here.

    Attributes:
        worker: the name by which it shows itself.
        reports_to: the address of the actor that hears what becomes of it; empty where nobody does.
        model: whether it may call the model.
        token_cap, micros_cap: of the attempt, 0 where there is none. Money is in millionths of a US dollar.
    """

    lease: Lease
    worker: str
    seconds: float
    reports_to: str = ""
    model: bool = False
    token_cap: int = 0
    micros_cap: int = 0
    tokens: int = 0
    micros: int = 0
    calls: int = 0


class ShutOut(Mail, frozen=True, tag="shut_out"):
    """Worker actor or delivery → egress: the worker may not go out any more."""

    worker: str


class WentOut(Mail, frozen=True, tag="went_out"):
    """Egress → worker actor: all that became of the attempt's way out so far.

    Attributes:
        blocked: hosts that it was not let to.
        over: why its model is called no more, empty while it may be; `refused` calls were not made for it.
    """

    lease: Lease
    tokens: int
    micros: int
    calls: int
    blocked: tuple[str, ...] = ()
    over: str = ""
    refused: int = 0


class Spent(Mail, frozen=True, tag="spent"):
    """Worker actor → queue: what the attempt has used of its model by now, and which hosts it was not let to."""

    lease: Lease
    tokens: int
    micros: int
    calls: int
    blocked: tuple[str, ...] = ()
