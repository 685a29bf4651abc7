"""Which forge has the pull requests of a repository: the adapter of `ports.PullRequests` that the others are behind."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from factory.delivery_ports import PullRequestReader
from factory.domain.follow import Seen
from factory.domain.forge import GitHub
from factory.domain.ids import Commit
from factory.pull_request_ports import PullRequestOrder, PullRequestRef, PullRequests


@dataclass(frozen=True, slots=True)
class PullRequestsByForge:
    """GitHub for the repositories that it serves, the factory's own record for all others."""

    place: GitHub
    on_github: PullRequests
    elsewhere: PullRequests

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        return self._of(repo).find(repo, branch)

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        return self._of(order.repo).open(order)

    def _of(self, repo: str) -> PullRequests:
        return self.elsewhere if self.place.slug(repo) is None else self.on_github


class MadeAtFirstUse:
    """An adapter whose library takes long to load: made by the first thread that uses it, and never where nobody does.

    Delivery uses it in the background. Loaded at its start, it would keep everyone waiting for whom that process is just replaced.
    """

    def __init__(self, make: Callable[[], PullRequests]) -> None:
        self._make = make
        self._made: PullRequests | None = None
        self._turn = threading.Lock()

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        return self.made().find(repo, branch)

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        return self.made().open(order)

    def made(self) -> PullRequests:
        """The adapter itself."""
        with self._turn:
            if self._made is None:
                self._made = self._make()
            return self._made


class ReadAtFirstUse:
    """The reader beside such an adapter, made like it and with it."""

    def __init__(self, pulls: MadeAtFirstUse, make: Callable[[PullRequests], PullRequestReader]) -> None:
        self._pulls, self._make = pulls, make
        self._made: PullRequestReader | None = None
        self._turn = threading.Lock()

    def look(self, repo: str, number: int, after_review: int) -> Seen:
        return self._there().look(repo, number, after_review)

    def merge(self, repo: str, number: int, head: Commit, way: str) -> None:
        self._there().merge(repo, number, head, way)

    def _there(self) -> PullRequestReader:
        with self._turn:
            if self._made is None:
                self._made = self._make(self._pulls.made())
            return self._made
