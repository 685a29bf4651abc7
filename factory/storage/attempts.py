"""How attempts end: with a result that goes to the outbox, or with what follows from the failure's class."""

from collections.abc import Mapping
from typing import Any, Literal

from factory.domain.events import SYSTEM_STREAM, EventType, NewEvent, item_stream
from factory.domain.work_item import (
    TERMINAL,
    Ending,
    Failed,
    FailureClass,
    GivenBack,
    Held,
    Next,
    Status,
    Stuck,
    Waits,
    after,
    engine_family,
    hold_condition,
)
from factory.protocol.attempt_mail import Finish, Result
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.mailbox import Lease
from factory.storage import events
from factory.storage.batches import BatchRound
from factory.storage.queries import query
from factory.storage.rounds import EVIDENCE, REASON, standing

HOLD_SECONDS = 900.0
"""A usage limit that does not say when it opens is looked at again after this; a probe costs one request."""


def ending_of(mail: Finish, engine: str) -> Ending | None:
    """The attempt's end in the domain's words; None for a result."""
    if mail.holds:
        # A login or a credit does not come back by itself; a usage limit does, if nobody said when, within the hour.
        seconds = (mail.retry_after or HOLD_SECONDS) if mail.holds == "account" else None
        return Held(engine_family(engine), mail.holds, mail.reason, seconds)
    match mail.outcome:
        case "done":
            return None
        case "stuck":
            return Stuck(mail.reason)
        case "given_back":
            return GivenBack(mail.reason)
        case "waits":
            return Waits(mail.condition, mail.reason)
        case failure:
            return Failed(FailureClass(failure), mail.reason, mail.evidence, mail.retry_after)


class AttemptRound(BatchRound):
    """The part of a round that ends attempts."""

    def finish(self, mail: Finish, jitter: float) -> Literal["ok", "stale", "incomplete"]:
        """`ok`, `stale`, or `incomplete` while events that the agent made before are not stored yet. Repeatable."""
        row = self.tx.locked(mail.lease.item)
        if row is None or row["epoch"] != mail.lease.epoch:
            self.tx.refuse(mail.lease, mail.outcome)
            return "stale"
        if row["holder"] != mail.lease.worker:
            return self._said_before(mail)
        stored = events.last_number(self.tx.cursor, item_stream(mail.lease.item), mail.lease.epoch)
        ending = ending_of(mail, row["engine"])
        # A result whose acceptance was lost on the way: the agent repeats both, in order.
        unaccepted = ending is None and row["status"] == Status.ASSIGNED
        if stored < mail.last_event or unaccepted:
            return "incomplete"
        if ending is None:
            return "ok" if self._accept(mail) else "stale"
        if isinstance(ending, Held):
            self._hold(ending)
        following = after(standing(row), ending, self.tx.terms.retry, jitter)
        ended = self.end(mail.lease, following, ending, kind=EventType.ATTEMPT_ENDED, outcome=mail.outcome, mail=mail)
        return "ok" if ended else "stale"

    def _hold(self, held: Held) -> None:
        """Shuts an engine for everyone, in the same transaction in which the item is parked."""
        bound = {"name": hold_condition(held.engine), "kind": held.kind, "reason": held.reason[:REASON], "seconds": held.seconds}
        self.tx.cursor.execute(query("hold_engine"), bound)
        data = {"engine": held.engine, "kind": held.kind, "reason": held.reason[:REASON], "seconds": held.seconds}
        self.tx.events.append(NewEvent(SYSTEM_STREAM, EventType.ENGINE_HELD, data))

    def _said_before(self, mail: Finish) -> Literal["ok", "stale"]:
        """The lease of this very epoch is over: by this message said before (its answer was lost), or by someone else's word."""
        key = {"item": mail.lease.item, "epoch": mail.lease.epoch}
        row = self.tx.cursor.execute(query("attempt_outcome"), key).fetchone()
        if row is not None and (row["outcome"] == mail.outcome or _is_result(mail, row)):
            return "ok"
        self.tx.refuse(mail.lease, mail.outcome)
        return "stale"

    def _accept(self, mail: Finish) -> bool:
        if mail.lease in self.take_results([mail]):
            return True
        self.tx.refuse(mail.lease, "done")
        return False

    def end(self, lease: Lease, following: Next, ending: Ending, *, kind: EventType, outcome: str, mail: Finish | None = None) -> bool:
        """Ends a leased attempt without a result."""
        said = ending.evidence if isinstance(ending, Failed) else mail.evidence if mail else ""
        evidence = said[-EVIDENCE:]
        if not self.tx.changed("end_lease", _after_row(lease, following, evidence)):
            self.tx.refuse(lease, outcome)
            return False
        burnt = following.attempts > 0 and outcome in {"agent", "gate", "stuck"}
        self._end_attempt(lease, outcome, burnt=burnt, mail=mail, reason=following.reason, evidence=evidence)
        self._tell_end(lease, following, kind, outcome)
        return True

    def _tell_end(self, lease: Lease, following: Next, kind: EventType, outcome: str) -> None:
        self.tx.tell(
            lease.item, kind, status=following.status, epoch=lease.epoch, attempts=following.attempts, holder=None,
            reason=following.reason[:REASON], outcome=outcome, delay=round(following.delay, 3),
        )  # fmt: skip

    def _end_attempt(
        self,
        lease: Lease,
        outcome: str,
        *,
        burnt: bool,
        mail: Finish | None = None,
        reason: str = "",
        evidence: str = "",
    ) -> None:
        result: Result | None = mail.result if mail else None
        row = {
            "item": lease.item, "epoch": lease.epoch, "worker": lease.worker, "outcome": outcome, "burnt": burnt,
            "reason": reason[:REASON], "evidence": evidence, "iterations": mail.iterations if mail else 0,
            "tokens": mail.tokens if mail else 0, "commits": result.commits if result else 0,
            "files_changed": result.files_changed if result else 0, "base_commit": result.base_commit if result else None,
            "head_commit": result.commit if result else None,
        }  # fmt: skip
        self.tx.cursor.execute(query("end_attempt"), row)
        self.tx.cursor.execute(query("insert_metrics"), row)

    def published(self, mail: Published) -> bool:
        """The pull request is there: completed, or in review where the forge can be followed. Repeatable."""
        status = Status.IN_REVIEW if mail.followed else Status.COMPLETED
        key = {"item": mail.lease.item, "epoch": mail.lease.epoch}
        before = self.tx.locked(mail.lease.item)
        if before is not None and before["epoch"] == mail.lease.epoch and before["status"] == status:
            return True
        if not self.tx.changed("publish_work_item", {**key, "status": status, "url": mail.url}):
            self.tx.refuse(mail.lease, "published")
            self.tx.cursor.execute(query("finish_outbox"), key)
            return False
        self.tx.cursor.execute(query("finish_outbox"), key)
        self._tell_gates(mail)
        self.tx.tell(
            mail.lease.item,
            EventType.PUBLISHED,
            status=status,
            epoch=mail.lease.epoch,
            reason="",
            url=mail.url,
            commit=mail.commit,
        )
        return True

    def rejected(self, mail: Rejected, jitter: float) -> bool:
        """The result is no good: what follows is decided by the class, as for an attempt that failed."""
        row = self.tx.locked(mail.lease.item)
        key = {"item": mail.lease.item, "epoch": mail.lease.epoch}
        self.tx.cursor.execute(query("finish_outbox"), key)
        if row is None or row["status"] != Status.PUBLISHING or row["epoch"] != mail.lease.epoch:
            self.tx.refuse(mail.lease, "rejected")
            return False
        ending = Failed(FailureClass(mail.failure), mail.reason, mail.evidence)
        following = after(standing(row), ending, self.tx.terms.retry, jitter)
        evidence = mail.evidence[-EVIDENCE:]
        if not self.tx.changed("reject_result", _after_row(mail.lease, following, evidence)):
            return False
        self.tx.cursor.execute(query("reject_attempt"), {**key, "outcome": mail.failure, "burnt": mail.failure in {"agent", "gate"},
                                                       "reason": mail.reason[:REASON], "evidence": evidence})  # fmt: skip
        self._tell_gates(mail)
        self._tell_end(mail.lease, following, EventType.RESULT_REJECTED, mail.failure)
        return True

    def _tell_gates(self, mail: Published | Rejected) -> None:
        """How each gate went on the result, before what that led to."""
        for gate in mail.gates:
            self.tx.tell(
                mail.lease.item, EventType.GATE_PASSED if gate.passed else EventType.GATE_FAILED, gate=gate.name,
                required=gate.required, seconds=round(gate.seconds, 3), code=gate.code, output=gate.output, epoch=mail.lease.epoch,
            )  # fmt: skip


def _is_result(mail: Finish, row: Mapping[str, Any]) -> bool:
    """Whether this very result was taken; what became of it since is another matter, and its bundle may still be asked for."""
    return mail.result is not None and row["head_commit"] == mail.result.commit


def _after_row(lease: Lease, following: Next, evidence: str) -> dict[str, object]:
    return {
        "item": lease.item, "epoch": lease.epoch, "status": following.status, "attempts": following.attempts,
        "setbacks": following.setbacks, "condition": following.condition, "reason": following.reason[:REASON], "evidence": evidence,
        "delay": following.delay, "terminal": following.status in TERMINAL,
    }  # fmt: skip
