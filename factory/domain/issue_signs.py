"""What an issue shows of its item: one label, and comments, one of each kind ever.

Labels are brought in line with the item's state whenever they differ from it; a comment carries a mark by which it is found again
where nobody knows whether it was written.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from factory.domain.clean import clean
from factory.domain.issue import difference
from factory.domain.issue_known import ItemState, Known, LabelNames, Shown, State
from factory.domain.work_item import WAITS_FOR_A_PERSON, Status

_MAX_TOLD = 2_000
"""Characters of a reason in a comment."""


@dataclass(frozen=True, slots=True)
class Relabel:
    """The issue's labels are to say this: `add` is put on before the others are taken off, so that one is always there."""

    shown: Shown
    add: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """A comment that has not been written yet, or of which nobody knows. `kind` is unique for the item.

    Attributes:
        asks: it holds questions.
        claims: it says that the factory has taken the issue up.
    """

    kind: str
    text: str
    asks: bool = False
    claims: bool = False


Sign = Relabel | Say


def marker(item: str, kind: str) -> str:
    """Stands unseen in the comment of this kind."""
    return f"<!-- ai-factory:{item}:{kind} -->"


def next_sign(known: Known, item: ItemState | None, names: LabelNames) -> Sign | None:
    """What is to be done next to the issue; None where it shows all that there is to show."""
    if known.source != "github" or known.is_elsewhere or (item is None and known.state is not State.REFUSED):
        return None
    shown = _wanted(known, item)
    # The label that asks stays for as long as it was not looked at who put it there.
    asks_again = known.seen.has(names.asks) and known.checked_at >= known.seen.updated_at
    if shown is not known.shown or asks_again:
        others = tuple(name for name in (names.asks, *names.answers) if name != names.of(shown))
        there = tuple(name for name in others if known.seen.has(name) or name == names.of(known.shown) != "")
        return Relabel(shown, (names.of(shown),) if shown else (), there)
    return next((say for say in _comments(known, item) if say.kind not in known.said), None)


def _wanted(known: Known, item: ItemState | None) -> Shown:
    if known.state is State.REFUSED:
        return known.shown if known.shown in {Shown.DONE, Shown.FAILED} else Shown.NOTHING
    if item is None:
        return Shown.NOTHING
    if item.status is Status.COMPLETED:
        return Shown.DONE
    if item.is_over and known.state is not State.RETRYING:
        return Shown.FAILED
    return Shown.QUESTION if item.asks else Shown.PROCESSING


def _comments(known: Known, item: ItemState | None) -> Iterator[Say]:
    if item is None:
        yield Say(f"refused-{known.label_event}", f"The factory did not take this up: {_plain(known.reason)}.")
        return
    if known.state is State.REFUSED:
        yield Say(f"refused-{known.label_event}", f"The factory did not begin this again: {_plain(known.reason)}.")
        return
    yield Say(_of_act("taken", known), _taken(known), claims=True)
    if item.is_over:
        yield Say(_of_act("done" if item.status is Status.COMPLETED else "failed", known), _ended(known, item))
    elif known.state is State.REWORDED and item.status is Status.NEEDS_APPROVAL:
        yield Say(_about("reworded", known.text.digest), _reworded(known))
    elif item.asks:
        yield Say(_about("questions", item.reason + item.evidence), _questions(item), asks=True)
    elif item.status in WAITS_FOR_A_PERSON:
        why = f"Item `{known.item}` waits for a person: {_plain(item.reason)}"
        yield Say(_about("waits", item.reason), f"{why}\n\n`factory show {known.item}` has more.")


def _of_act(kind: str, known: Known) -> str:
    return kind if known.act == 1 else f"{kind}-{known.act}"


def _about(kind: str, what: str) -> str:
    return f"{kind}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def _taken(known: Known) -> str:
    again = "again " if known.act > 1 or known.run > 1 else ""
    return (
        f"The factory has taken this up {again}as item `{known.item}`, as it was labelled by {_plain(known.labelled_by)}.\n\n"
        "Closing the issue or taking the label off cancels it. Changes of title or text wait for somebody's approval."
    )


def _ended(known: Known, item: ItemState) -> str:
    pull = f" Pull request: {item.pr_url}" if item.pr_url else ""
    if item.status is Status.COMPLETED:
        return f"Item `{known.item}` is done.{pull}"
    why = known.reason if known.reason and item.status is Status.CANCELLED and known.end_event else item.reason
    return (
        f"Item `{known.item}` is {item.status}: {_plain(why) or 'no reason was given'}.{pull}\n\nLabel the issue again to have it retried."
    )


def _questions(item: ItemState) -> str:
    asked = _plain(item.evidence or item.reason, limit=2 * _MAX_TOLD)
    then = "An answer by somebody who may write to this repository starts it again."
    return f"Before work on this can begin, please answer:\n\n{asked}\n\n{then}"


def _reworded(known: Known) -> str:
    lines = len(difference(known.approved, known.text).splitlines())
    who = _plain(known.labelled_by)
    return (
        f"This was changed after {who} labelled it, so work on item `{known.item}` waits ({lines} lines of difference).\n\n"
        "Label it again if its text is what you want, or approve the change in the factory."
    )


def _plain(text: str, limit: int = _MAX_TOLD) -> str:
    """Text of others in a comment of ours: nobody is called by it, and it holds no mark."""
    plain = clean(text)[:limit].replace("<!--", "&lt;!--").replace("@", "@\u2060")
    return plain.rstrip(". \n")
