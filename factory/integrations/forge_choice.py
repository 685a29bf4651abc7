"""Which forge has the pull requests of a repository: the adapter of `ports.PullRequests` that the others are behind."""

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
