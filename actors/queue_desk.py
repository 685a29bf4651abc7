"""What each mail does to the work items, within a transaction of the queue."""

import random
from dataclasses import dataclass, field
from typing import Any, assert_never

import msgspec

from actors.parcels import MAX_SUBMISSION, parcels
from actors.queue_credit import CreditLine
from factory.domain.hosts import needs_objection
from factory.domain.ids import WorkerId, is_item_id, worker_actor
from factory.domain.locks import BadPath, normalise
from factory.domain.repository_address import OBJECTION, holds_secret
from factory.protocol.attempt_mail import Accepted, Finish, Recorded, Stalled, Starting, WorkerGone
from factory.protocol.codec import encode
from factory.protocol.commands import EmergencyStop, Reply, Steer, Submit
from factory.protocol.delivery_mail import OutboxReady, Published, Rejected
from factory.protocol.egress_mail import Spent, SpentKept
from factory.protocol.gateway_mail import Enrolled, Enrolment
from factory.protocol.issue_mail import Followed, IssueWord, Questioned, Reopened, Reworded, Specified
from factory.protocol.lease_mail import Credit, GiveBack, GivenBack, LeaseEnded, Outstanding, Survey
from factory.protocol.lock_mail import Release, Unparked
from factory.protocol.mailbox import Lease, Ok, Refused, Stale, Work
from factory.queue_ports import QueueRound


@dataclass(slots=True)
class Turn:
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


class QueueDesk:
    """Carries out one mail at a time; what it wants sent waits in the turn until the transaction is durable."""

    def __init__(self, credits_: CreditLine, dice: random.Random) -> None:
        self._credits, self._dice = credits_, dice

    def carry_out(self, round_: QueueRound, mail: Any, turn: Turn) -> Any:
        match mail:
            case Submit() | Steer() | EmergencyStop():
                return self._command(round_, mail, turn)
            case GiveBack(reason):
                self._end_all(round_, reason, turn)
                return GivenBack(tuple(round_.unleased()))
            case Survey(number):
                self._tell_outstanding(round_, turn, number)
            case Credit() if mail.boot != self._credits.boot:
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
                self._credits.stir()
            case _:
                pass
        return None

    def _command(self, round_: QueueRound, mail: Submit | Steer | EmergencyStop, turn: Turn) -> Reply:
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
        self._credits.stir()
        return Reply("conflict", reason) if reason else Reply("ok", data={"item": mail.item})

    def _steer(self, round_: QueueRound, mail: Steer, turn: Turn) -> Reply:
        known = round_.said_before(mail.command)
        if known is not None:
            return known
        reply, ended = round_.steer(mail)
        self._credits.stir()
        if ended is not None:
            turn.lease_over(ended, f"{mail.verb} by {mail.operator}")
            turn.post.append(("locks", Release(ended)))
        if reply.code == "ok" and mail.verb == "approve":
            turn.post.append(("delivery", OutboxReady()))
        if reply.code == "ok" and mail.verb == "note" and (noted := round_.noted(mail.item)) is not None:
            turn.to_worker(noted.lease, noted)
        return round_.remember(mail.command, reply)

    def _hear(self, round_: QueueRound, mail: IssueWord, turn: Turn) -> Ok | Refused:
        heard = round_.hear(mail)
        self._credits.stir()
        if heard.ended is not None:
            turn.lease_over(heard.ended, "its pull request is over" if isinstance(mail, Followed) else "its issue was changed")
            turn.post.append(("locks", Release(heard.ended)))
        return Refused(heard.refused, "conflict") if heard.refused else Ok()

    def _stop_all(self, round_: QueueRound, mail: EmergencyStop, turn: Turn) -> Reply:
        known = round_.said_before(mail.command)
        if known is not None:
            return known
        leases = self._end_all(round_, f"emergency stop by {mail.operator}", turn)
        round_.audit(mail.operator, "emergency stop", " ".join(lease.item for lease in leases))
        return round_.remember(mail.command, Reply("ok", data={"stopped": [lease.item for lease in leases]}))

    def _end_all(self, round_: QueueRound, reason: str, turn: Turn) -> tuple[Lease, ...]:
        """Every lease ends, as if its worker had given it back. Credit on its way is void: it may be from before."""
        leases = tuple(work.lease for work in round_.leased())
        for lease in leases:
            round_.finish(Finish(lease, 0, "given_back", reason), self._dice.random())
            turn.lease_over(lease, reason)
            turn.post.append(("locks", Release(lease)))
        self._credits.anew()
        return leases

    def _finish(self, round_: QueueRound, mail: Finish, turn: Turn) -> None:
        accepted = mail.outcome == "done" and mail.lease in turn.taken
        result = "ok" if accepted else round_.finish(mail, self._dice.random())
        turn.to_worker(mail.lease, Recorded(mail.lease, mail.seq, result))
        if result == "incomplete":
            return
        self._credits.stir()
        turn.lease_over(mail.lease, mail.reason or mail.outcome, tell_worker=False)
        if mail.outcome == "done":
            turn.post.append(("delivery", OutboxReady()))
        elif result == "ok":
            # A stale word says nothing about the locks: the item may be on its way to its pull request.
            turn.post.append(("locks", Release(mail.lease)))

    def _delivered(self, round_: QueueRound, mail: Published | Rejected, turn: Turn) -> Ok | Stale:
        taken = round_.published(mail) if isinstance(mail, Published) else round_.rejected(mail, self._dice.random())
        self._credits.stir()
        if not taken:
            return Stale(mail.lease, "the item is no longer being published under this attempt")
        turn.post.append(("locks", Release(mail.lease)))
        return Ok()

    def _tell_outstanding(self, round_: QueueRound, turn: Turn, survey: int = 0) -> None:
        work, unleased, publishing = round_.leased(), tuple(round_.unleased()), round_.publishing()
        leases, line = tuple(one.lease for one in work), self._credits
        for part in parcels(work):
            turn.post.append(("dispatcher", Outstanding(line.boot, line.made, leases, part, unleased, survey, publishing)))


def _note(round_: QueueRound, mail: WorkerGone | Stalled | Spent, turn: Turn) -> None:
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
