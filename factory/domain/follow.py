"""What follows from what is read of a pull request: wait, it is over, work on it again, leave it to a person, merge it.

Everything read was written by others. It decides little, and goes to the next attempt as quoted data.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from factory.domain.clean import clean_line
from factory.domain.ids import Commit
from factory.domain.rework import Piece

PATIENCE = 4
"""Looks that find nothing new, after which a failed check no longer waits for those that do not come to an end."""
_NAMED = 3
_MAX_NAME = 80

CheckState = Literal["pending", "passed", "failed", "blocked"]
"""`blocked`: it ended without a verdict about the commit (cancelled, waits for a person), which no other commit would mend."""
Verdict = Literal["approved", "changes", "commented", "dismissed"]


@dataclass(frozen=True, slots=True)
class Check:
    """A check run or a commit's status. `conclusion` in the forge's words, `text` what it put out."""

    name: str
    state: CheckState
    conclusion: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody said of it.

    Attributes:
        number: rises with each review.
        commit: what was looked at.
        may_write: whether the author may push to the repository; False also where nobody knows.
        is_person: whether the author is no bot and not who opened the pull request.
    """

    number: int
    author: str
    verdict: Verdict
    commit: Commit
    text: str = ""
    may_write: bool = False
    is_person: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A pull request as the forge has it.

    Attributes:
        ended_by: who merged or closed it, empty where nobody knows.
        base: the branch that it would be merged into; empty where nobody knows.
        mergeable: False where it conflicts with its base, None while the forge has not found out.
        clear: whether the forge says that nothing is in the way of merging it.
        unread: what the credential may not read.
    """

    state: Literal["open", "merged", "closed"]
    head: Commit
    ended_by: str = ""
    base: str = ""
    mergeable: bool | None = None
    clear: bool = False
    checks: tuple[Check, ...] = ()
    reviews: tuple[Review, ...] = ()
    labels: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """What the factory did before.

    Attributes:
        head: what it pushed last; `earlier` what it pushed before that.
        review: number of the last review that an attempt was given.
        unchanged: looks since something was different.
    """

    url: str
    base_branch: str
    head: Commit
    earlier: tuple[Commit, ...] = ()
    review: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done. `sentence` says what it is waiting for."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Over:
    """It was merged or closed."""

    what: Literal["merged", "closed"]
    sentence: str


@dataclass(frozen=True, slots=True)
class Rework:
    """Another attempt on the same branch.

    Attributes:
        reasons: clauses.
        pieces: what others wrote, for the next attempt.
        review: number of the last review among it.
        conflicts: the base's commit has to be merged.
    """

    reasons: tuple[str, ...]
    pieces: tuple[Piece, ...]
    review: int
    conflicts: bool = False

    @property
    def sentence(self) -> str:
        more = f", and {len(self.reasons) - _NAMED} more" if len(self.reasons) > _NAMED else ""
        return f"The pull request needs rework: {'; '.join(self.reasons[:_NAMED])}{more}."


@dataclass(frozen=True, slots=True)
class HandsOff:
    """Somebody else works on the branch: a person decides."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Merge:
    """It may be merged by the factory, at exactly this commit."""

    head: Commit


Next = Wait | Over | Rework | HandsOff | Merge


def decide(seen: Seen, ours: Ours, *, auto_merge: bool = False) -> Next:
    """What follows. The same reading leads to the same answer however often it is read."""
    if seen.state != "open":
        by = f" by {_name(seen.ended_by)}" if seen.ended_by else ""
        without = "" if seen.state == "merged" else " without being merged"
        return Over(seen.state, f"{ours.url} was {seen.state}{by}{without}.")
    if seen.head != ours.head:
        return _of_another(seen, ours)
    if seen.base not in {"", ours.base_branch}:
        # What was checked and approved was so for another branch, and a rework would merge the wrong one.
        there, here = clean_line(seen.base, _MAX_NAME), clean_line(ours.base_branch, _MAX_NAME)
        return Wait(f"somebody pointed it at {there}, and the factory made it for {here}: it is left alone until that is taken back.")
    wanted, red = _wanted(seen, ours.review), [check for check in seen.checks if check.state == "failed"]
    unfinished = any(check.state == "pending" for check in seen.checks) and ours.unchanged < PATIENCE
    if wanted or seen.mergeable is False or (red and not unfinished):
        return _rework(seen, ours, wanted, red)
    if auto_merge and _may_be_merged(seen):
        return Merge(seen.head)
    return Wait(_waits_for(seen, red))


def opinions(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """Of each reviewer the last that approves or asks for changes; a comment is no opinion, a dismissed one is none any more."""
    latest: dict[str, Review] = {}
    for review in sorted(reviews, key=lambda one: one.number):
        if review.verdict != "commented":
            latest[review.author] = review
    return tuple(review for review in latest.values() if review.verdict != "dismissed")


def _of_another(seen: Seen, ours: Ours) -> Next:
    if seen.head in ours.earlier:
        return Wait(f"The forge shows it at {seen.head[:12]}, not yet at the {ours.head[:12]} that was pushed.")
    return HandsOff(
        f"Somebody else pushed to the branch of {ours.url}: it is at {seen.head[:12]}, the factory left it at {ours.head[:12]}. "
        "What is done with it is yours to say."
    )


def _wanted(seen: Seen, handled: int) -> list[Review]:
    """Changes that an attempt was not given yet, asked for by those who may push themselves."""
    return [one for one in opinions(seen.reviews) if one.verdict == "changes" and one.number > handled and one.may_write and one.is_person]


def _rework(seen: Seen, ours: Ours, wanted: Sequence[Review], red: Sequence[Check]) -> Rework:
    conflicts = seen.mergeable is False
    base = clean_line(ours.base_branch, _MAX_NAME)
    reasons = [f"{_name(one.author)} asks for changes" for one in wanted]
    reasons += [f"it conflicts with {base}"] if conflicts else []
    reasons += [f"the check {_name(one.name)} ended with {_name(one.conclusion)}" for one in red]
    pieces = [Piece(f"{_name(one.author)}, who may push here, asks for changes", one.text) for one in wanted]
    pieces += [Piece(f"The check {_name(one.name)} ended with {_name(one.conclusion)}", one.text) for one in red]
    return Rework(tuple(reasons), tuple(pieces), max((one.number for one in wanted), default=ours.review), conflicts)


def _may_be_merged(seen: Seen) -> bool:
    known = opinions(seen.reviews)
    people = [one for one in known if one.may_write and one.is_person]
    approved = any(one.verdict == "approved" and one.commit == seen.head for one in people)
    objected = any(one.verdict == "changes" for one in known)
    # Those that were skipped say nothing of the commit, and may be all that there are.
    green = all(check.state == "passed" for check in seen.checks) and any(check.conclusion == "success" for check in seen.checks)
    return seen.mergeable is True and seen.clear and green and approved and not objected and not seen.unread


def _waits_for(seen: Seen, red: Sequence[Check]) -> str:
    return "; ".join(_clauses(seen, red)) + "."


def _clauses(seen: Seen, red: Sequence[Check]) -> Iterator[str]:
    pending = [check for check in seen.checks if check.state == "pending"]
    blocked = [check for check in seen.checks if check.state == "blocked"]
    if pending:
        yield f"waits for {_names(pending)}"
    if red:
        yield f"{_names(red)} failed"
    if blocked:
        yield f"{_names(blocked)} ended without a verdict ({_name(blocked[0].conclusion)}), which a person has to look at"
    if seen.unread:
        yield f"the token may not read {', '.join(seen.unread)}"
    known = opinions(seen.reviews)
    objecting = [_name(one.author) for one in known if one.verdict == "changes"]
    if objecting:
        yield f"waits for another look of {', '.join(objecting[:_NAMED])}"
    elif any(one.verdict == "approved" for one in known):
        yield "approved, waits to be merged"
    else:
        yield "waits for a review"


def _names(checks: Sequence[Check]) -> str:
    more = f" and {len(checks) - _NAMED} more" if len(checks) > _NAMED else ""
    return f"{'check' if len(checks) == 1 else 'checks'} {', '.join(_name(check.name) for check in checks[:_NAMED])}{more}"


def _name(text: str) -> str:
    return clean_line(text, _MAX_NAME) or "?"
