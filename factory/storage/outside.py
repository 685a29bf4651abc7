"""What issues and pull requests have to say about items, carried out. Each word may be repeated."""

from typing import Any, assert_never

from factory.domain import outside
from factory.domain.events import EventType, item_stream
from factory.domain.outside import SPEC_CONDITION, Redirected, Unmoved
from factory.domain.work_item import LEASED, TERMINAL, GivenBack, Next
from factory.protocol.issue_mail import Followed, IssueWord, Questioned, Reopened, Reworded, Specified
from factory.protocol.mailbox import Lease
from factory.queue_ports import Heard
from factory.storage.attempts import AttemptRound
from factory.storage.queries import query
from factory.storage.rounds import EVIDENCE, REASON, standing
from factory.storage.rows import single

_STATES = {"merged": "merged", "closed": "closed"}


class OutsideRound(AttemptRound):
    """The part of a round that issues and pull requests cause."""

    def hear(self, mail: IssueWord) -> Heard:
        """Carries it out. Said again it changes nothing."""
        row = self.tx.locked(mail.item)
        if row is None:
            return Heard(f"there is no item {mail.item}")
        decision = self._decision(mail, row)
        if isinstance(decision, Unmoved):
            return Heard("" if decision.known else decision.reason)
        ended = self._end_lease(row, decision)
        self._redirect(mail, row, decision)
        return Heard(ended=ended)

    def _decision(self, mail: IssueWord, row: dict[str, Any]) -> Redirected | Unmoved:
        stands, condition, has_spec = standing(row), row["condition"], bool(row["spec"])
        match mail:
            case Specified() | Questioned() if condition == SPEC_CONDITION and mail.since not in {0, self._waiting_since(mail.item)}:
                return Unmoved(f"{mail.item} waits for the spec of another text by now")
            case Specified():
                return outside.specified(stands, condition, has_spec=has_spec)
            case Questioned(questions=questions):
                return outside.questioned(stands, condition, f"The issue leaves open: {' '.join(questions)}")
            case Reopened(by=by):
                return outside.reopened(stands, condition, by, has_spec=has_spec)
            case Reworded(reason=reason, evidence=evidence):
                return outside.reworded(stands, reason, said_before=row["evidence"] == evidence[-EVIDENCE:])
            case Followed() if mail.epoch != row["epoch"]:
                return Unmoved(f"{mail.item} is at attempt {row['epoch']}, this is about {mail.epoch}")
            case Followed():
                return outside.followed(stands, row["reworks"], mail.what, mail.reason, self.tx.terms.max_reworks)
            case _:
                assert_never(mail)

    def _waiting_since(self, item: str) -> int:
        if any("status" in event.data for event in self.tx.events if event.stream == item_stream(item)):
            return -1  # since this very round
        return int(single(self.tx.cursor.execute(query("waiting_since"), {"item": item}))["since"])

    def _end_lease(self, row: dict[str, Any], decision: Redirected) -> Lease | None:
        """An attempt that is under way is over, and nothing is counted against it."""
        if row["status"] not in LEASED:
            return None
        lease = Lease(row["id"], row["epoch"])
        following = Next(decision.status, row["attempts"], row["setbacks"], 0.0, decision.reason)
        self.end(lease, following, GivenBack(decision.reason), kind=EventType.ATTEMPT_ENDED, outcome="given_back")
        row["version"] += 1
        return lease

    def _redirect(self, mail: IssueWord, row: dict[str, Any], decision: Redirected) -> None:
        written = mail if isinstance(mail, Specified) else None
        bound = {
            "item": mail.item, "version": row["version"], "status": decision.status, "attempts": decision.attempts,
            "setbacks": decision.setbacks, "reworks": decision.reworks or row["reworks"], "condition": decision.condition,
            "reason": decision.reason[:REASON], "evidence": _evidence(mail)[-EVIDENCE:], "terminal": decision.status in TERMINAL,
            "title": written.title or None if written else None, "files": list(written.files) if written else None,
            "spec": written.spec if written else "" if decision.drops_spec else None,
        }  # fmt: skip
        if not self.tx.changed("redirect_work_item", bound):
            raise RuntimeError(f"{mail.item} is locked, and changed all the same")
        if isinstance(mail, Followed) and mail.what in _STATES:
            self.tx.cursor.execute(query("close_pull_request"), {"item": mail.item, "state": _STATES[mail.what]})
        self.tx.tell(
            mail.item, _kind(mail), status=decision.status, epoch=row["epoch"], attempts=decision.attempts, holder=None,
            reason=decision.reason[:REASON], **_told(mail),
        )  # fmt: skip


def _evidence(mail: IssueWord) -> str:
    match mail:
        case Questioned(questions=questions):
            return "\n".join(f"- {question}" for question in questions)
        case Reworded(evidence=evidence) | Followed(evidence=evidence):
            return evidence
        case _:
            return ""


def _kind(mail: IssueWord) -> EventType:
    match mail:
        case Specified():
            return EventType.SPECIFIED
        case Questioned():
            return EventType.QUESTIONED
        case Reopened():
            return EventType.REOPENED
        case Reworded():
            return EventType.REWORDED
        case Followed(what="merged"):
            return EventType.MERGED
        case Followed(what="closed"):
            return EventType.CLOSED_UNMERGED
        case Followed(what="rework"):
            return EventType.REWORK_WANTED
        case _:
            return EventType.HANDED_OFF


def _told(mail: IssueWord) -> dict[str, Any]:
    """What the trail keeps beside the lifecycle."""
    match mail:
        case Specified():
            return {"by": mail.by, "tokens": mail.tokens, "files": list(mail.files)}
        case Questioned():
            return {"by": mail.by, "tokens": mail.tokens, "questions": list(mail.questions)}
        case Reopened():
            return {"by": mail.by}
        case Followed():
            return {"head": mail.head}
        case _:
            return {}
