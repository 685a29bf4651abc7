"""The seams of intake, as Protocols: where issues come from, and where they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from factory.domain.issue_known import ItemState, Known, Seen
from factory.domain.issue_trust import Happening


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a repository was read.

    Attributes:
        asked: tag of the list of labelled issues, by which it is asked for only if it has changed; empty: ask in any case.
        since: seconds by the forge's clock from which changes are to be listed; 0: from now on.
        changed: the same tag for the list of changes.
    """

    asked: str = ""
    since: float = 0.0
    changed: str = ""


@dataclass(frozen=True, slots=True)
class SeenIssue:
    number: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a repository showed: issues that changed, and the mark for the next look. No issue is gone for not being in it."""

    repo: str
    issues: tuple[SeenIssue, ...]
    mark: Mark


class IssueSource(Protocol):
    """A forge's issues. Everything may be repeated.

    Every method raises `errors.ForgeUnavailable` and `errors.Unauthorized` (try again, not before `retry_after`) or `errors.ForgeRefused`.
    `repo` is `owner/name`.
    """

    def look(self, repo: str, label: str, mark: Mark, *, follows: bool) -> Look:
        """Reads all pages of what is open and labelled, and where `follows` also of everything that changed; or raises.

        Costs nothing where nothing changed since the mark.
        """
        ...

    def history(self, repo: str, number: int) -> Sequence[Happening]:
        """All of it, oldest first."""
        ...

    def body_changed_at(self, repo: str, number: int, seen_at: float) -> float | None:
        """When the body was last changed after it was written, seconds by the forge's clock; 0 where never.

        None where the forge does not tell: then it may have been, at any time.

        Args:
            seen_at: `updated_at` of the issue as it was seen; what is older than that says nothing about it.
        """
        ...

    def permission(self, repo: str, login: str) -> str:
        """What the forge says now: admin, write, read or none. Asked for anew after some minutes at the latest."""
        ...

    def is_merged(self, repo: str, pull: int) -> bool:
        """Whether this pull request of the repository is merged."""
        ...

    def base_branch(self, repo: str) -> str:
        """Where pull requests go if nobody says otherwise."""
        ...

    def relabel(self, repo: str, number: int, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
        """Puts labels on, then takes labels off; those that are (not) there already count as done. Returns all that there are now."""
        ...

    def take_off(self, repo: str, number: int, label: str) -> tuple[str, ...] | None:
        """Takes one label off, and returns the others; None where it was not there. Of several who try, one is told that it was."""
        ...

    def comment(self, repo: str, number: int, text: str, mark: str, *, look_first: bool) -> float:
        """Writes a comment that ends with the mark, and returns when, in seconds by the forge's clock.

        Args:
            look_first: whether one with this mark may be there already; then none is written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file of the inbox that is whole, or as much of it as is read at the most.

    Attributes:
        stamp: differs for a file of the same name that is dropped later.
        size: in bytes.
    """

    path: Path
    stamp: str
    text: str
    size: int = 0


class Inbox(Protocol):
    """A folder whose Markdown files are issues. Whoever may write there may have the factory work."""

    def wait(self, seconds: float) -> bool:
        """Waits until something changes there, or for so long; says whether something did."""
        ...

    def files(self) -> Sequence[Dropped]:
        """Those that are whole: they look as they did at the call before."""
        ...

    def file_away(self, dropped: Dropped, sentence: str, *, taken: bool) -> None:
        """Moves it to `done` or `refused`, with the sentence in a file beside it. Repeating it changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """An issue of which something is to be looked at or done, and its item, where the queue has it."""

    known: Known
    item: ItemState | None


class IssueStore(Protocol):
    """Where issues are kept. One writer: intake."""

    def mark(self, repo: str) -> Mark: ...
    def follows(self, repo: str) -> bool:
        """Whether any issue of the repository is taken up and not over."""
        ...

    def looked(self, look: Look) -> None:
        """Stores what was seen together with the mark, so that neither is there without the other."""
        ...

    def failed(self, repo: str, sentence: str) -> None:
        """Notes why the repository could not be looked at, and since when that is so."""
        ...

    def pending(self, limit: int) -> Sequence[Pending]:
        """What changed since it was last put away with `done`, and is due; the longest waiting first."""
        ...

    def one(self, key: str) -> Pending | None: ...
    def save(self, known: Known) -> None:
        """Writes what intake decided; what was seen is left alone, but for the labels."""
        ...

    def add(self, known: Known) -> bool:
        """A new one; False where it is known already."""
        ...

    def begin_tell(self, known: Known, kind: str) -> bool:
        """Notes that a comment of this kind is about to be written; True where that was noted before."""
        ...

    def told(self, known: Known, kind: str) -> None:
        """Notes that it is there."""
        ...

    def done(self, pending: Pending) -> None:
        """Nothing more is to be done until the issue or its item changes."""
        ...

    def later(self, key: str, seconds: float, sentence: str) -> None:
        """Not before so many seconds; the sentence says why, for people."""
        ...

    def paused(self) -> str:
        """Why nothing new is taken in, the end of a sentence; empty where it is."""
        ...
