"""The ways out of workers on other machines, as far as the actor of hosts hands on what is said of them.

A host is believed what its own workers have used, and nothing about those of another: which host a worker is on is the queue's to say.
What it tells goes to the queue, which alone acknowledges it, once it is durable; so it is counted once however often it is said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from actors.complaints import Complaints
from actors.host_session import Session, is_worker, plain
from factory.domain.egress import MOST_BLOCKED, blocked_host
from factory.domain.ids import WorkerId, parse_worker_id, worker_actor
from factory.domain.token_bucket import TokenBucket
from factory.errors import Retryable
from factory.host_ports import HostStore
from factory.ports import Clock, Mailbox
from factory.protocol.egress_mail import LetOutElsewhere, Spent, SpentKept, TermsTold, TermsWanted, WentOut
from factory.protocol.host import MAX_WORKERS, HostLetOut, HostOutlay, OutlayKept, ToHost, WantTerms
from factory.protocol.mail import Lease

BURST, PER_SECOND = 2 * MAX_WORKERS, 100
"""Words of one host for which the store is asked: at once all that it may have to say of its workers. What is more it says again."""
_MOST_WAITING = 2_000
_MOST = 2**53 - 1
"""What every reader of a number can hold."""
_MOST_TERMS = 64


@dataclass(slots=True)
class HostWaysOut:
    """`send` hands a message to a host's control connection."""

    mailbox: Mailbox
    clock: Clock
    store: HostStore
    sessions: Mapping[str, Session]
    complaints: Complaints
    send: Callable[[Session, ToHost], bool]
    _waiting: dict[str, str] = field(default_factory=dict)
    _buckets: dict[str, TokenBucket] = field(default_factory=dict)

    # -- to a host ----------------------------------------------------------------------------------------------------

    def tell(self, mail: LetOutElsewhere | TermsTold | SpentKept) -> None:
        match mail:
            case LetOutElsewhere():
                self._let_out(mail)
            case TermsTold(host, terms) if (session := self._able(host)) is not None:
                self.send(session, msgspec.structs.replace(terms, sid=session.sid))
            case SpentKept(worker, number):
                session = self.sessions.get(self._waiting.pop(worker, ""))
                if session is not None:
                    self.send(session, OutlayKept(session.sid, worker, number))

    def _let_out(self, mail: LetOutElsewhere) -> None:
        said, session = mail.let_out, self._able(mail.let_out.host)
        if session is not None:
            told = HostLetOut(
                session.sid, said.worker, said.seconds, mail.terms, said.model, said.token_cap, said.micros_cap, said.tokens, said.micros,
                said.calls,
            )  # fmt: skip
            self.send(session, told)

    def _able(self, host: str) -> Session | None:
        """One of an older version would take it for noise."""
        session = self.sessions.get(host)
        return session if session is not None and session.facts.alone else None

    # -- from a host --------------------------------------------------------------------------------------------------

    def hear(self, session: Session, said: WantTerms | HostOutlay) -> None:
        lease = parse_worker_id(said.worker)
        if lease is None or not is_worker(said.worker):
            self.complaints.note(session.host, "tells of the way out of what is no worker")
            return
        if not self._may_ask(session.host):
            self.complaints.note(session.host, "tells more of ways out than is listened to")
            return
        try:
            place = self.store.place_of(said.worker)
        except Retryable:
            return  # it is said again
        is_its = place is not None and place.host == session.host
        if isinstance(said, WantTerms):
            if is_its and place is not None and place.alive:
                self.mailbox.tell("egress", TermsWanted(session.host, said.worker, said.terms[:_MOST_TERMS]))
        elif is_its:
            self._spent(session, Lease(*lease), said)
        else:
            self.complaints.note(session.host, "tells of the way out of a worker that it has not got")
            # Else it says so for ever.
            self.send(session, OutlayKept(session.sid, said.worker, said.number))

    def _may_ask(self, host: str) -> bool:
        """By its name, since it may begin a new session whenever it likes."""
        now = self.clock.monotonic()
        bucket = self._buckets.get(host) or TokenBucket.full(BURST, PER_SECOND, now)
        self._buckets[host], taken = bucket.take(now)
        return taken

    def _spent(self, session: Session, lease: Lease, said: HostOutlay) -> None:
        tokens, micros, calls, refused = (min(max(each, 0), _MOST) for each in (said.tokens, said.micros, said.calls, said.refused))
        blocked = tuple(dict.fromkeys(host for text in said.blocked[:MOST_BLOCKED] if (host := blocked_host(text))))
        self._waiting.pop(lease.worker, None)
        self._waiting[lease.worker] = session.host
        while len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self.mailbox.tell("queue", Spent(lease, tokens, micros, calls, blocked, "hosts", said.number))
        # It may have gone, with the attempt that it looked after; what was spent counts all the same.
        self.mailbox.tell(worker_actor(WorkerId(lease.worker)), WentOut(lease, tokens, micros, calls, blocked, plain(said.over), refused))
