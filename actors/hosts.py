"""The hosts of remote workers: enrols them, holds their sessions, has orders carried out there, and sends and fetches files.

    RemoteHost ──HostCall──► hosts ══ORDER══► gateway ══► host          host ══WANT_SOURCE══► hosts: a bundle of the mirror, in pieces
    RemoteHost ◄─HostAnswer─ hosts ◄══DONE═══ gateway ◄══ host          hosts ══GET═════════► host: a worker's result, in pieces

All that comes from a host came through the gateway, which knows it by its key. Which keys are good is this actor's to say: it reads
them from the store and tells the gateway at each beat and on each change. It trusts a host with its own workers and nothing else:
which repository one may have follows from the worker's lease.
"""

import logging
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from actors.background import Background
from actors.base import FactoryActor
from actors.complaints import Complaints
from actors.host_enrolment import Doors, HostEnrolment, another_version
from actors.host_session import Calls, Session, is_worker, plain, plain_facts, plain_state
from actors.host_traffic import Traffic
from actors.host_ways_out import HostWaysOut
from factory.domain.hosts import LOCAL
from factory.errors import FactoryError, Retryable
from factory.host_ports import HostStore, KnownHost, Sources
from factory.parcels import Arrivals
from factory.ports import Clock, Mailbox
from factory.protocol.codec import BadMessage, Decoder, encode, version_of
from factory.protocol.commands import Reply, SteerHost
from factory.protocol.egress_mail import LetOutElsewhere, SpentKept, TermsTold
from factory.protocol.host import (
    Chunk,
    DataHello,
    FromHost,
    Get,
    HostBeat,
    HostDone,
    HostHello,
    HostOutlay,
    HostPong,
    HostReject,
    HostWelcome,
    KeyTaken,
    NewKey,
    ToHost,
    ToJoiner,
    WantSource,
    WantTerms,
    WorkerState,
)
from factory.protocol.host_mail import (
    HostAnswer,
    HostCall,
    HostInbound,
    HostKey,
    HostKeys,
    HostList,
    HostLook,
    HostOutbound,
    Hosts,
    HostSeen,
    JoinAnswer,
    JoinAsked,
)
from factory.protocol.version import compatible
from factory.transport.loop import Source

log = logging.getLogger(__name__)

_GATEWAY = "gateway"
_LONGEST_TICK = 0.5
"""Seconds: a piece that was lost is asked for again within two of them."""

_TIDY_SECONDS = 600.0
"""Between two looks for files that nobody needs: each attempt may leave a bundle of a whole repository."""

_KEY_CHARACTERS = 40


class HostsActor(FactoryActor):
    """See above."""

    def __init__(
        self, *, mailbox: Mailbox, clock: Clock, store: HostStore, sources: Sources, arrivals: Arrivals, background: Background,
        doors: Doors, heartbeat: float,
    ) -> None:  # fmt: skip
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._background, self._enrolment = store, background, HostEnrolment(store, doors, heartbeat)
        self._heartbeat, self._began = heartbeat, clock.monotonic()
        self._known: dict[str, KnownHost] = {}
        self._is_read = False
        self._sessions: dict[str, Session] = {}
        self._heard: dict[str, dict[str, Any] | None] = {}
        self._calls, self._complaints = Calls(), Complaints()
        self._traffic = Traffic(arrivals, sources, store, background, clock, self._calls, self._send_to)
        self._ways_out = HostWaysOut(mailbox, clock, store, self._sessions, self._complaints, self._send)
        self._told_at = self._tidy_at = float("-inf")
        self._from_host: Decoder[FromHost] = Decoder(FromHost)
        self.tick_every = min(heartbeat / 2, _LONGEST_TICK)

    def sources(self) -> list[Source]:
        return [self._background]

    def on_start(self) -> None:
        self._tidy()
        self._look()

    def on_stop(self) -> None:
        self._background.close()
        self._traffic.arrivals.close()

    def on_mail(self, mail: Any) -> HostAnswer | Hosts | Reply | None:
        match mail:
            case HostInbound():
                self._hear(mail)
            case JoinAsked():
                self._join(mail)
            case HostCall():
                return self._call(mail)
            case HostLook():
                return self._look_at(mail)
            case HostList():
                return Hosts(tuple(self._seen(known) for known in self._known.values()), self.clock.monotonic() - self._began)
            case SteerHost():
                return self._steer(mail)
            case LetOutElsewhere() | TermsTold() | SpentKept():
                self._ways_out.tell(mail)
        return None

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        self._traffic.packed(self._sessions)

    def on_tick(self) -> None:
        now = self.clock.monotonic()
        if now - self._told_at >= self._heartbeat:
            self._look()
        if now >= self._tidy_at:
            self._tidy()
        self._tell_complaints()
        for call in self._calls.forget(now):
            self._traffic.forget(call.mail)
        for session in self._sessions.values():
            self._order_what_is_due(session)
            self._traffic.go_on(session)

    def _tidy(self) -> None:
        self._tidy_at = self.clock.monotonic() + _TIDY_SECONDS
        self._traffic.tidy()

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Reads which hosts there are, tells the gateway, and notes who was heard. While the store is away what was known holds."""
        try:
            if self._heard:
                self._store.seen(self._heard)
                self._heard = {}
            self._known, self._is_read = {known.name: known for known in self._store.known()}, True
        except Retryable as error:
            log.warning("the hosts cannot be read now: %s", error)
            return
        for gone in self._sessions.keys() - self._known.keys():
            del self._sessions[gone]
        self._tell_keys()

    def _tell_keys(self) -> None:
        self._told_at = self.clock.monotonic()
        pairs = [(known, key) for known in self._known.values() for key in (known.key, known.next_key) if key]
        self.mailbox.tell(_GATEWAY, HostKeys(tuple(HostKey(key, known.name, known.expires_in) for known, key in pairs)))

    def _join(self, mail: JoinAsked) -> None:
        self._answer_joiner(mail, self._enrolment.joined(mail))
        self._look()

    def _answer_joiner(self, mail: JoinAsked, answer: ToJoiner) -> None:
        self.mailbox.tell(_GATEWAY, JoinAnswer(mail.route, encode(answer)))

    # -- what a host says ---------------------------------------------------------------------------------------------

    def _hear(self, mail: HostInbound) -> None:
        try:
            said = self._from_host(mail.frame)
        except BadMessage as error:
            self._complain(mail.host, f"sent what is no message: {error}")
            if version := version_of(mail.frame):
                self._refuse_other_version(mail, version)
            return
        known = self._known.get(mail.host)
        if known is None:
            return
        if mail.key == known.next_key:
            self._key_used(known)
        if isinstance(said, HostHello):
            self._greet(mail, known, said)
            return
        session = self._sessions.get(mail.host)
        if session is None or said.sid != session.sid:
            self._send_to(mail.host, mail.route, HostReject("unknown_session"))
            return
        session.heard = self.clock.monotonic()
        self._said(session, known, mail, said)

    def _greet(self, mail: HostInbound, known: KnownHost, hello: HostHello) -> None:
        if self._refuse_other_version(mail, hello.v):
            return
        session = self._sessions.get(mail.host)
        if session is None or session.boot != hello.boot or session.route != mail.route:
            facts = plain_facts(hello.facts)
            session = Session(mail.host, secrets.token_hex(8), hello.boot, mail.route, facts, self.clock.monotonic())
            self._sessions[mail.host] = session
            self._heard[mail.host] = msgspec.to_builtins(facts)
            log.info("host %s is here", mail.host)
        self._send(session, HostWelcome(session.sid, self._heartbeat, known.expires_in))

    def _refuse_other_version(self, mail: HostInbound, version: str) -> bool:
        if compatible(version):
            return False
        self._send_to(mail.host, mail.route, HostReject("version", another_version(version)))
        return True

    def _said(self, session: Session, known: KnownHost, mail: HostInbound, said: FromHost) -> None:
        match said:
            case DataHello():
                session.data_route = mail.route
            case HostBeat(_, seq):
                # The gateway may have been restarted under a connection that the host takes for the same.
                session.route = mail.route
                if session.takes_beat(said):
                    self._heard.setdefault(session.host, None)
                    self._send(session, HostPong(session.sid, seq, known.expires_in))
            case NewKey(_, public_key):
                self._renew(session, mail, public_key)
            case HostDone():
                self._done(session, said)
            case WantSource(_, worker) if not is_worker(worker):
                self._complain(session.host, "wants a source for what is no worker")
            case WantSource() | Get() | Chunk():
                self._traffic.hear(session, said)
            case WantTerms() | HostOutlay():
                self._ways_out.hear(session, said)

    def _renew(self, session: Session, mail: HostInbound, public_key: str) -> None:
        if len(public_key) == _KEY_CHARACTERS and self._stored(lambda: self._store.renew(session.host, mail.key, public_key)):
            self._look()
            self._send(session, KeyTaken(session.sid, public_key))

    def _key_used(self, known: KnownHost) -> None:
        if self._stored(lambda: self._store.use_next(known.name, known.next_key)):
            self._look()

    def _stored(self, work: Callable[[], bool]) -> bool:
        try:
            return work()
        except FactoryError as error:
            # The host says it again; a key that somebody else has is refused each time.
            log.warning("a key of a host cannot be noted: %s", error)
            return False

    # -- orders -------------------------------------------------------------------------------------------------------

    def _call(self, mail: HostCall) -> HostAnswer:
        if self._is_nobody(mail.host):
            return HostAnswer("done", trouble="unavailable", reason=f"There is no host {mail.host} any more.")
        session, known = self._here(mail.host), self._calls.get(mail.id)
        if session is None and (known is None or known.answer is None):
            self._calls.give_up(mail)
            self._traffic.forget(mail)
            return HostAnswer("away", reason=f"the host {mail.host} cannot be reached")
        call = self._calls.take(mail, self.clock.monotonic())
        if call is None:
            return HostAnswer("away", reason="too much is asked of hosts at once")
        if session is not None:
            self._order_what_is_due(session)
        return call.answer or HostAnswer("pending")

    def _look_at(self, mail: HostLook) -> HostAnswer:
        host, worker = mail.host, mail.worker
        if not host:
            try:
                place = self._store.place_of(worker)
            except Retryable:
                return HostAnswer("away", reason="the factory's database cannot be reached")
            if place is None or place.host in {"", LOCAL} or not place.counts:
                return HostAnswer("done", WorkerState(worker, "gone"))
            host = place.host
        if self._is_nobody(host):
            # Its key is worth nothing any more, and so is what its workers would say.
            return HostAnswer("done", WorkerState(worker, "gone"))
        session = self._here(host)
        answer = session.look(worker) if session else HostAnswer("away", reason=f"the host {host} cannot be reached")
        return msgspec.structs.replace(answer, host=host)

    def _is_nobody(self, host: str) -> bool:
        """Whether no key of this host is good. Before the hosts were read for the first time nobody knows."""
        return self._is_read and host not in self._known

    def _here(self, host: str) -> Session | None:
        session = self._sessions.get(host)
        return session if session and session.is_here(self.clock.monotonic(), self._heartbeat) else None

    def _order_what_is_due(self, session: Session) -> None:
        for call in self._calls.due(session.host, session.sid, self.clock.monotonic(), self._heartbeat):
            order = call.order(session.sid, self.clock.monotonic())
            try:
                self._send(session, order)
            except BadMessage as error:
                call.done = HostDone(session.sid, call.mail.id)
                call.answer = HostAnswer("done", trouble="invalid", reason=str(error))

    def _done(self, session: Session, done: HostDone) -> None:
        call = self._calls.get(done.id)
        if call is None or call.mail.host != session.host or call.done is not None:
            return
        call.done = done
        state = plain_state(done.state) if done.state is not None and done.state.name == call.mail.worker else None
        if state is not None:
            session.note(state)
        if call.mail.verb == "collect" and not done.trouble:
            self._traffic.fetch(session, call, done)
        elif state is None and not done.trouble:
            # Taken for the worker's end otherwise.
            call.answer = HostAnswer("done", trouble="unavailable", reason="the host did not say what became of the worker")
        else:
            reason = f"the disk of the host {session.host} is full" if done.full else plain(done.reason)
            call.answer = HostAnswer("done", state, done.trouble, reason, full=done.full)

    # -- operators ----------------------------------------------------------------------------------------------------

    def _steer(self, order: SteerHost) -> Reply:
        reply = self._enrolment.steer(order)
        self._look()
        return reply

    def _complain(self, host: str, what: str) -> None:
        self._complaints.note(host, what)
        self._tell_complaints()

    def _tell_complaints(self) -> None:
        for told in self._complaints.due(self.clock.monotonic()):
            log.warning("host %s", told.sentence)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _seen(self, known: KnownHost) -> HostSeen:
        session = self._sessions.get(known.name)
        if session is None:
            return HostSeen(known.name, here=False, draining=known.draining, capacity=0, labels=known.labels)
        return session.seen(self.clock.monotonic(), self._heartbeat, known.labels, draining=known.draining, hosts=len(self._known))

    def _send(self, session: Session, message: ToHost) -> bool:
        return self._send_to(session.host, session.route, message)

    def _send_to(self, host: str, route: bytes, message: ToHost) -> bool:
        asks = message.count if isinstance(message, Get) else 0
        return self.mailbox.tell(_GATEWAY, HostOutbound(host, route, encode(message), asks))
