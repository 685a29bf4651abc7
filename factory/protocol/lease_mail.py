"""Who works on what: between the queue and the dispatcher. Parts of the inboxes in `mailbox`."""

from factory.protocol.mail import Lease, Mail, Work


class Credit(Mail, frozen=True, tag="credit"):
    """Dispatcher → queue: claim up to `free` items beyond the `seen` claims of incarnation `boot` (both from Claimed or Outstanding).

    Of those that need labels only such as one of `labels` has all of: those of a host each that has a place free.
    """

    boot: str
    seen: int
    free: int
    labels: tuple[tuple[str, ...], ...] = ()


class Claimed(Mail, frozen=True, tag="claimed"):
    """Queue → dispatcher: these leases are new. `made` counts all claims of this incarnation."""

    boot: str
    made: int
    work: tuple[Work, ...]


class Outstanding(Mail, frozen=True, tag="outstanding"):
    """Queue → dispatcher: all leases there are, on request and whenever a Credit names another incarnation.

    `work` is theirs, in several mails where one cannot hold it; all other fields are the same in each of them.

    Attributes:
        unleased: workers not known to be gone although their lease is over.
        survey: the number of the Survey that this answers, 0 where it answers none.
        publishing: results whose pull request is being made and has met no trouble yet.
    """

    boot: str
    made: int
    leases: tuple[Lease, ...]
    work: tuple[Work, ...]
    unleased: tuple[Lease, ...] = ()
    survey: int = 0
    publishing: int = 0


class Survey(Mail, frozen=True, tag="survey"):
    """Dispatcher → queue: send Outstanding. By the `number` the answer can be told from one to an earlier question."""

    number: int = 0


class GiveBack(Mail, frozen=True, tag="give_back"):
    """Dispatcher → queue (ask: GivenBack), when the factory ends and no worker has an actor: all leases end, nothing is claimed."""

    reason: str


class NoneMade(Mail, frozen=True, tag="none_made"):
    """Worker → dispatcher: whoever makes workers on this machine is not there; look before more is claimed for it."""


class GivenBack(Mail, frozen=True, tag="given_back"):
    """Workers not known to be gone: those whose leases have ended by it, and those whose leases were over before."""

    unleased: tuple[Lease, ...]


class LeaseEnded(Mail, frozen=True, tag="lease_ended"):
    """Queue → dispatcher and the worker actor: this lease is over, whoever holds it must stop."""

    lease: Lease
    reason: str
