"""What follows from a look at an issue: whether it is taken up, refused, cancelled, done again, or put before a person.

    new ──► accepted ──────────────────────────────────────────► over ──labelled again──► retrying, or accepted as the next run
     │         │ ▲  closed, or the label taken off: cancelling     ▲
     │         │ └─ text changed: reworded ──approved, or labelled again: accepted
     │         └── a writer answered: answered
     └────► refused ──labelled again──► new

Everything is decided from what is stored, so that whoever is killed between two steps goes on where they were.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from factory.domain.issue import issue_item_id
from factory.domain.issue_claim import left_to, stands_elsewhere
from factory.domain.issue_known import ENDED, ItemState, Known, LabelNames, Shown, State
from factory.domain.issue_trust import (
    Evidence,
    Happening,
    Person,
    comments_since,
    edited_after,
    last_ended,
    last_labelled,
    objection,
    was_labelled,
)
from factory.domain.work_item import Status

MOST_LOOKS = 5
"""Looks at a history that does not show what the issue shows, before it is taken at its word: the forge's copies lag by seconds."""
MAX_ANSWER = 8_000
"""Characters of one answer that are handed on."""


# -- when the history has to be asked ---------------------------------------------------------------------------------


def must_look_back(known: Known, item: ItemState | None, names: LabelNames) -> bool:
    """Whether something changed of which only the history says what it means, and who did it. Once for each change."""
    if known.checked_at >= known.seen.updated_at:
        return False
    asks = known.seen.is_open and known.seen.has(names.asks)
    if known.state is State.NEW or known.state in ENDED:
        return asks
    if was_ended(known, names):
        return item is None or not (item.is_over or item.status is Status.IN_REVIEW)
    if item is None:
        return False
    # Labelled again by somebody who stands for the text as it is now, or answered.
    stands = known.state is State.REWORDED and asks and known.shown is not Shown.NOTHING
    return stands or (item.asks and known.asked_at is not None) or (item.is_over and asks and known.shown is not Shown.NOTHING)


def was_ended(known: Known, names: LabelNames) -> bool:
    """Whether it looks as if somebody had closed the issue, or taken the label off."""
    # Also before the first answering label is known to be there: the history tells whether somebody took a label off or we are early.
    return not known.seen.is_open or not any(known.seen.has(name) for name in (names.asks, *names.answers))


# -- what follows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator set. `programs`: numbers of those whose label counts."""

    names: LabelNames = LabelNames()  # noqa: RUF009 - frozen
    programs: frozenset[int] = frozenset()


def follow(known: Known, item: ItemState | None, evidence: Evidence, rules: Rules) -> Known:
    """The issue after its history was looked at."""
    checked = replace(known, checked_at=known.seen.updated_at, looks=0)
    if known.state is State.NEW or known.state in ENDED:
        return _asked_for(checked, item, evidence, rules, known)
    if was_ended(known, rules.names) and not (item and (item.is_over or item.status is Status.IN_REVIEW)):
        # Merged while it was being reworked, it is done: whoever follows the pull request says so.
        return checked if evidence.is_merged else _ended(checked, evidence, rules)
    labelled = last_labelled(evidence.history, rules.names.asks)
    if labelled is not None and labelled.number > known.label_event and (item is None or item.is_over or known.state is State.REWORDED):
        return _labelled_again(checked, item, labelled, evidence, rules)
    return _answered(checked, item, evidence, rules)


def _asked_for(checked: Known, item: ItemState | None, evidence: Evidence, rules: Rules, before: Known) -> Known:
    labelled = last_labelled(evidence.history, rules.names.asks)
    if labelled is None and (before.state in ENDED or was_labelled(evidence.history, rules.names.asks)):
        return checked  # what the look showed is not so any more
    if labelled is None:
        if before.looks + 1 < MOST_LOOKS:
            return replace(before, looks=before.looks + 1)
        return _refused(checked, 0, f"nobody is named who put the label {rules.names.asks} on it")
    if labelled.number <= before.label_event:
        return checked
    return _labelled_again(checked, item, labelled, evidence, rules)


def _labelled_again(checked: Known, item: ItemState | None, labelled: Happening, evidence: Evidence, rules: Rules) -> Known:
    why_not = _objection(labelled.who, evidence, rules)
    if why_not and checked.state not in {State.NEW, *ENDED}:
        return replace(checked, label_event=labelled.number)
    if why_not:
        return _refused(checked, labelled.number, f"labelled by {why_not}")
    if checked.state in {State.NEW, *ENDED} and stands_elsewhere(checked, evidence.history, rules.names):
        mend = f"take its label {rules.names.of(Shown.PROCESSING)} off if it does not, and label it again"
        return left_to(checked, labelled.number, mend)
    if edited_after(evidence, labelled, checked.seen.updated_at, lambda one: _explains(one, evidence, rules)):
        if checked.state is State.REWORDED:
            return replace(checked, label_event=labelled.number)
        return _refused(
            checked,
            labelled.number,
            f"it may have been changed after {labelled.who.login} labelled it: label it again if its text is what you want",
        )
    return _taken(checked, item, labelled)


def _explains(one: Happening, evidence: Evidence, rules: Rules) -> bool:
    """Whether an act is the reason of a change. Anybody else's could be there to cover up an edit: their author may change the text."""
    is_ours = one.who.is_program and (is_own(one.text) or one.label in rules.names.answers)
    return is_ours or not _objection(one.who, evidence, rules)


def _taken(checked: Known, item: ItemState | None, labelled: Happening) -> Known:
    taken = replace(checked, approved=checked.seen.text, labelled_by=labelled.who.login, label_event=labelled.number)
    taken = replace(taken, reason="", end_event=0, answers="", asked_at=None, by=labelled.who.login)
    if checked.state is State.REWORDED:
        return replace(taken, state=State.REWORDED)
    if item is None:
        return replace(taken, state=State.ACCEPTED, text=checked.seen.text)
    if item.status is Status.COMPLETED:
        run = checked.run + 1
        fresh = replace(taken, state=State.ACCEPTED, text=checked.seen.text, run=run, act=1, shown=Shown.NOTHING, said=frozenset())
        return replace(fresh, item=issue_item_id(checked.source, checked.source_id, run))
    if item.is_over:
        return replace(taken, state=State.RETRYING, act=checked.act + 1)
    return replace(taken, state=State.ACCEPTED)


def _refused(checked: Known, event: int, reason: str) -> Known:
    return replace(checked, state=State.REFUSED, reason=reason, label_event=max(event, checked.label_event))


def _ended(checked: Known, evidence: Evidence, rules: Rules) -> Known:
    act = last_ended(evidence.history, (rules.names.asks, *rules.names.answers))
    if act is None or act.number <= checked.end_event:
        return checked
    who = act.who.login or "somebody"
    did = "closed the issue" if act.kind == "closed" else f"took the label {act.label} off"
    return replace(checked, state=State.CANCELLING, end_event=act.number, reason=f"{who} {did}", by=who)


def _answered(checked: Known, item: ItemState | None, evidence: Evidence, rules: Rules) -> Known:
    if item is None or not item.asks or checked.asked_at is None:
        return checked
    said = comments_since(evidence.history, checked.asked_at)
    answers = [one for one in said if one.text and not is_own(one.text) and not _objection(one.who, evidence, rules)]
    if not answers:
        return checked
    quoted = "\n\n".join(_quoted(one) for one in answers)
    joined = f"{checked.answers}\n\n{quoted}".strip()
    return replace(checked, state=State.ANSWERED, answers=joined, by=answers[-1].who.login, asked_at=None)


def is_own(text: str) -> bool:
    """Whether the factory wrote this comment, or somebody who wants it to look so: neither is an answer."""
    return "<!-- ai-factory:" in text


def _quoted(answer: Happening) -> str:
    lines = answer.text[:MAX_ANSWER].splitlines()
    return "\n".join([f"Answer of {answer.who.login}:", "", *(f"> {line}" for line in lines)])


def _objection(who: Person, evidence: Evidence, rules: Rules) -> str:
    return objection(who, evidence.permissions.get(who.login, "none"), rules.programs)


# -- what the queue has to hear ---------------------------------------------------------------------------------------


class Word(StrEnum):
    """What is said to the queue next."""

    SUBMIT = "submit"
    RETRY = "retry"
    CANCEL = "cancel"
    REWORD = "reword"
    REOPEN = "reopen"


def owed(known: Known, item: ItemState | None) -> Word | None:
    """What the queue has to hear about the issue, one word at a time. Said again it changes nothing there."""
    if known.state is State.NEW or known.state is State.REFUSED:
        return None
    if item is None:
        return None if known.state in {State.OVER, State.CANCELLING} else Word.SUBMIT
    if known.state is State.CANCELLING:
        return Word.CANCEL
    if known.state is State.RETRYING:
        return Word.RETRY
    if item.is_over or item.status in {Status.PUBLISHING, Status.IN_REVIEW}:
        return None
    stands_for_it = known.seen.text == known.approved
    # Also a text that somebody stands for is put before the queue where the spec is of another one: that drops it, and the text is
    # stored before the item goes on, whose spec is written from what is stored.
    if known.seen.text != known.text:
        return Word.REWORD
    if item.status is not Status.NEEDS_APPROVAL:
        return None
    return Word.REOPEN if known.state is State.ANSWERED or (known.state is State.REWORDED and stands_for_it) else None


def heard(known: Known, word: Word) -> Known:
    """The issue once the queue has taken the word, or refused it for good: both times there is nothing more to say."""
    match word:
        case Word.SUBMIT | Word.RETRY | Word.CANCEL:
            return replace(known, state=State.OVER if known.is_elsewhere else State.ACCEPTED)
        case Word.REWORD:
            return replace(known, state=State.REWORDED, text=known.seen.text)
        case Word.REOPEN:
            return replace(known, state=State.ACCEPTED, text=known.approved, reason="")


def unasked(known: Known) -> Known:
    """The issue where a change of it needs no look at its history: the change is dealt with."""
    return known if known.state is State.NEW else replace(known, checked_at=max(known.checked_at, known.seen.updated_at))


def finished(known: Known, item: ItemState | None) -> Known:
    """The issue when nothing is left to be said, to the queue or on the forge."""
    is_over = item is not None and item.is_over and known.state not in ENDED
    return replace(known, state=State.OVER) if is_over else known


def settled(known: Known, item: ItemState | None, names: LabelNames) -> Known:
    """What changes because of what others did with the issue or its item meanwhile."""
    if known.state is State.NEW and not (known.seen.is_open and known.seen.has(names.asks)):
        return replace(known, state=State.OVER, reason="it was withdrawn before it was taken up")
    if item is None:
        return replace(known, state=State.OVER) if known.state is State.CANCELLING else known
    if known.state in {State.NEW, State.RETRYING, State.CANCELLING}:
        return known
    if known.state in ENDED and not item.is_over:
        # An operator had it done again.
        return replace(known, state=State.ACCEPTED, act=known.act + 1, reason="" if known.is_elsewhere else known.reason)
    waits = item.status is Status.NEEDS_APPROVAL
    if known.state is State.REWORDED and not waits and not item.is_over:
        # An operator looked at the difference, and approved it.
        return replace(known, state=State.ACCEPTED, approved=known.text)
    if known.state is State.ANSWERED and not waits:
        return replace(known, state=State.ACCEPTED)
    return known
