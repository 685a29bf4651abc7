"""The queue: the one owner of work items.

What waited in the inbox becomes one transaction; what arrives meanwhile forms the next one. So there is no timer in the way of a
single message and one commit for many. Claims are made in the same transaction, as far as the dispatcher gave credit.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from actors.durable import DurableActor
from actors.parcels import parcels
from actors.queue_clocks import QueueClocks
from actors.queue_credit import CreditLine
from actors.queue_desk import QueueDesk, Turn
from actors.storable import storable
from factory.domain.ids import WorkerId, worker_actor
from factory.domain.lease import LeaseTerms
from factory.errors import InvalidInput, Retryable
from factory.holds import reached
from factory.ports import Clock, Mailbox
from factory.protocol.attempt_mail import Accepted, Finish, Happened, Recorded, RecordedResult, Renew, Renewed, Starting
from factory.protocol.commands import EmergencyStop, Reply, Steer, Submit
from factory.protocol.lease_mail import Claimed, Credit, LeaseEnded
from factory.protocol.lock_mail import Release
from factory.protocol.mailbox import Lease, Refused, Stale
from factory.queue_ports import QueueRound, WorkStore

log = logging.getLogger(__name__)

_UNPARK_EVERY = 4
"""Ticks between two looks at parked items: the safety net behind `Unparked`."""


class WorkQueue(DurableActor):
    """Carries out the queue's mail in group commits.

    Args:
        boot: new for each start; the incarnations that dispatchers hear of are told from it.
    """

    def __init__(self, *, mailbox: Mailbox, clock: Clock, store: WorkStore, terms: LeaseTerms, boot: str, dice: random.Random) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._terms, self._dice = store, terms, dice
        self._credits = CreditLine(boot)
        self._desk = QueueDesk(self._credits, dice)
        self._clocks = QueueClocks(clock, terms)
        self._beats: dict[Lease, Renew] = {}
        self._ticks = 0
        self.tick_every = terms.heartbeat / 2

    def on_batch(self, mails: Sequence[Any]) -> Sequence[Any]:
        """One transaction for all of them."""
        self._beats.update({mail.lease: mail for mail in mails if isinstance(mail, Renew)})
        for mail in mails:
            if isinstance(mail, Credit):
                self._credits.grant(mail)
        try:
            answers, turn = self.durably(lambda: self._round(mails))
        except InvalidInput as error:
            return self._one_by_one(mails, error)
        self._send(turn)
        return answers

    def _one_by_one(self, mails: Sequence[Any], error: InvalidInput) -> Sequence[Any]:
        """What the store cannot take must stop neither the mail beside it nor the queue: its sender would only repeat it."""
        if len(mails) > 1:
            return [answer for mail in mails for answer in self.on_batch([mail])]
        (mail,) = mails
        if isinstance(mail, Submit | Steer | EmergencyStop):
            return [Reply("invalid", str(error))]
        try:
            fit = storable(mail)
        except msgspec.ValidationError:  # a field that must be a number was none
            fit = mail
        return [self._unstorable(mail, error)] if fit == mail else self.on_batch([fit])

    def _unstorable(self, mail: Any, error: InvalidInput) -> Refused | Stale | None:
        """One agent's mail must end its own attempt at most: a queue that ended with it would find it again after its start."""
        log.error("the store cannot take a %s: %s", type(mail).__name__, error)
        match mail:
            case Happened() | Accepted() | Finish():
                self.mailbox.tell(worker_actor(WorkerId(mail.lease.worker)), Recorded(mail.lease, mail.seq, "stale"))
            case Starting():
                return Stale(mail.lease, str(error))
        return Refused(str(error), "invalid")

    def on_tick(self) -> None:
        """Renews what beat since the last tick, takes back what fell silent, claims what has come due."""
        self._ticks += 1
        self._credits.stir()
        try:
            turn = self.durably(self._tick_round)
        except InvalidInput as error:
            turn = self._without_bad_beats(error)
        self._beats.clear()
        self._send(turn)

    def _without_bad_beats(self, error: InvalidInput) -> Turn:
        """The beats one by one; one that cannot be stored ends its lease, and none keeps the others from being renewed."""
        log.error("the store cannot take a beat: %s", error)
        beats, ended = self._beats, Turn()
        for lease, beat in beats.items():
            self._beats = {lease: beat}
            try:
                self._send(self.durably(self._beat_round))
            except InvalidInput as why:
                ended.to_worker(lease, LeaseEnded(lease, str(why)))
        self._beats = {}
        turn = self.durably(self._tick_round)
        turn.post.extend(ended.post)
        return turn

    # -- rounds -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _durable_round(self) -> Iterator[QueueRound]:
        """A round of the store. One that failed at its very end may have claimed all the same, and nobody was told.

        Credits on their way know nothing of such claims: a new incarnation makes them void and has the dispatcher ask what is there.
        """
        try:
            with self._store.round() as round_:
                yield round_
        except Retryable:
            self._credits.anew()
            raise

    def _round(self, mails: Sequence[Any]) -> tuple[list[Any], Turn]:
        turn = Turn()
        with self._durable_round() as round_:
            if self._clocks.was_set():
                # Made up for before anything is written under it.
                self._clocks.look(round_)
            self._events(round_, [mail for mail in mails if isinstance(mail, Happened)], turn)
            self._settle(round_, mails, turn)
            answers = [self._desk.carry_out(round_, mail, turn) for mail in mails]
            self._claim(round_, turn)
        return answers, turn

    def _tick_round(self) -> Turn:
        turn = Turn()
        with self._durable_round() as round_:
            self._renew(round_, turn)
            # Looked at here and at each try: the store may have kept us waiting until now, and so has the beats that came meanwhile.
            now = self._clocks.look(round_)
            if self._clocks.may_expire(now):
                for lease in round_.expire(self._dice.random()):
                    turn.lease_over(lease, "the lease ran out")
                    turn.post.append(("locks", Release(lease)))
            if self._ticks % _UNPARK_EVERY == 0:
                round_.unpark()
                round_.forget_commands()
            self._claim(round_, turn)
        return turn

    def _beat_round(self) -> Turn:
        turn = Turn()
        with self._durable_round() as round_:
            self._renew(round_, turn)
        return turn

    def _send(self, turn: Turn) -> None:
        # A survey of this round was taken before its claims: sent first, or it would undo them in the dispatcher's eyes.
        for address, mail in turn.post:
            self.mailbox.tell(address, mail)
        if not turn.claimed:
            return
        reached("claimed")
        for work in parcels(turn.claimed):
            self._credits.used(work)
            self.mailbox.tell("dispatcher", Claimed(self._credits.boot, self._credits.made, work))

    def _claim(self, round_: QueueRound, turn: Turn) -> None:
        free = self._credits.free
        if free:
            turn.claimed = round_.claim(free, self._credits.labels)
            self._credits.looked(len(turn.claimed), free)

    def _renew(self, round_: QueueRound, turn: Turn) -> None:
        if not self._beats:
            return
        alive = round_.renew(list(self._beats.values()))
        for lease in self._beats:
            if lease in alive:
                turn.to_worker(lease, Renewed(lease, self._terms.lease))
            else:
                turn.to_worker(lease, LeaseEnded(lease, "the lease is over"))

    def _events(self, round_: QueueRound, mails: Sequence[Happened], turn: Turn) -> None:
        stored = round_.happened(mails) if mails else {}
        for mail in mails:
            last = stored[mail.lease]
            result: RecordedResult = "stale" if last < 0 else "ok" if mail.number <= last else "incomplete"
            turn.to_worker(mail.lease, Recorded(mail.lease, mail.seq, result, max(last, 0)))

    def _settle(self, round_: QueueRound, mails: Sequence[Any], turn: Turn) -> None:
        """What goes well with most workers, in one statement for all of them; the desk looks at the others one by one."""
        turn.started = round_.start([mail.lease for mail in mails if isinstance(mail, Accepted)])
        turn.taken = round_.take_results([mail for mail in mails if isinstance(mail, Finish)])
