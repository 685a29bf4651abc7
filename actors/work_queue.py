"""The queue: the one owner of work items.

What waited in the inbox becomes one transaction; what arrives meanwhile forms the next one. So there is no timer in the way of a
single message and one commit for many. Claims are made in the same transaction, as far as the dispatcher gave credit.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.base import FactoryActor
from actors.durable import durably
from factory.domain.ids import WorkerId, worker_actor
from factory.domain.lease import LeaseTerms, guard_at_start
from factory.holds import reached
from factory.ports import Clock, Mailbox, QueueRound, WorkStore
from factory.protocol.commands import Reply, Steer, Submit
from factory.protocol.mailbox import (
    Accepted,
    Claimed,
    Credit,
    Enrolled,
    Enrolment,
    Finish,
    Happened,
    Lease,
    LeaseEnded,
    Ok,
    OutboxReady,
    Outstanding,
    Published,
    Recorded,
    Rejected,
    Release,
    Renew,
    Renewed,
    Stale,
    Starting,
    Survey,
    Unparked,
    Work,
    WorkerGone,
)

_UNPARK_EVERY = 4
"""Ticks between two looks at parked items: the safety net behind `Unparked`."""


@dataclass(slots=True)
class _Turn:
    """What a round wants to send once it is durable."""

    post: list[tuple[str, object]] = field(default_factory=list)
    claimed: list[Work] = field(default_factory=list)

    def to_worker(self, lease: Lease, mail: object) -> None:
        self.post.append((worker_actor(WorkerId(lease.worker)), mail))

    def lease_over(self, lease: Lease, reason: str, *, tell_worker: bool = True) -> None:
        ended = LeaseEnded(lease, reason)
        self.post.append(("dispatcher", ended))
        if tell_worker:
            self.to_worker(lease, ended)


class WorkQueue(FactoryActor):
    """Carries out the queue's mail in group commits."""

    def __init__(self, *, mailbox: Mailbox, clock: Clock, store: WorkStore, terms: LeaseTerms, boot: str, dice: random.Random) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._terms, self._boot, self._dice = store, terms, boot, dice
        self._guard = guard_at_start(clock.monotonic(), terms)
        self._made = 0
        self._credit = Credit("", 0, 0)
        self._beats: dict[Lease, Renew] = {}
        self._looked_empty = False
        self._ticks = 0
        self.tick_every = terms.heartbeat / 2

    def on_batch(self, mails: Sequence[Any]) -> Sequence[Any]:
        """One transaction for all of them."""
        self._beats.update({mail.lease: mail for mail in mails if isinstance(mail, Renew)})
        for mail in mails:
            if isinstance(mail, Credit):
                self._credit = mail
        answers, turn = durably(lambda: self._round(mails), what="the queue")
        self._send(turn)
        return answers

    def on_tick(self) -> None:
        """Renews what beat since the last tick, takes back what fell silent, claims what has come due."""
        self._ticks += 1
        self._looked_empty = False
        turn = durably(self._tick_round, what="the queue")
        self._beats.clear()
        self._send(turn)

    # -- rounds -------------------------------------------------------------------------------------------------------

    def _round(self, mails: Sequence[Any]) -> tuple[list[Any], _Turn]:
        turn = _Turn()
        with self._store.round() as round_:
            self._events(round_, [mail for mail in mails if isinstance(mail, Happened)], turn)
            answers = [self._carry_out(round_, mail, turn) for mail in mails]
            self._claim(round_, turn)
        return answers, turn

    def _tick_round(self) -> _Turn:
        turn = _Turn()
        # Read at each try, so that an outage of the store shows as a gap and starts a new quiet time.
        now = self.clock.monotonic()
        self._guard = self._guard.tick(now, self._terms)
        with self._store.round() as round_:
            self._renew(round_, turn)
            if self._guard.may_expire(now):
                for lease in round_.expire(self._dice.random()):
                    turn.lease_over(lease, "the lease ran out")
            if self._ticks % _UNPARK_EVERY == 0:
                round_.unpark()
                round_.forget_commands()
            self._claim(round_, turn)
        return turn

    def _send(self, turn: _Turn) -> None:
        # A survey of this round was taken before its claims: sent first, or it would undo them in the dispatcher's eyes.
        for address, mail in turn.post:
            self.mailbox.tell(address, mail)
        if turn.claimed:
            self._made += len(turn.claimed)
            reached("claimed")
            self.mailbox.tell("dispatcher", Claimed(self._boot, self._made, tuple(turn.claimed)))

    def _claim(self, round_: QueueRound, turn: _Turn) -> None:
        free = self._credit.free - (self._made - self._credit.seen) if self._credit.boot == self._boot else 0
        if free <= 0 or self._looked_empty:
            return
        turn.claimed = round_.claim(free)
        self._looked_empty = len(turn.claimed) < free

    def _renew(self, round_: QueueRound, turn: _Turn) -> None:
        if not self._beats:
            return
        alive = round_.renew(list(self._beats.values()))
        for lease in self._beats:
            if lease in alive:
                turn.to_worker(lease, Renewed(lease, self._terms.lease))
            else:
                turn.to_worker(lease, LeaseEnded(lease, "the lease is over"))

    def _events(self, round_: QueueRound, mails: Sequence[Happened], turn: _Turn) -> None:
        stored = round_.happened(mails) if mails else {}
        for mail in mails:
            last = stored[mail.lease]
            turn.to_worker(mail.lease, Recorded(mail.lease, mail.seq, "stale" if last < 0 else "ok", max(last, 0)))

    # -- one mail -----------------------------------------------------------------------------------------------------

    def _carry_out(self, round_: QueueRound, mail: Any, turn: _Turn) -> Any:
        match mail:
            case Submit():
                return self._submit(round_, mail)
            case Steer():
                return self._steer(round_, mail, turn)
            case Survey():
                turn.post.append(("dispatcher", self._outstanding(round_)))
            case Credit() if mail.boot != self._boot:
                turn.post.append(("dispatcher", self._outstanding(round_)))
            case Starting():
                return Ok() if round_.starting(mail) else Stale(mail.lease, "the lease is over")
            case Accepted():
                taken = round_.accepted(mail.lease)
                turn.to_worker(mail.lease, Recorded(mail.lease, mail.seq, "ok" if taken else "stale"))
            case Finish():
                self._finish(round_, mail, turn)
            case Published() | Rejected():
                return self._delivered(round_, mail, turn)
            case WorkerGone():
                round_.worker_gone(mail.lease, mail.reason)
            case Enrolled():
                return Enrolment(round_.enrolled())
            case Unparked():
                round_.unpark()
                self._looked_empty = False
            case _:
                pass
        return None

    def _submit(self, round_: QueueRound, mail: Submit) -> Reply:
        reason = round_.submit(mail)
        self._looked_empty = False
        return Reply("conflict", reason) if reason else Reply("ok", data={"item": mail.item})

    def _steer(self, round_: QueueRound, mail: Steer, turn: _Turn) -> Reply:
        known = round_.said_before(mail.command)
        if known is not None:
            return known
        reply, ended = round_.steer(mail)
        self._looked_empty = False
        if ended is not None:
            turn.lease_over(ended, f"{mail.verb} by {mail.operator}")
            turn.post.append(("locks", Release(ended)))
        if reply.code == "ok" and mail.verb == "approve":
            turn.post.append(("delivery", OutboxReady()))
        return round_.remember(mail.command, reply)

    def _finish(self, round_: QueueRound, mail: Finish, turn: _Turn) -> None:
        result = round_.finish(mail, self._dice.random())
        turn.to_worker(mail.lease, Recorded(mail.lease, mail.seq, result))
        if result == "incomplete":
            return
        self._looked_empty = False
        turn.lease_over(mail.lease, mail.reason or mail.outcome, tell_worker=False)
        if mail.outcome == "done":
            turn.post.append(("delivery", OutboxReady()))
        else:
            turn.post.append(("locks", Release(mail.lease)))

    def _delivered(self, round_: QueueRound, mail: Published | Rejected, turn: _Turn) -> Ok | Stale:
        taken = round_.published(mail) if isinstance(mail, Published) else round_.rejected(mail, self._dice.random())
        self._looked_empty = False
        turn.post.append(("locks", Release(mail.lease)))
        return Ok() if taken else Stale(mail.lease, "the item is no longer being published under this attempt")

    def _outstanding(self, round_: QueueRound) -> Outstanding:
        return Outstanding(self._boot, self._made, tuple(round_.leased()), tuple(round_.unleased()))
