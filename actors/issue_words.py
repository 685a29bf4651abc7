"""What the queue hears of an issue. Each word is made of what is stored alone, so that it is the same word when it is said again."""

from collections.abc import Mapping

from factory.domain.clean import clean_line
from factory.domain.issue import difference, needs_of, priority_of, run_id
from factory.domain.issue_intake import Word
from factory.domain.issue_known import Known
from factory.domain.issue_text import sanitise
from factory.protocol.commands import Steer, Submit
from factory.protocol.issue_mail import Reopened, Reworded

MAX_TITLE = 200
"""Columns of an item's title."""
MAX_DIFFERENCE = 20_000
"""Characters of a difference that a person is shown."""


def word_for(
    known: Known, word: Word, *, web: str, priorities: Mapping[str, str], engine: str, needs: Mapping[str, str]
) -> Submit | Steer | Reworded | Reopened:  # fmt: skip
    """The mail.

    Args:
        web: where repositories of a forge are cloned from.
        engine: for issues that name none.
        needs: label of an issue → label of hosts.
    """
    match word:
        case Word.SUBMIT:
            return _submit(known, web, priorities, engine, needs)
        case Word.RETRY:
            return _steer(known, "retry", known.label_event)
        case Word.CANCEL:
            return _steer(known, "cancel", known.end_event)
        case Word.REWORD:
            return _reworded(known)
        case Word.REOPEN:
            return Reopened(known.item, by=operator(known))


def operator(known: Known) -> str:
    """Whose act it was, as the audit trail names them."""
    return f"{known.source}:{known.by}" if known.by else known.source


def _submit(known: Known, web: str, priorities: Mapping[str, str], engine: str, needs: Mapping[str, str]) -> Submit:
    is_forge = not known.address
    return Submit(
        command=f"issue-submit-{known.item}",
        item=known.item,
        repo=f"{web}/{known.repo}.git" if is_forge else known.address,
        base_branch=known.base_branch or "main",
        title=clean_line(sanitise(known.text.title), MAX_TITLE) or known.source_id,
        spec="",
        engine=known.engine or engine,
        priority=priority_of(known.seen.labels, priorities) if is_forge else known.priority,
        source=known.source,
        source_id=run_id(known.source_id, known.run),
        source_url=known.seen.url,
        needs_spec=True,
        needs=needs_of(known.seen.labels, needs) if is_forge else known.needs,
    )


def _steer(known: Known, verb: str, event: int) -> Steer:
    return Steer(f"issue-{verb}-{known.item}-{event}", "retry" if verb == "retry" else "cancel", known.item, operator(known))


def _reworded(known: Known) -> Reworded:
    name = clean_line(known.labelled_by, MAX_TITLE)
    # Against what somebody stands for; where that is what it says now, against what the spec was made from.
    before = known.text if known.seen.text == known.approved else known.approved
    told = difference(before, known.seen.text)
    reason = f"the issue was changed after {name} labelled it: approve the difference, reject it, or label the issue again"
    return Reworded(known.item, reason, told if len(told) <= MAX_DIFFERENCE else f"{told[:MAX_DIFFERENCE]}\n[...]")
