"""Who may have the factory work on an issue: whoever labelled it and may write to the repository, as the forge's API says it now.

A name proves nothing (anybody may be called `...[bot]`), nor does having written the issue. A program counts only by its number.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

_MAY_WRITE = frozenset({"admin", "maintain", "write"})
MOST_ASKED = 5
"""People whose permission is asked for because of one change of an issue."""

EDIT_SECONDS = 2.0
"""Two times of one act on the forge may be a second apart."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a program, on the forge. `number` never changes and is never given to another one."""

    login: str
    number: int
    is_program: bool = False


NOBODY = Person("", 0)
"""An account that is gone."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry of an issue's history.

    Attributes:
        kind: labeled, unlabeled, closed, reopened, renamed, commented, or another of the forge's words.
        number: of the entry, rising.
        at: seconds since 1970.
        changed_at: of a comment, when its text was last changed.
        label: what was put on or taken off.
        text: a comment's.
    """

    kind: str
    number: int
    at: float
    who: Person = NOBODY
    label: str = ""
    text: str = ""
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the forge says about a change.

    Attributes:
        history: oldest first.
        permissions: of those that matter in it, by login.
        is_merged: whether the pull request of the item is, which closes the issue as well.
        body_changed_at: when the body was last changed, 0 where never; None where that is not known.
    """

    history: tuple[Happening, ...] = ()
    permissions: Mapping[str, str] = field(default_factory=dict)
    is_merged: bool = False
    body_changed_at: float | None = None


def objection(who: Person, permission: str, trusted_programs: frozenset[int]) -> str:
    """Why this one's word does not count, as a part of a sentence; empty where it does."""
    if who.number in trusted_programs:
        return ""
    if not who.login:
        return "an account that is gone"
    if who.is_program:
        return f"{who.login}, a program whose number {who.number} is not among `trusted_bots`"
    if permission in _MAY_WRITE:
        return ""
    return f"{who.login}, who may not write to the repository"


def last_labelled(history: Sequence[Happening], label: str) -> Happening | None:
    """The last time that the label was put on; None where the history does not tell, or tells that it was taken off again."""
    acts = [one for one in history if one.label.lower() == label.lower() and one.kind in {"labeled", "unlabeled"}]
    return acts[-1] if acts and acts[-1].kind == "labeled" else None


def was_labelled(history: Sequence[Happening], label: str) -> bool:
    """Whether the history tells of the label at all."""
    return any(one.kind == "labeled" and one.label.lower() == label.lower() for one in history)


def last_ended(history: Sequence[Happening], labels: Iterable[str]) -> Happening | None:
    """Whoever closed the issue, or took the last of these labels off: the latest act, None where it does not stand any more."""
    doors = [one for one in history if one.kind in {"closed", "reopened"}]
    if doors and doors[-1].kind == "closed":
        return doors[-1]
    names = {label.lower() for label in labels}
    acts = [one for one in history if one.label.lower() in names and one.kind in {"labeled", "unlabeled"}]
    standing = {one.label.lower(): one.kind for one in acts}
    return acts[-1] if acts and "labeled" not in standing.values() else None


def comments_since(history: Sequence[Happening], at: float) -> list[Happening]:
    return [one for one in history if one.kind == "commented" and one.at >= at]


def must_ask_for_edits(history: Sequence[Happening], label: str, known_event: int, updated_at: float) -> bool:
    """Whether the issue was changed in a later second than it was labelled, by an act that was not followed yet."""
    labelled = last_labelled(history, label)
    return labelled is not None and labelled.number > known_event and updated_at > labelled.at


def edited_after(evidence: Evidence, labelled: Happening, updated_at: float, counts: Callable[[Happening], bool] = lambda _: True) -> bool:
    """Whether the text may be another one than when the label was put on.

    A new title is in the history. A new body is not: where nobody tells when it was changed, each change of the issue may be one,
    whatever else happened. Where that is told, a change that nothing explains counts all the same.

    Args:
        counts: whether an act explains a change: that of somebody who may edit and cover it up by a comment does not.
    """
    later = since(evidence.history, labelled)
    if any(one.kind == "renamed" and one.at >= labelled.at for one in later):
        return True
    if evidence.body_changed_at is None:
        return updated_at > labelled.at + EDIT_SECONDS
    if updated_at > labelled.at and evidence.body_changed_at >= labelled.at:
        return True
    explained = max([labelled.at, *(max(one.at, one.changed_at) for one in later if counts(one))])
    return updated_at > explained + EDIT_SECONDS


def since(history: Sequence[Happening], labelled: Happening) -> list[Happening]:
    """What happened, or was changed, after the label was put on."""
    return [one for one in history if one.number != labelled.number and max(one.at, one.changed_at) >= labelled.at]


def who_matters(history: Sequence[Happening], label: str, asked_at: float | None) -> list[Person]:
    """Whose permission has to be known: the labeller's, and of who answered since `asked_at` or did something since the labelling.

    The latest first, nobody twice, no program.
    """
    labelled = last_labelled(history, label)
    answers = [] if asked_at is None else [one.who for one in reversed(comments_since(history, asked_at))]
    later = [one.who for one in reversed(since(history, labelled))] if labelled else []
    known = [*([labelled.who] if labelled else []), *answers, *later]
    people = {who.login: who for who in known if who.login and not who.is_program}
    return list(islice(people.values(), MOST_ASKED))
