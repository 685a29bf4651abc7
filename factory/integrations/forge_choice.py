"""Which forge has the pull requests of a repository: the adapter of `ports.PullRequests` that the others are behind."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from factory.domain.forge import GitHub
from factory.ports import PullRequestOrder, PullRequestRef, PullRequests


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
        return self._there().find(repo, branch)

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        return self._there().open(order)

    def _there(self) -> PullRequests:
        with self._turn:
            if self._made is None:
                self._made = self._make()
            return self._made
