"""Issues as intake keeps them: what was seen, what was decided, and what was said about it."""

from collections.abc import Mapping
from typing import Any

from factory.domain.events import SYSTEM_STREAM, EventType, NewEvent
from factory.domain.ids import ItemId
from factory.domain.issue import IssueText, issue_id, issue_item_id, issue_key
from factory.domain.issue_known import ItemState, Known, Seen, Shown, State
from factory.domain.issue_text import sanitise
from factory.domain.limits import paused_intake
from factory.domain.work_item import Status
from factory.issue_ports import Look, Mark, Pending, SeenIssue
from factory.storage import events
from factory.storage.database import Cursor, Database, Row
from factory.storage.queries import query
from factory.storage.rows import single

_MAX_SENTENCE = 1_000
"""Characters of a failure that are kept."""

GITHUB = "github"


class IssueRows:
    """The adapter of `issue_ports.IssueStore`. For one thread, like its database.

    Args:
        asks: the label by which an issue that is not known is told from one that merely changed.
    """

    def __init__(self, database: Database, asks: str) -> None:
        self._database, self._asks = database, asks

    def mark(self, repo: str) -> Mark:
        row = self._row("issue_mark", {"repo": repo.lower()})
        return Mark(row["asked_tag"], row["since"], row["changed_tag"]) if row else Mark()

    def follows(self, repo: str) -> bool:
        row = self._row("issues_are_followed", {"repo": repo.lower()})
        return bool(row and row["followed"])

    def looked(self, look: Look) -> None:
        mark = {"repo": look.repo.lower(), "asked": look.mark.asked, "since": look.mark.since, "changed": look.mark.changed}
        with self._database.transaction() as cursor:
            # In one order, so that no two transactions wait for each other.
            for one in sorted(look.issues, key=lambda one: one.number):
                asks = one.seen.is_open and one.seen.has(self._asks)
                cursor.execute(query("see_issue" if asks else "change_issue"), _seen(look.repo, one))
            cursor.execute(query("write_issue_mark"), mark)

    def failed(self, repo: str, sentence: str) -> None:
        self._execute("note_issue_look_failed", {"repo": repo.lower(), "error": sentence[:_MAX_SENTENCE]})

    def pending(self, limit: int) -> list[Pending]:
        with self._database.transaction() as cursor:
            return [_pending(row) for row in cursor.execute(query("pending_issues"), {"limit": limit}).fetchall()]

    def one(self, key: str) -> Pending | None:
        row = self._row("one_issue", {"key": key})
        return _pending(row) if row else None

    def save(self, known: Known) -> None:
        self._database.run(lambda cursor: _save(cursor, known))

    def add(self, known: Known) -> bool:
        return self._database.run(lambda cursor: _add(cursor, known))

    def begin_tell(self, known: Known, kind: str) -> bool:
        with self._database.transaction() as cursor:
            return bool(single(cursor.execute(query("begin_issue_comment"), {"item": known.item, "kind": kind}))["before"])

    def told(self, known: Known, kind: str) -> None:
        self._execute("end_issue_comment", {"item": known.item, "kind": kind})

    def done(self, pending: Pending) -> None:
        version = pending.item.version if pending.item else 0
        bound = {"key": pending.known.key, "version": version, "changed_at": pending.known.seen.updated_at}
        self._execute("put_issue_away", bound)

    def later(self, key: str, seconds: float, sentence: str) -> None:
        def put_off(cursor: Cursor) -> None:
            cursor.execute(query("raise_mark"))
            cursor.execute(query("put_issue_off"), {"key": key, "seconds": seconds, "error": sentence[:_MAX_SENTENCE]})

        self._database.run(put_off)

    def paused(self) -> str:
        with self._database.transaction() as cursor:
            values = {row["name"]: row["value"] for row in cursor.execute(query("read_limits")).fetchall()}
        return paused_intake(values.get("pause", {})) or ""

    def _execute(self, name: str, bound: Mapping[str, Any]) -> None:
        def run(cursor: Cursor) -> None:
            cursor.execute(query(name), bound)

        self._database.run(run)

    def _row(self, name: str, bound: Mapping[str, Any]) -> Row | None:
        with self._database.transaction() as cursor:
            return cursor.execute(query(name), bound).fetchone()


def _save(cursor: Cursor, known: Known) -> None:
    before = single(cursor.execute(query("issue_state"), {"key": known.key}))
    cursor.execute(query("save_issue"), _decided(known))
    is_left = known.is_elsewhere and known.state is State.OVER
    if (known.state is State.REFUSED or is_left) and (before["state"], before["label_event"]) != (known.state, known.label_event):
        _tell_refused(cursor, known)


def _add(cursor: Cursor, known: Known) -> bool:
    is_new = cursor.execute(query("add_issue"), _decided(known)).fetchone() is not None
    if is_new and known.state is State.REFUSED:
        _tell_refused(cursor, known)
    return is_new


def _tell_refused(cursor: Cursor, known: Known) -> None:
    told = {"issue": known.key, "url": known.seen.url, "reason": known.reason, "label_event": known.label_event}
    events.append(cursor, [NewEvent(SYSTEM_STREAM, EventType.ISSUE_REFUSED, told)])


def _seen(repo: str, one: SeenIssue) -> Row:
    source_id, seen = issue_id(repo, one.number), one.seen
    return {
        "key": issue_key(GITHUB, source_id), "source": GITHUB, "source_id": source_id, "repo": repo.lower(), "number": one.number,
        "item": issue_item_id(GITHUB, source_id),
        "url": seen.url, "title": seen.text.title, "body": seen.text.body, "author": seen.author, "labels": list(seen.labels),
        "is_open": seen.is_open, "changed_at": seen.updated_at, "comments": seen.comments,
    }  # fmt: skip


def _decided(known: Known) -> Row:
    body = sanitise(known.text.body)
    return {
        "key": known.key, "source": known.source, "source_id": known.source_id, "repo": known.repo, "url": known.seen.url,
        "run": known.run, "act": known.act, "item": known.item, "state": known.state, "reason": known.reason,
        "title": sanitise(known.text.title), "body": f"{body}\n\n{sanitise(known.answers)}" if known.answers else body,
        "raw_title": known.text.title, "raw_body": known.text.body, "digest": known.text.digest,
        "approved_title": known.approved.title, "approved_body": known.approved.body,
        "seen_title": known.seen.text.title, "seen_body": known.seen.text.body, "author": known.seen.author,
        "labels": list(known.seen.labels), "checked_at": known.checked_at, "looks": known.looks, "labelled_by": known.labelled_by,
        "label_event": known.label_event, "end_event": known.end_event, "asked_at": known.asked_at, "said_by": known.by,
        "answers": known.answers,
        "shown": known.shown, "base_branch": known.base_branch, "priority": known.priority, "engine": known.engine,
        "needs": list(known.needs), "address": known.address,
    }  # fmt: skip


def _pending(row: Row) -> Pending:
    text = IssueText(row["seen_title"], row["seen_body"])
    seen = Seen(text, row["author"], tuple(row["labels"]), row["is_open"], row["changed_at"], row["url"], row["comments"])
    names = (
        "key", "source", "source_id", "repo", "number", "reason", "run", "act", "labelled_by", "label_event", "end_event", "checked_at",
        "looks", "asked_at", "answers", "base_branch", "priority", "engine", "address", "tries",
    )  # fmt: skip
    known = Known(
        **{name: row[name] for name in names},
        seen=seen,
        state=State(row["state"]),
        item=ItemId(row["item"]),
        text=IssueText(row["raw_title"], row["raw_body"]),
        approved=IssueText(row["approved_title"], row["approved_body"]),
        shown=Shown(row["shown"]),
        said=frozenset(row["said"]),
        needs=tuple(row["needs"]),
        by=row["said_by"],
    )
    return Pending(known, _item_state(row))


def _item_state(row: Row) -> ItemState | None:
    if row["item_status"] is None:
        return None
    told = (row["item_condition"], row["item_reason"], row["item_evidence"], row["item_pr_url"] or "", row["version"])
    return ItemState(Status(row["item_status"]), *told)
