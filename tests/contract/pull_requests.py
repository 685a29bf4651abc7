"""Each forge with what its contract suite needs of it: repositories, and branches at commits of their own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from factory.domain.forge import GitHub
from factory.domain.ids import Commit, ItemId, branch_of
from factory.domain.pull_request import marks
from factory.integrations.github_pulls import GitHubPullRequests
from factory.integrations.github_token import Mint
from factory.integrations.local_pulls import LocalPullRequests
from factory.pull_request_ports import PullRequestOrder, PullRequests, PullRequestState
from factory.storage.database import Database
from factory.storage.pull_requests import PullRequestRows
from tests.fakes.clock import ManualClock
from tests.fakes.pull_requests import FakePullRequests
from tests.items import insert_item
from tests.repositories import Remote, git
from tests.standin import TOKEN, StandIn

ONE, TWO = ItemId("0000000001"), ItemId("0000000002")


class Forge(Protocol):
    """A forge with two repositories."""

    @property
    def pulls(self) -> PullRequests: ...
    @property
    def repo(self) -> str: ...
    @property
    def other_repo(self) -> str: ...
    def pushed(self, item: ItemId = ONE) -> Commit:
        """A further commit on the branch of an item."""
        ...

    def ends(self, item: ItemId, state: PullRequestState) -> None:
        """A person merges or closes its pull request."""
        ...


def order(forge: Forge, head: Commit, item: ItemId = ONE, body: str = "Body") -> PullRequestOrder:
    return PullRequestOrder(item, forge.repo, branch_of(item), "main", head, "Title", f"{body}\n{marks(item, head)}")


@dataclass(slots=True)
class Plain:
    """No forge at all, or one in memory: nobody looks at the commits."""

    pulls: PullRequests
    repo: str = "/srv/a.git"
    other_repo: str = "/srv/b.git"
    commits: int = 0

    def pushed(self, item: ItemId = ONE) -> Commit:
        self.commits += 1
        return Commit(f"{self.commits:040x}")

    def ends(self, item: ItemId, state: PullRequestState) -> None:
        assert isinstance(self.pulls, FakePullRequests)
        self.pulls.ends(self.repo, branch_of(item), state)


@dataclass(slots=True)
class OnGitHub:
    """The adapter against the stand-in. `tokens` are minted in turn, the last one for ever."""

    standin: StandIn
    database: Database
    tokens: list[str] = field(default_factory=lambda: [TOKEN])
    clock: ManualClock = field(default_factory=ManualClock)
    minted: list[tuple[str, bool]] = field(default_factory=list)
    remote: Remote = field(init=False)
    pulls: PullRequests = field(init=False)

    def __post_init__(self) -> None:
        self.remote = self.standin.repository("acme/widgets")
        self.standin.repository("acme/gadgets")
        self.restart()

    @property
    def repo(self) -> str:
        return self.standin.address("acme/widgets")

    @property
    def other_repo(self) -> str:
        return self.standin.address("acme/gadgets")

    def restart(self) -> None:
        """Another process: what the adapter held in memory is lost."""
        mint: Mint = self._mint
        self.pulls = GitHubPullRequests(GitHub(self.standin.api, self.standin.api), mint, PullRequestRows(self.database), self.clock)

    def pushed(self, item: ItemId = ONE) -> Commit:
        return self.remote.push({"a.txt": f"{len(self.remote.branches())} {self.remote.tree.head()}\n"}, branch_of(item))

    def ends(self, item: ItemId, state: PullRequestState) -> None:
        (pull,) = (one for one in self.standin.pulls() if one["head"] == branch_of(item))
        if state == "merged":
            self.standin.merge("acme/widgets", pull["number"])
        else:
            self.standin.asks("PATCH", f"/repos/acme/widgets/pulls/{pull['number']}", {"state": state})

    def delete_branch(self, item: ItemId = ONE) -> None:
        git(self.remote.bare, "update-ref", "-d", f"refs/heads/{branch_of(item)}")

    def _mint(self, slug: str, *, renew: bool) -> str:
        self.minted.append((slug, renew))
        return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]


def forge_of(kind: str, folder: Path, database: Database, standin: StandIn | None) -> Forge:
    if kind == "fake":
        return Plain(FakePullRequests())
    for item in (ONE, TWO):
        insert_item(database, item)
    if standin is None:
        return Plain(LocalPullRequests(PullRequestRows(database)))
    return OnGitHub(standin, database)
