"""The gateway: the only socket that workers reach. It checks who speaks and for which lease, and passes on; it decides nothing.

It runs in a process of its own without database rights and with a memory cap, since a hostile peer can make zmq fill its memory.
"""

import logging
from typing import Any

from actors.base import FactoryActor
from factory.domain.ids import WorkerId, worker_actor
from factory.errors import ActorUnavailable, Conflict
from factory.ports import Clock, Mailbox
from factory.protocol.codec import BadMessage, Decoder
from factory.protocol.mailbox import Enrol, Enrolled, Enrolment, Inbound, Lease, Ok, Outbound, Refused, Revoke
from factory.protocol.worker import Envelope
from factory.transport.loop import Source
from factory.transport.worker_link import Received, WorkerLink

log = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
"""The queue answers in milliseconds; a gateway that cannot reach it tries again on its tick."""


class Gateway(FactoryActor):
    """Routes between worker agents and worker actors."""

    def __init__(self, *, mailbox: Mailbox, clock: Clock, link: WorkerLink, heartbeat: float) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._link = link
        self._decode: Decoder[Envelope] = Decoder(Envelope)
        self._enrolled = False
        self.tick_every = heartbeat
        self.impostors = 0

    def sources(self) -> list[Source]:
        return self._link.pollables()

    def on_start(self) -> None:
        self._recover()

    def on_tick(self) -> None:
        if not self._enrolled:
            self._recover()

    def on_stop(self) -> None:
        self._link.close()

    def on_mail(self, mail: Any) -> Ok | Refused | None:
        match mail:
            case Enrol(lease, public_key):
                return self._enrol(lease.worker, public_key)
            case Revoke(lease):
                self._link.revoke(lease.worker)
            case Outbound(lease, frame):
                self._link.send(lease.worker, frame)
        return None

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - one drain serves both of the link's sources
        for received in self._link.drain():
            self._pass_on(received)

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

    def _pass_on(self, received: Received) -> None:
        try:
            envelope = self._decode(received.payload)
        except BadMessage as error:
            log.warning("worker %s sent what is no message: %s", received.worker, error)
            return
        lease = Lease(envelope.item, envelope.epoch)
        if lease.worker != received.worker:
            # The key says who speaks; what the body claims beyond that is refused.
            self.impostors += 1
            log.warning("worker %s spoke for %s", received.worker, lease.worker)
            return
        self.mailbox.tell(worker_actor(WorkerId(lease.worker)), Inbound(lease, received.payload))
