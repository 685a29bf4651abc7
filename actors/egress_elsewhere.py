"""Workers of other machines that may go out there: who they are, and by which terms their host lets each of them out.

    worker actor ──LetOut──► egress ──LetOutElsewhere──► hosts ══LET_OUT═════► host
                             egress ◄──TermsWanted────── hosts ◄═WANT_TERMS══ host
                             egress ───TermsTold───────► hosts ══TERMS═══════► host

A machine is told the key of the model only for a worker that may call the model, and while its actor vouches for it.
"""

import hashlib
import hmac
import logging
from dataclasses import dataclass, field

import msgspec

from actors.complaints import Complaints
from factory.domain.hosts import LOCAL
from factory.ports import Clock, Mailbox
from factory.protocol.codec import encode
from factory.protocol.egress_mail import LetOut, LetOutElsewhere, TermsTold, TermsWanted
from factory.protocol.host import HostTerms

log = logging.getLogger(__name__)

HOSTS = "hosts"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class OutTerms:
    """What holds for all of a factory's workers, as `host.HostTerms` has it.

    Attributes:
        secret: makes what stands for the terms tell nothing about them.
    """

    allowed: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    url: str = ""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    secret: bytes = field(default=b"", repr=False)

    def told(self, worker: str, *, model: bool) -> HostTerms:
        """To the host of one worker, without the session. The same terms have the same number after any restart."""
        login = {"url": self.url, "key": self.key, "token": self.token} if model else {}
        told = HostTerms("", worker, "", self.allowed, self.private, **login)
        content = encode(msgspec.structs.replace(told, worker=""))
        return msgspec.structs.replace(told, terms=hmac.new(self.secret, content, hashlib.sha256).hexdigest()[:_DIGITS])


def is_elsewhere(mail: LetOut) -> bool:
    return mail.host not in {"", LOCAL}


@dataclass(slots=True)
class Elsewhere:
    """Keeps nothing over a restart: workers' actors say all of it again with each beat."""

    mailbox: Mailbox
    clock: Clock
    terms: OutTerms
    _let_out: dict[str, tuple[LetOut, float]] = field(default_factory=dict)
    _complaints: Complaints = field(default_factory=Complaints)

    def let_out(self, mail: LetOut) -> None:
        self._let_out[mail.worker] = mail, self.clock.monotonic() + mail.seconds
        self.mailbox.tell(HOSTS, LetOutElsewhere(mail, self.terms.told(mail.worker, model=mail.model).terms))

    def shut_out(self, worker: str) -> None:
        """Its host has ended it, and shut it out with that: it is only told nothing more."""
        self._let_out.pop(worker, None)

    def wanted(self, mail: TermsWanted) -> None:
        said = self._let_out.get(mail.worker)
        if said is None or said[0].host != mail.host:
            self._complaints.note(mail.host, f"wants the terms of worker {mail.worker}, for which nobody vouches there")
            self.tell_complaints()
            return
        told = self.terms.told(mail.worker, model=said[0].model)
        # Others than it asked for are named to it with the next beat.
        if told.terms == mail.terms:
            self.mailbox.tell(HOSTS, TermsTold(mail.host, told))

    def tell_complaints(self) -> None:
        for told in self._complaints.due(self.clock.monotonic()):
            log.warning("host %s", told.sentence)

    def forget_old(self) -> None:
        now = self.clock.monotonic()
        self._let_out = {worker: said for worker, said in self._let_out.items() if said[1] > now}
