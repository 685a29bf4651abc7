"""An operator's word, carried out once per command id within a day."""

from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from factory.domain.clean import clean, clean_line
from factory.domain.events import EventType, NewEvent, item_stream, operator_stream
from factory.domain.steering import Declined, Steered, steer
from factory.domain.work_item import AGEING_SECONDS, LEASED, TERMINAL, Priority, Status
from factory.protocol.attempt_mail import Noted
from factory.protocol.commands import MAX_NOTE, MAX_WHY, Reply, Steer
from factory.protocol.mailbox import Lease
from factory.storage import events
from factory.storage.queries import query
from factory.storage.rounds import REASON, RoundPart, approval_digest, latest_notes, standing

_EVENTS = {
    "kill": EventType.ATTEMPT_ENDED, "retry": EventType.REQUEUED, "cancel": EventType.CANCELLED, "approve": EventType.APPROVED,
    "reject": EventType.CANCELLED,
}  # fmt: skip


class SteeringRound(RoundPart):
    """The part of a round that operators cause."""

    def said_before(self, command: str) -> Reply | None:
        """The answer that this command got when it was said before."""
        row = self.tx.cursor.execute(query("known_command"), {"id": command}).fetchone()
        return msgspec.convert(row["reply"], Reply) if row else None

    def remember(self, command: str, reply: Reply) -> Reply:
        self.tx.cursor.execute(query("note_command"), {"id": command, "reply": Jsonb(msgspec.to_builtins(reply))})
        return reply

    def steer(self, mail: Steer) -> tuple[Reply, Lease | None]:
        """Carries it out; the second value is the lease that it ended, whose worker must go."""
        row = self.tx.locked(mail.item)
        if row is None:
            return Reply("not_found", f"there is no item {mail.item}"), None
        if objection := _overtaken(mail, row):
            return Reply("conflict", objection), None
        if mail.verb == "prioritise":
            return self._prioritise(mail, row), None
        if mail.verb == "note":
            return self._note(mail, row), None
        return self._steer(mail, row)

    def _steer(self, mail: Steer, row: dict[str, object]) -> tuple[Reply, Lease | None]:
        commits, why = self._commits(row), clean_line(mail.argument)
        if len(why) > MAX_WHY:
            return Reply("invalid", f"a reason has at most {MAX_WHY:,} characters, this one has {len(why):,}"), None
        known = {"has_result": commits is not None, "has_spec": bool(row["spec"])}
        decision = steer(mail.verb, standing(row), mail.operator, self.tx.terms.retry, **known, why=why)
        if isinstance(decision, Declined):
            return Reply("conflict" if decision.conflict else "invalid", decision.reason), None
        lease = Lease(str(row["id"]), int(str(row["epoch"])))
        self._write(mail, row, decision, commits)
        if row["status"] in LEASED:
            ended = {
                "item": lease.item, "epoch": lease.epoch, "worker": lease.worker, "outcome": "agent" if mail.verb == "kill" else mail.verb,
                "burnt": mail.verb == "kill", "reason": decision.reason, "evidence": "",
            }  # fmt: skip
            self.tx.cursor.execute(query("reject_attempt"), ended)
            self.tx.cursor.execute(query("insert_metrics"), ended)
        return Reply("ok", data={"item": mail.item, "status": decision.status, "epoch": row["epoch"]}), (
            lease if row["status"] in LEASED else None
        )

    def _commits(self, row: dict[str, object]) -> tuple[str, str] | None:
        attempt = self.tx.cursor.execute(query("attempt_outcome"), {"item": row["id"], "epoch": row["epoch"]}).fetchone()
        if attempt is None or attempt["head_commit"] is None:
            return None
        return attempt["base_commit"], attempt["head_commit"]

    def _write(self, mail: Steer, row: dict[str, object], decision: Steered, commits: tuple[str, str] | None) -> None:
        approved = approval_digest(*commits) if decision.approves and commits else None
        key = {"item": mail.item, "epoch": row["epoch"]}
        self.tx.cursor.execute(query("steer_work_item"), {
            **key, "version": row["version"], "status": decision.status, "attempts": decision.attempts, "setbacks": decision.setbacks,
            "reason": decision.reason[:REASON], "approved": approved, "condition": decision.condition,
            "terminal": decision.status in TERMINAL})  # fmt: skip
        if decision.approves:
            self.tx.cursor.execute(query("reopen_outbox"), key)
        elif row["status"] == Status.PUBLISHING:
            self.tx.cursor.execute(query("finish_outbox"), key)
        self.tx.tell(
            mail.item, _EVENTS[mail.verb], status=decision.status, epoch=row["epoch"], attempts=decision.attempts, holder=None,
            reason=decision.reason[:REASON],
        )  # fmt: skip
        self.audit(mail.operator, mail.verb, mail.item)

    def _prioritise(self, mail: Steer, row: dict[str, Any]) -> Reply:
        if mail.argument not in {str(priority.value) for priority in Priority}:
            return Reply("invalid", f"a priority is 0 (critical) to 3 (low), not {mail.argument[:20]!r}")
        priority = int(mail.argument)
        self.tx.cursor.execute(query("prioritise_work_item"), {
            "item": mail.item, "epoch": row["epoch"], "version": row["version"], "priority": priority,
            "ageing": AGEING_SECONDS})  # fmt: skip
        self.tx.tell(mail.item, EventType.PRIORITISED, priority=priority)
        self.audit(mail.operator, f"prioritise {priority}", mail.item)
        return Reply("ok", data={"item": mail.item, "priority": priority, "version": row["version"] + 1})

    def _note(self, mail: Steer, row: dict[str, Any]) -> Reply:
        text = clean(mail.argument).strip()
        if not text or len(text) > MAX_NOTE:
            return Reply("invalid", f"a note has 1 to {MAX_NOTE:,} characters, this one has {len(text):,}")
        if row["status"] in TERMINAL:
            return Reply("conflict", f"{mail.item} is {row['status']}, no agent will read a note any more")
        told = {"text": text, "by": mail.operator}
        # At once, not at the end of the round: those of a batch are counted.
        events.append(self.tx.cursor, [NewEvent(item_stream(mail.item), EventType.NOTED, told, epoch=row["epoch"])])
        self.audit(mail.operator, "note", mail.item)
        notes = [noted["text"] for noted in self.tx.rows("notes_of_item", {"item": mail.item})]
        data = {"item": mail.item, "notes": len(notes), "epoch": row["epoch"], "read_by": row["holder"] or ""}
        return Reply("ok", data=data)

    def noted(self, item: str) -> Noted | None:
        """The notes of an item for the agent that works on it; None where none does."""
        row = self.tx.locked(item)
        if row is None or row["status"] not in LEASED:
            return None
        notes = [noted["text"] for noted in self.tx.rows("notes_of_item", {"item": item})]
        return Noted(Lease(item, row["epoch"]), latest_notes(notes), len(notes))

    def audit(self, operator: str, verb: str, item: str) -> None:
        """Notes who said what, in the trail."""
        self.tx.events.append(NewEvent(operator_stream(operator), EventType.COMMAND, {"verb": verb, "item": item}))


def _overtaken(mail: Steer, row: dict[str, Any]) -> str:
    if mail.expected_epoch not in {None, row["epoch"]}:
        return f"{mail.item} is at attempt {row['epoch']} now, the command was meant for {mail.expected_epoch}"
    if mail.expected_version not in {None, row["version"]}:
        why = f": {row['reason']}" if row["reason"] else ""
        return f"{mail.item} has changed since you looked, it is {row['status']} now{why}"
    return ""
