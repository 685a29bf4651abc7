"""The seam of pull requests, as a forge keeps them."""

from dataclasses import dataclass
from typing import Literal, Protocol

from factory.domain.ids import Commit, ItemId


@dataclass(frozen=True, slots=True)
class PullRequestOrder:
    """What a pull request is made of. `head` is the commit that was checked."""

    item: ItemId
    repo: str
    branch: str
    base_branch: str
    head: Commit
    title: str
    body: str


PullRequestState = Literal["open", "merged", "closed"]


@dataclass(frozen=True, slots=True)
class PullRequestRef:
    """A pull request that exists. `followed` says whether the factory is told what becomes of it."""

    number: int
    url: str
    head: Commit
    followed: bool
    state: PullRequestState = "open"


class PullRequests(Protocol):
    """A forge's pull requests. Find-or-create, keyed by (repository, branch): repeating it never makes a second one.

    Both raise `errors.ForgeUnavailable` and `errors.Unauthorized` (try again, not before `retry_after`) or `errors.ForgeRefused`.
    """

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        """The pull request of a branch, in whichever state: there is never a second one."""
        ...

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        """Creates it, or returns the one that is there with its text brought up to date; its head is the order's.

        One that is over already is returned where it was of that head, and refused where it was of another one.
        """
        ...
