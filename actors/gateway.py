"""The gateway: the only socket that workers reach. It checks who speaks, for which lease and how much, and passes on; nothing else.

It runs in a process of its own without database rights and with a memory cap, since a hostile peer can make zmq fill its memory.

Beats come with everything else that workers say. What many of them cost is being woken for each, which gathering them spares. A PULL of
their own, without the frame that names the connection, would spare a quarter of a percent of a core more for a thousand beats a second,
and take a second connection and handshake of every worker, and a second port to be opened for those on other machines.
"""

import logging
from collections import Counter
from typing import Any

from actors.base import FactoryActor
from actors.gateway_shares import HostShare, WorkerShare
from factory.domain.ids import WorkerId, parse_worker_id, worker_actor
from factory.errors import ActorUnavailable, Conflict
from factory.ports import Clock, Mailbox
from factory.protocol.codec import BadMessage, Decoder
from factory.protocol.gateway_mail import Distrusted, Enrol, Enrolled, Enrolment, Inbound, Outbound, Revoke
from factory.protocol.host_mail import HostInbound, HostKeys, HostOutbound, JoinAnswer, JoinAsked
from factory.protocol.mailbox import Lease, Ok, Refused
from factory.protocol.worker import Done, Envelope, Fail, Log
from factory.transport.enrol_desk import EnrolDesk
from factory.transport.loop import Source
from factory.transport.worker_link import Received, WorkerLink

log = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
"""The queue answers in milliseconds; a gateway that cannot reach it tries again on its tick."""

MAX_MESSAGE = 64 * 1024
"""Bytes of a message. A result's learnings, a failure's evidence and a piece of log may be longer; whatever else is, floods."""

MAX_IMPOSTORS = 5
"""Messages in another's name until the key is taken back. An agent of ours never sends one; a mix-up at a restart may send a few."""

MAX_GARBLED = 20
"""Messages that are none until the key is taken back. An agent of ours sends none; one of another version is refused at its HELLO."""

REST = 0.02
"""Seconds for which messages gather where they come thick: of a thousand beats a second that were handled one by one each would cost
a turn and a wake-up of three threads. Every deadline of a worker is a matter of seconds."""

_HOSTS = "hosts"

_QUOTED = 32
"""Bytes of such a message that the log keeps: enough to tell what it is, too few for a key that the worker may hold."""


class Gateway(FactoryActor):
    """Routes between worker agents and worker actors.

    Attributes:
        impostors: messages in another's name, by the worker that sent them.
        garbled: messages that could not be understood, by worker.
        dropped: messages that were too long or too many, by worker.

    Args:
        enrolment: where machines enrol that remote workers are to run on; None where none may.
    """

    def __init__(
        self, *, mailbox: Mailbox, clock: Clock, link: WorkerLink, heartbeat: float, enrolment: EnrolDesk | None = None
    ) -> None:  # fmt: skip
        super().__init__(mailbox=mailbox, clock=clock)
        self._link, self._enrolment = link, enrolment
        self._host_shares: dict[str, HostShare] = {}
        self._decode: Decoder[Envelope] = Decoder(Envelope)
        self._enrolled = False
        self._shares: dict[str, WorkerShare] = {}
        self._cut: set[str] = set()
        self.tick_every = self._heartbeat = heartbeat
        self.rest = REST
        self.impostors: Counter[str] = Counter()
        self.garbled: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def sources(self) -> list[Source]:
        return [*self._link.pollables(), *([self._enrolment] if self._enrolment else [])]

    def on_start(self) -> None:
        self._recover()

    def on_tick(self) -> None:
        if not self._enrolled:
            self._recover()

    def on_stop(self) -> None:
        self._link.close()
        if self._enrolment is not None:
            self._enrolment.close()

    def on_mail(self, mail: Any) -> Ok | Refused | None:
        match mail:
            case Outbound(lease, frame):
                self._link.send(lease.worker, frame)
            case Enrol(lease, public_key):
                return self._enrol(lease.worker, public_key)
            case Revoke(lease):
                self._revoke(lease.worker)
            case HostOutbound(host, route, frame, asks):
                if self._link.send_host(host, route, frame) and asks:
                    self._host_share(host, self.clock.monotonic()).grant(asks)
            case HostKeys(keys):
                self._link.hosts.replace(keys)
            case JoinAnswer(route, frame) if self._enrolment is not None:
                self._enrolment.answer(route, frame)
        return None

    def on_ready(self, source: Source) -> None:
        if self._enrolment is not None and source is self._enrolment:
            for asked in self._enrolment.drain():
                self.mailbox.tell(_HOSTS, JoinAsked(asked.key, asked.route, asked.payload))
            return
        # One drain serves both of the link's sources.
        # What came in before a key was taken back is no more worth than what comes after.
        self._cut.clear()
        now = self.clock.monotonic()
        for received in self._link.drain():
            if received.host:
                self._pass_on_of_host(received, now)
            elif received.worker not in self._cut:
                self._pass_on(received, now)

    def _pass_on_of_host(self, received: Received, now: float) -> None:
        host = received.host
        if self._host_share(host, now).takes(len(received.payload), now):
            self.mailbox.tell(_HOSTS, HostInbound(host, received.key, received.route, received.payload))
        else:
            self._drop(f"host {host}")

    def _host_share(self, host: str, now: float) -> HostShare:
        share = self._host_shares.get(host)
        if share is None:
            share = self._host_shares[host] = HostShare.full(now)
        return share

    def _recover(self) -> None:
        """A gateway that was killed lets the living workers in again, without them or anyone else having to do a thing."""
        try:
            known = self.mailbox.ask("queue", Enrolled(), _ASK_SECONDS)
        except ActorUnavailable as error:
            log.warning("the workers' keys are not known yet: %s", error)
            return
        if isinstance(known, Enrolment):
            self._enrolled = True
            for worker, key in known.keys.items():
                self._enrol(worker, key)

    def _enrol(self, worker: str, public_key: str) -> Ok | Refused:
        try:
            self._link.enrol(worker, public_key)
        except Conflict as error:
            return Refused(str(error), "conflict")
        return Ok()

    def _revoke(self, worker: str) -> None:
        self._link.revoke(worker)
        self._shares.pop(worker, None)
        del self.impostors[worker], self.garbled[worker], self.dropped[worker]

    def _pass_on(self, received: Received, now: float) -> None:
        envelope, fault = self._understood(received.payload)
        if not self._share(received.worker, now).takes(envelope, now) or _is_too_long(received.payload, envelope):
            self._drop(received.worker)
        elif envelope is None:
            self._note_garbled(received, fault)
        else:
            self._route(received, Lease(envelope.item, envelope.epoch))

    def _understood(self, payload: bytes) -> tuple[Envelope | None, str]:
        try:
            return self._decode(payload), ""
        except BadMessage as error:
            return None, str(error)

    def _share(self, worker: str, now: float) -> WorkerShare:
        share = self._shares.get(worker)
        if share is None:
            share = self._shares[worker] = WorkerShare.full(self._heartbeat, now)
        return share

    def _drop(self, worker: str) -> None:
        # Not acknowledged, so an agent that only had much to tell says it again. Logged once: this is where a flood ends.
        if not self.dropped[worker]:
            log.warning("worker %s sends more than it may; what is too much is dropped", worker)
        self.dropped[worker] += 1

    def _route(self, received: Received, lease: Lease) -> None:
        if lease.worker == received.worker:
            self.mailbox.tell(worker_actor(WorkerId(lease.worker)), Inbound(lease, received.payload))
            return
        # The key says who speaks; what the body claims beyond that is refused.
        self.impostors[received.worker] += 1
        log.warning("worker %s spoke for %s", received.worker, lease.worker)
        if self.impostors[received.worker] >= MAX_IMPOSTORS:
            self._distrust(received.worker, f"the worker spoke {MAX_IMPOSTORS} times in the name of another")

    def _note_garbled(self, received: Received, fault: str) -> None:
        """No actor ever sees it. What it was and who sent it stays in the log."""
        self.garbled[received.worker] += 1
        size, begins = len(received.payload), received.payload[:_QUOTED]
        log.warning("worker %s sent what is no message: %s: %d bytes, %r", received.worker, fault, size, begins)
        if self.garbled[received.worker] >= MAX_GARBLED:
            self._distrust(received.worker, f"the worker sent {MAX_GARBLED} times what is no message")

    def _distrust(self, worker: str, reason: str) -> None:
        self._revoke(worker)
        self._cut.add(worker)
        named = parse_worker_id(worker)
        if named is not None:
            self.mailbox.tell(worker_actor(WorkerId(worker)), Distrusted(Lease(*named), reason))


def _is_too_long(payload: bytes, envelope: Envelope | None) -> bool:
    return len(payload) > MAX_MESSAGE and not (envelope and isinstance(envelope.body, Done | Fail | Log))
