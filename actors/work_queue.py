"""The queue: the one owner of work items.

What waited in the inbox becomes one transaction; what arrives meanwhile forms the next one. So there is no timer in the way of a
single message and one commit for many. Claims are made in the same transaction, as far as the dispatcher gave credit.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, assert_never

import msgspec

from actors.durable import DurableActor
from actors.parcels import MAX_SUBMISSION, parcels
from actors.queue_clocks import QueueClocks
from actors.storable import storable
from factory.domain.hosts import needs_objection
from factory.domain.ids import WorkerId, is_item_id, worker_actor
from factory.domain.lease import LeaseTerms
from factory.domain.locks import BadPath, normalise
from factory.domain.repository_address import OBJECTION, holds_secret
from factory.errors import InvalidInput, Retryable
from factory.holds import reached
from factory.ports import Clock, Mailbox, QueueRound, WorkStore
from factory.protocol.attempt_mail import Accepted, Finish, Happened, Recorded, Renew, Renewed, Stalled, Starting, WorkerGone
from factory.protocol.codec import encode
from factory.protocol.commands import EmergencyStop, Reply, Steer, Submit
from factory.protocol.delivery_mail import OutboxReady, Published, Rejected
from factory.protocol.egress_mail import Spent, SpentKept
from factory.protocol.gateway_mail import Enrolled, Enrolment
from factory.protocol.issue_mail import Followed, IssueWord, Questioned, Reopened, Reworded, Specified
from factory.protocol.lease_mail import Claimed, Credit, GiveBack, GivenBack, LeaseEnded, Outstanding, Survey
from factory.protocol.lock_mail import Release, Unparked
from factory.protocol.mailbox import Lease, Ok, Refused, Stale, Work

log = logging.getLogger(__name__)

_UNPARK_EVERY = 4
"""Ticks between two looks at parked items: the safety net behind `Unparked`."""


@dataclass(slots=True)
class _Turn:
    """What a round wants to send once it is durable."""

    post: list[tuple[str, object]] = field(default_factory=list)
    claimed: list[Work] = field(default_factory=list)
    started: set[Lease] = field(default_factory=set)
    taken: set[Lease] = field(default_factory=set)

    def to_worker(self, lease: Lease, mail: object) -> None:
        self.post.append((worker_actor(WorkerId(lease.worker)), mail))

    def lease_over(self, lease: Lease, reason: str, *, tell_worker: bool = True) -> None:
        ended = LeaseEnded(lease, reason)
        self.post.append(("dispatcher", ended))
        if tell_worker:
            self.to_worker(lease, ended)


class WorkQueue(DurableActor):
    """Carries out the queue's mail in group commits.

    Args:
        boot: new for each start; the incarnations that dispatchers hear of are told from it.
    """

    def __init__(self, *, mailbox: Mailbox, clock: Clock, store: WorkStore, terms: LeaseTerms, boot: str, dice: random.Random) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._terms, self._dice = store, terms, dice
        self._boots = (f"{boot}.{number}" for number in count(1))
        self._boot = next(self._boots)
        self._clocks = QueueClocks(clock, terms)
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
                # What was left alone for its labels may be had now.
                self._looked_empty = self._looked_empty and mail.labels == self._credit.labels
                self._credit = mail
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
        self._looked_empty = False
        try:
            turn = self.durably(self._tick_round)
        except InvalidInput as error:
            turn = self._without_bad_beats(error)
        self._beats.clear()
        self._send(turn)

    def _without_bad_beats(self, error: InvalidInput) -> _Turn:
        """The beats one by one; one that cannot be stored ends its lease, and none keeps the others from being renewed."""
        log.error("the store cannot take a beat: %s", error)
        beats, ended = self._beats, _Turn()
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
            self._boot, self._made = next(self._boots), 0
            raise

    def _round(self, mails: Sequence[Any]) -> tuple[list[Any], _Turn]:
        turn = _Turn()
        with self._durable_round() as round_:
            if self._clocks.was_set():
                # Made up for before anything is written under it.
                self._clocks.look(round_)
            self._events(round_, [mail for mail in mails if isinstance(mail, Happened)], turn)
            self._settle(round_, mails, turn)
            answers = [self._carry_out(round_, mail, turn) for mail in mails]
            self._claim(round_, turn)
        return answers, turn

    def _tick_round(self) -> _Turn:
        turn = _Turn()
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

    def _beat_round(self) -> _Turn:
        turn = _Turn()
        with self._durable_round() as round_:
            self._renew(round_, turn)
        return turn

    def _send(self, turn: _Turn) -> None:
        # A survey of this round was taken before its claims: sent first, or it would undo them in the dispatcher's eyes.
        for address, mail in turn.post:
            self.mailbox.tell(address, mail)
        if not turn.claimed:
            return
        reached("claimed")
        for work in parcels(turn.claimed):
            self._made += len(work)
            self.mailbox.tell("dispatcher", Claimed(self._boot, self._made, work))

    def _claim(self, round_: QueueRound, turn: _Turn) -> None:
        free = self._credit.free - (self._made - self._credit.seen) if self._credit.boot == self._boot else 0
        if free <= 0 or self._looked_empty:
            return
        turn.claimed = round_.claim(free, self._credit.labels)
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

    def _settle(self, round_: QueueRound, mails: Sequence[Any], turn: _Turn) -> None:
        """What goes well with most workers, in one statement for all of them; `_carry_out` looks at the others one by one."""
        turn.started = round_.start([mail.lease for mail in mails if isinstance(mail, Accepted)])
        turn.taken = round_.take_results([mail for mail in mails if isinstance(mail, Finish)])

    # -- one mail -----------------------------------------------------------------------------------------------------

    def _carry_out(self, round_: QueueRound, mail: Any, turn: _Turn) -> Any:
        match mail:
            case Submit() | Steer() | EmergencyStop():
                return self._command(round_, mail, turn)
            case GiveBack(reason):
                self._end_all(round_, reason, turn)
                return GivenBack(tuple(round_.unleased()))
            case Survey(number):
                self._tell_outstanding(round_, turn, number)
            case Credit() if mail.boot != self._boot:
                self._tell_outstanding(round_, turn)
            case Starting():
                return Ok() if round_.starting(mail) else Stale(mail.lease, "the lease is over")
            case Accepted():
                taken = mail.lease in turn.started or round_.accepted(mail.lease)
                turn.to_worker(mail.lease, Recorded(mail.lease, mail.seq, "ok" if taken else "stale"))
            case Finish():
                self._finish(round_, mail, turn)
            case Published() | Rejected():
                return self._delivered(round_, mail, turn)
            case Specified() | Questioned() | Reopened() | Reworded() | Followed():
                return self._hear(round_, mail, turn)
            case WorkerGone() | Stalled() | Spent():
                _note(round_, mail, turn)
            case Enrolled():
                return Enrolment(round_.enrolled())
            case Unparked():
                round_.unpark()
                self._looked_empty = False
            case _:
                pass
        return None

    def _command(self, round_: QueueRound, mail: Submit | Steer | EmergencyStop, turn: _Turn) -> Reply:
        if isinstance(mail, Submit):
            return self._submit(round_, mail)
        return self._steer(round_, mail, turn) if isinstance(mail, Steer) else self._stop_all(round_, mail, turn)

    def _submit(self, round_: QueueRound, mail: Submit) -> Reply:
        if not is_item_id(mail.item):
            return Reply("invalid", f"{mail.item[:40]!r} is no id of an item")
        if holds_secret(mail.repo):
            return Reply("invalid", f"the repository's address {OBJECTION}")
        if (size := len(encode(mail))) > MAX_SUBMISSION:
            return Reply("invalid", f"the item has {size:,} bytes with its spec, and {MAX_SUBMISSION:,} are allowed")
        if objection := needs_objection(mail.needs):
            return Reply("invalid", objection)
        try:
            # As the lock manager names them, or a wait for them would end before they are free.
            files = normalise(mail.files)
        except BadPath as error:
            return Reply("invalid", str(error))
        reason = round_.submit(msgspec.structs.replace(mail, files=files))
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
        if reply.code == "ok" and mail.verb == "note" and (noted := round_.noted(mail.item)) is not None:
            turn.to_worker(noted.lease, noted)
        return round_.remember(mail.command, reply)

    def _hear(self, round_: QueueRound, mail: IssueWord, turn: _Turn) -> Ok | Refused:
        heard = round_.hear(mail)
        self._looked_empty = False
        if heard.ended is not None:
            turn.lease_over(heard.ended, "its pull request is over" if isinstance(mail, Followed) else "its issue was changed")
            turn.post.append(("locks", Release(heard.ended)))
        return Refused(heard.refused, "conflict") if heard.refused else Ok()

    def _stop_all(self, round_: QueueRound, mail: EmergencyStop, turn: _Turn) -> Reply:
        known = round_.said_before(mail.command)
        if known is not None:
            return known
        leases = self._end_all(round_, f"emergency stop by {mail.operator}", turn)
        round_.audit(mail.operator, "emergency stop", " ".join(lease.item for lease in leases))
        return round_.remember(mail.command, Reply("ok", data={"stopped": [lease.item for lease in leases]}))

    def _end_all(self, round_: QueueRound, reason: str, turn: _Turn) -> tuple[Lease, ...]:
        """Every lease ends, as if its worker had given it back. Credit on its way is void: it may be from before."""
        leases = tuple(work.lease for work in round_.leased())
        for lease in leases:
            round_.finish(Finish(lease, 0, "given_back", reason), self._dice.random())
            turn.lease_over(lease, reason)
            turn.post.append(("locks", Release(lease)))
        self._boot, self._made, self._credit = next(self._boots), 0, Credit("", 0, 0)
        return leases

    def _finish(self, round_: QueueRound, mail: Finish, turn: _Turn) -> None:
        accepted = mail.outcome == "done" and mail.lease in turn.taken
        result = "ok" if accepted else round_.finish(mail, self._dice.random())
        turn.to_worker(mail.lease, Recorded(mail.lease, mail.seq, result))
        if result == "incomplete":
            return
        self._looked_empty = False
        turn.lease_over(mail.lease, mail.reason or mail.outcome, tell_worker=False)
        if mail.outcome == "done":
            turn.post.append(("delivery", OutboxReady()))
        elif result == "ok":
            # A stale word says nothing about the locks: the item may be on its way to its pull request.
            turn.post.append(("locks", Release(mail.lease)))

    def _delivered(self, round_: QueueRound, mail: Published | Rejected, turn: _Turn) -> Ok | Stale:
        taken = round_.published(mail) if isinstance(mail, Published) else round_.rejected(mail, self._dice.random())
        self._looked_empty = False
        if not taken:
            return Stale(mail.lease, "the item is no longer being published under this attempt")
        turn.post.append(("locks", Release(mail.lease)))
        return Ok()

    def _tell_outstanding(self, round_: QueueRound, turn: _Turn, survey: int = 0) -> None:
        work, unleased, publishing = round_.leased(), tuple(round_.unleased()), round_.publishing()
        leases = tuple(one.lease for one in work)
        for part in parcels(work):
            turn.post.append(("dispatcher", Outstanding(self._boot, self._made, leases, part, unleased, survey, publishing)))


def _note(round_: QueueRound, mail: WorkerGone | Stalled | Spent, turn: _Turn) -> None:
    """What is told of a worker and changes nothing of its item."""
    match mail:
        case WorkerGone():
            round_.worker_gone(mail.lease, mail.reason)
        case Stalled():
            round_.stalled(mail.lease, mail.seconds)
        case Spent():
            round_.spent(mail)
            if mail.reports_to:
                turn.post.append((mail.reports_to, SpentKept(mail.lease.worker, mail.number)))
        case _:
            assert_never(mail)
