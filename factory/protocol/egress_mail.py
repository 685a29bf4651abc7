"""The way out of workers without a network: who may use it, and what became of that. Parts of the inboxes in `mailbox`."""

from factory.protocol.host import HostTerms
from factory.protocol.mail import Lease, Mail


class LetOut(Mail, frozen=True, tag="let_out"):
    """Worker actor or delivery → egress: for `seconds` from now the worker may go out; said again with every beat.

    Whoever says it keeps what egress told of the attempt's spending, so that one that was started anew learns it here.

    Attributes:
        worker: the name by which it shows itself.
        reports_to: the address of the actor that hears what becomes of it; empty where nobody does.
        model: whether it may call the model.
        token_cap, micros_cap: of the attempt, 0 where there is none. Money is in millionths of a US dollar.
        host: the machine that the worker is on, where it is another one: that lets it out itself.
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
    host: str = ""


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
    """Worker actor or hosts → queue: what the attempt has used of its model by now, and which hosts it was not let to.

    Of two words about one attempt the larger figures hold, so that it may be said again, late, and in any order.

    Attributes:
        reports_to: the address that is told by SpentKept, with this `number`, once it is durable; empty where nobody waits for it.
    """

    lease: Lease
    tokens: int
    micros: int
    calls: int
    blocked: tuple[str, ...] = ()
    reports_to: str = ""
    number: int = 0


class SpentKept(Mail, frozen=True, tag="spent_kept"):
    """Queue → hosts: this is durable, or is of an attempt that there is not."""

    worker: str
    number: int


class LetOutElsewhere(Mail, frozen=True, tag="let_out_elsewhere"):
    """Egress → hosts: the same to the worker's host, which is to let it out by these terms (`host.HostLetOut`)."""

    let_out: LetOut
    terms: str


class TermsWanted(Mail, frozen=True, tag="terms_wanted"):
    """Hosts → egress: a host has to let out one of its workers and has not got the terms."""

    host: str
    worker: str
    terms: str


class TermsTold(Mail, frozen=True, tag="terms_told"):
    """Egress → hosts: what a host wanted; the `sid` is the session's to say."""

    host: str
    terms: HostTerms
