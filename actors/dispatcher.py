"""The dispatcher: gives the queue credit as far as limits allow, has an actor started for each lease, and reconciles.

Everything it does on an event it does again on its tick from what the queue and the host say, so no message it misses is missed for good.
"""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from actors.background import Background
from actors.base import FactoryActor
from factory.domain.dispatch import Board, sweep
from factory.domain.ids import WorkerId, parse_worker_id, worker_actor
from factory.errors import FactoryError
from factory.ports import Clock, Life, Mailbox, WorkerHost
from factory.protocol.limiter_mail import RoomChanged
from factory.protocol.mailbox import (
    Capacity,
    Children,
    Claimed,
    Credit,
    Lease,
    LeaseEnded,
    Outstanding,
    Revoke,
    Room,
    StartWorkerActor,
    Survey,
    Tree,
    Work,
    WorkerGone,
)
from factory.transport.loop import Source

log = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
"""Limiter and supervisor answer in milliseconds; after this the tick tries again."""

_SURVEY_EVERY = 4
"""Ticks between two surveys: two heartbeats."""

_SWEEP_GRACE = 1.0
"""Seconds that a worker without a lease has to end by itself: nobody waits for its work."""


class Dispatcher(FactoryActor):
    """The main loop."""

    def __init__(self, *, mailbox: Mailbox, clock: Clock, host: WorkerHost, background: Background, heartbeat: float) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._host, self._background = host, background
        self._board = Board()
        self._on_host: frozenset[str] | None = None
        self._ticks = 0
        self.tick_every = heartbeat / 2

    def sources(self) -> list[Source]:
        return [self._background]

    def on_start(self) -> None:
        self._reconcile()

    def on_stop(self) -> None:
        self._background.close()

    def on_mail(self, mail: Any) -> None:
        match mail:
            case Claimed(boot, made, work):
                self._board = self._board.claimed(boot, made, frozenset(one.lease.worker for one in work))
                self._place(work)
                self._refill()
            case Outstanding():
                self._surveyed(mail)
            case LeaseEnded(lease):
                self._board = self._board.ended(lease.worker)
                self._refill()
            case RoomChanged():
                self._refill()

    def on_tick(self) -> None:
        self._ticks += 1
        if self._ticks % _SURVEY_EVERY == 0:
            self._reconcile()
        else:
            self._refill()

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        for key, result in self._background.drain():
            if isinstance(result, BaseException):
                log.warning("%s failed, the next sweep tries again: %s", key, result)

    # -- credit -------------------------------------------------------------------------------------------------------

    def _refill(self) -> None:
        if not self._board.boot:
            self.mailbox.tell("queue", Survey())
            return
        room = self.answer_of("limiter", Capacity(len(self._board.active)), _ASK_SECONDS)
        free = room.free if isinstance(room, Room) else 0
        self.mailbox.tell("queue", Credit(self._board.boot, self._board.made, free))

    # -- reconciliation -----------------------------------------------------------------------------------------------

    def _reconcile(self) -> None:
        # The host is listed before the leases are read: the other order would take a worker made in between for an orphan.
        try:
            self._on_host = frozenset(seen.name for seen in self._host.list_owned() if parse_worker_id(seen.name))
        except (FactoryError, OSError) as error:  # a full disk, a host that is away: this sweep is left out
            log.warning("the host's workers cannot be listed now: %s", error)
            self._on_host = None
        self.mailbox.tell("queue", Survey())

    def _surveyed(self, mail: Outstanding) -> None:
        self._board = self._board.surveyed(mail.boot, mail.made, frozenset(lease.worker for lease in mail.leases))
        cared_for = self._actors()
        if cared_for is not None:
            self._place(one for one in mail.work if one.lease.worker not in cared_for)
            self._clean(mail.unleased, cared_for)
        self._refill()

    def _actors(self) -> frozenset[str] | None:
        """Workers whose actor is alive, None while the supervisor does not say."""
        tree = self.answer_of("supervisor", Children(), _ASK_SECONDS)
        if not isinstance(tree, Tree):
            return None
        prefix = worker_actor(WorkerId(""))
        return frozenset(node.name.removeprefix(prefix) for node in tree.nodes if node.name.startswith(prefix) and node.pid)

    def _place(self, work: Iterable[Work]) -> None:
        for one in work:
            self.answer_of("supervisor", StartWorkerActor(one), _ASK_SECONDS)

    def _clean(self, unleased: Iterable[Lease], cared_for: frozenset[str]) -> None:
        known = {lease.worker: lease for lease in unleased if lease.worker not in cared_for}
        orphans: frozenset[str] = frozenset()
        if self._on_host is not None:
            self._board, orphans = sweep(self._board, self._on_host, cared_for)
            self._on_host = None
        for worker in known.keys() | orphans:
            self._background.submit(worker, partial(self._remove, worker))
        self._note_gone(known)

    def _note_gone(self, known: dict[str, Lease]) -> None:
        for worker, lease in known.items():
            if self._is_gone(worker):
                self.mailbox.tell("gateway", Revoke(lease))
                self.mailbox.tell("queue", WorkerGone(lease, "its lease was over"))

    def _is_gone(self, worker: str) -> bool:
        try:
            return self._host.poll(worker).life is Life.GONE
        except (FactoryError, OSError) as error:
            log.warning("nothing is known of worker %s now: %s", worker, error)
            return False

    def _remove(self, worker: str) -> None:
        try:
            self._host.stop(worker, _SWEEP_GRACE)
            self._host.remove(worker)
        except FactoryError:
            log.exception("worker %s could not be removed", worker)
            raise
