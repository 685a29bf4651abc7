"""The dispatcher: gives the queue credit as far as limits allow, has an actor started for each lease, and reconciles.

Everything it does on an event it does again on its tick from what the queue and the host say, so no message it misses is missed for good.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from actors.background import Background
from actors.base import FactoryActor
from actors.placement import Nowhere, Placement
from factory.domain.dispatch import ORPHAN_AGE, ORPHAN_GRACE, Board, sweep
from factory.domain.ids import WorkerId, parse_worker_id, worker_actor
from factory.domain.lease import LeaseTerms
from factory.errors import FactoryError
from factory.ports import Clock, Mailbox
from factory.protocol.attempt_mail import Finish, WorkerGone
from factory.protocol.gateway_mail import Revoke
from factory.protocol.host_mail import HostList
from factory.protocol.lease_mail import Claimed, Credit, GiveBack, GivenBack, LeaseEnded, NoneMade, Outstanding, Survey
from factory.protocol.limiter_mail import Capacity, Room, RoomChanged
from factory.protocol.mailbox import Children, Lease, Shutdown, StartWorkerActor, Stopping, Tree, Work
from factory.transport.loop import Source
from factory.worker_ports import Life, WorkerHost

log = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
"""Limiter and supervisor answer in milliseconds; after this the tick tries again."""

_SURVEY_EVERY = 4
"""Ticks between two surveys: two heartbeats."""


class Dispatcher(FactoryActor):
    """The main loop.

    Args:
        remote: whether workers may be made on other machines.
        labels: of this one.
        alone: workers have no network of their own.
        ready: raises `FactoryError` where the host could make no worker now; items wait then, and are told why.
    """

    def __init__(
        self, *, mailbox: Mailbox, clock: Clock, host: WorkerHost, background: Background, heartbeat: float, remote: bool = False,
        labels: frozenset[str] = frozenset(), alone: bool = False, ready: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox=mailbox, clock=clock)
        self._ready, self._away = ready, ""
        self._placement = Placement(remote, labels=labels, grace=LeaseTerms(heartbeat).boot_grace, alone=alone)
        self._host, self._background, self._heartbeat = host, background, heartbeat
        self._board = Board()
        self._on_host: frozenset[str] | None = None
        self._survey = 0
        # The survey that was asked after the queue had lost its credit for a drain; 0 while the factory is not being drained.
        self._drained_at = 0
        # The supervisor starts nothing any more.
        self._stops = False
        self._ticks = 0
        self._orphan_age, self._orphan_grace = ORPHAN_AGE * heartbeat, ORPHAN_GRACE * heartbeat
        self.tick_every = heartbeat / 2

    def sources(self) -> list[Source]:
        return [self._background]

    def on_start(self) -> None:
        # The queue may still hold the credit that the dispatcher before this one gave.
        self.mailbox.tell("queue", Credit("", 0, 0))
        self._reconcile()

    def on_stop(self) -> None:
        # Where it alone is stopped nobody places what is claimed.
        self.mailbox.tell("queue", Credit("", 0, 0))
        tree = self.answer_of("supervisor", Children(), _ASK_SECONDS)
        if isinstance(tree, Tree) and tree.stopping == "now":
            self._give_back()
        self._background.close()

    def on_mail(self, mail: Any) -> None:
        match mail:
            case Claimed(boot, made, work):
                self._board = self._board.claimed(boot, made, frozenset(one.lease.worker for one in work))
                self._place(work, claimed=True)
                self._refill()
            case Outstanding():
                self._surveyed(mail)
            case LeaseEnded(lease):
                self._board = self._board.ended(lease.worker)
                self._refill()
            case NoneMade():
                self._reconcile()
                self._refill()
            case RoomChanged():
                self._actors()
                self._refill()

    def on_tick(self) -> None:
        self._ticks += 1
        orphan_in = self._board.orphan_in(self.clock.monotonic(), self._orphan_age)
        # Who is about to have been unknown for long enough is looked at then, not up to a tick later.
        self.tick_every = min(self._heartbeat / 2, orphan_in) if orphan_in > 0 else self._heartbeat / 2
        if self._ticks % _SURVEY_EVERY == 0 or not self._board.reconciled or self._drained_at or orphan_in <= 0:
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
            return
        free = self._free()
        self.mailbox.tell("queue", Credit(self._board.boot, self._board.made, free, self._placement.offered_labels))

    def _free(self) -> int:
        if self._stops or not (self._board.reconciled or self._away):
            return 0
        if self._placement.remote:
            self._placement.keep(self._board.active)
            self._placement.heard(self.answer_of("hosts", HostList(), _ASK_SECONDS), self.clock.monotonic())
        elsewhere = self._placement.elsewhere if self._placement.remote else None
        # A host here that can make none says nothing about the others.
        away = "" if self._placement.free_elsewhere else self._away
        labels = (self._placement.known_labels, self._placement.offered_labels)
        reconnecting, barred = self._placement.reconnecting, self._placement.barred
        asked = Capacity(
            len(self._board.active), bool(self._drained_at), elsewhere, away, *labels, reconnecting=reconnecting, barred=barred
        )  # fmt: skip
        room = self.answer_of("limiter", asked, _ASK_SECONDS)
        if not isinstance(room, Room):
            return 0
        self._placement.here = 0 if self._away else room.here
        free = min(room.free, self._placement.free_elsewhere) if self._away else room.free
        return 0 if self._drained_at else free

    # -- reconciliation -----------------------------------------------------------------------------------------------

    def _reconcile(self) -> None:
        # The host is listed before the leases are read: the other order would take a worker made in between for an orphan.
        try:
            self._on_host = frozenset(seen.name for seen in self._host.list_owned() if parse_worker_id(seen.name))
            self._ready()
        except (FactoryError, OSError) as error:  # a full disk, a host that is away: this sweep is left out
            self._host_is_away(str(error))
        else:
            self._away = ""
        self._ask_queue()

    def _host_is_away(self, why: str) -> None:
        if why != self._away:
            log.warning("no worker can be made now: %s", why)
        self._away, self._on_host, self._board = why, None, self._board.unreconciled()

    def _ask_queue(self) -> None:
        self._survey += 1
        self.mailbox.tell("queue", Survey(self._survey))

    def _surveyed(self, mail: Outstanding) -> None:
        self._board = self._board.surveyed(mail.boot, mail.made, frozenset(lease.worker for lease in mail.leases))
        self._placement.keep(self._board.active, mail.work)
        cared_for = self._actors()
        if cared_for is not None:
            self._place((one for one in mail.work if one.lease.worker not in cared_for), claimed=False)
            self._clean(mail, cared_for)
            self._end_drain(mail, cared_for)
        self._refill()

    def _actors(self) -> frozenset[str] | None:
        """Workers whose actor is alive, None while the supervisor does not say."""
        tree = self.answer_of("supervisor", Children(), _ASK_SECONDS)
        if not isinstance(tree, Tree):
            return None
        self._heed(tree.stopping)
        prefix = worker_actor(WorkerId(""))
        return frozenset(node.name.removeprefix(prefix) for node in tree.nodes if node.name.startswith(prefix) and node.pid)

    def _place(self, work: Iterable[Work], *, claimed: bool) -> None:
        for wanted in work:
            one = self._placement.put(wanted)
            if isinstance(one, Nowhere):
                self.mailbox.tell("queue", Finish(wanted.lease, 0, "given_back" if one.passing else "infra", one.reason))
                continue
            answer = self.answer_of("supervisor", StartWorkerActor(one), _ASK_SECONDS)
            self._stops = self._stops or isinstance(answer, Stopping)
            if self._stops and claimed:
                # Claimed while workers were being stopped. Only these: a lease that a survey finds may have a worker that is left running.
                self.mailbox.tell("queue", Finish(one.lease, 0, "given_back", "the factory was stopped"))

    def _clean(self, mail: Outstanding, cared_for: frozenset[str]) -> None:
        known = {lease.worker: lease for lease in mail.unleased if lease.worker not in cared_for}
        orphans: frozenset[str] = frozenset()
        # Not with an answer to an earlier question: those leases may have been read before the host was listed.
        if self._on_host is not None and mail.survey == self._survey:
            on_host, self._on_host = self._on_host - known.keys(), None
            self._board, orphans = sweep(self._board, on_host, cared_for, self.clock.monotonic(), self._orphan_age)
        for worker in sorted(orphans):
            log.warning("worker %s is removed: nothing was known of it for %g heartbeats", worker, ORPHAN_AGE)
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
            self._host.stop(worker, self._orphan_grace)
            self._host.remove(worker)
        except FactoryError:
            log.exception("worker %s could not be removed", worker)
            raise

    # -- the end of the factory ---------------------------------------------------------------------------------------

    def _give_back(self) -> None:
        """Nobody looks after a worker any more. Most leases were given back by their actors.

        Not those whose actor was killed, was waiting for its restart or had just been started, nor those that were claimed since:
        the next start would take them for workers to adopt.
        """
        given = self.answer_of("queue", GiveBack("the factory was stopped"), _ASK_SECONDS)
        for lease in given.unleased if isinstance(given, GivenBack) else ():
            self._end_worker(lease)

    def _end_worker(self, lease: Lease) -> None:
        try:
            self._remove(lease.worker)
        except (FactoryError, OSError) as error:
            log.warning("worker %s is left to the next start: %s", lease.worker, error)
        else:
            self.mailbox.tell("queue", WorkerGone(lease, "the factory was stopped"))

    # -- drain --------------------------------------------------------------------------------------------------------

    def _heed(self, stopping: str) -> None:
        """While the factory is drained or stopped nothing is claimed. A drain is ended by another word of the operator."""
        self._stops = self._stops or stopping in {"now", "detach"}
        if (stopping == "drain") is bool(self._drained_at):
            return
        self._drained_at = self._survey + 1 if stopping == "drain" else 0
        if self._drained_at:
            # In this order: what the answer does not list, no credit that is still on its way can add.
            self._refill()
            self._ask_queue()

    def _end_drain(self, mail: Outstanding, cared_for: frozenset[str]) -> None:
        """Says that the factory may stop once nothing is under way: no lease, no worker, no result on its way to a pull request."""
        if self._drained_at and mail.survey >= self._drained_at and not (mail.leases or mail.unleased or mail.publishing or cared_for):
            self.mailbox.tell("supervisor", Shutdown("now"))
