"""The remote and its forge: every update of a ref and every pull request is on record, and any answer may be lost."""

from collections.abc import Callable
from pathlib import Path

from factory.domain.ids import Commit
from factory.domain.inspection import Change, Inspection
from factory.errors import BadResult, BranchTaken, ForgeUnavailable, RepositoryUnavailable
from factory.pull_request_ports import PullRequestOrder, PullRequestRef
from factory.storage.pull_requests import PullRequestRows
from tests.simulation.kernel import Kernel

BASE = Commit("b" * 40)


class SimRemote:
    """Refs and pull requests, as the world outside sees them.

    Attributes:
        trouble: likelihood that a call fails, half of the times after its effect.
        guarded: whether a commit touches a guarded path.
        on_push: called with branch, what was there, and what is there.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.trouble = 0.0
        self.refs: dict[tuple[str, str], Commit] = {}
        self.requests: list[PullRequestOrder] = []
        self.guarded: Callable[[Commit], bool] = lambda _: False
        self.on_push: Callable[[str, Commit | None, Commit], object] = lambda *_: None
        self.on_open: Callable[[PullRequestOrder], object] = lambda _: None

    def enter(self, error: type[Exception], slowest: float = 0.5) -> None:
        """Before the effect."""
        lane = self.kernel.current
        lane.step()
        lane.lag += self.kernel.random.random() * slowest
        if self.kernel.chance(self.trouble / 2):
            raise error("502: the remote does not answer.")

    def leave(self, error: type[Exception]) -> None:
        """After the effect."""
        if self.kernel.chance(self.trouble / 2):
            raise error("The connection was reset before the answer came.")
        self.kernel.current.step()

    def move(self, key: tuple[str, str], commit: Commit) -> None:
        self.on_push(key[1], self.refs.get(key), commit)
        self.refs[key] = commit


class SimRepositories:
    """`ports.Repositories` over it. A bundle holds its commit's name and nothing else."""

    def __init__(self, remote: SimRemote) -> None:
        self._remote = remote

    def refresh(self, repo: str, base_branch: str) -> tuple[Path, Commit]:
        self._remote.enter(RepositoryUnavailable)
        return Path("/mirror", repo.strip("/"), base_branch), BASE

    def read(self, repo: str, commit: Commit, path: str) -> str | None:
        return None

    def import_bundle(self, repo: str, name: str, bundle: Path, commit: Commit) -> Path:
        self._remote.kernel.current.step()
        if bundle.read_bytes() != commit.encode():
            raise BadResult("The bundle does not hold the commit.")
        return Path("/imports", name)

    def head(self, repo: str, branch: str) -> Commit | None:
        return self._remote.refs.get((repo, branch))

    def inspect(self, imported: Path, base: Commit, commit: Commit, onto: str = "") -> Inspection:
        path = "CODEOWNERS" if self._remote.guarded(commit) else f"src/{commit[:8]}.py"
        return Inspection(commit, True, ("Do it",), (Change(path, "100644", 10, False),), 3, ())

    def push(self, repo: str, imported: Path, commit: Commit, branch: str, expected: Commit | None) -> None:
        self._remote.enter(RepositoryUnavailable)
        there = self._remote.refs.get((repo, branch))
        if there != commit:
            if there != expected:
                raise BranchTaken("Somebody else's commit is on the branch.", there or "")
            self._remote.move((repo, branch), commit)
        self._remote.leave(RepositoryUnavailable)

    def discard(self, name: str) -> None:
        """Nothing was made."""


class SimForge:
    """`ports.PullRequests` over it: look up, create, and where that is refused with 422 look up again; then on record here too."""

    def __init__(self, remote: SimRemote, store: PullRequestRows) -> None:
        self._remote, self._store = remote, store

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        self._remote.enter(ForgeUnavailable, 0.2)
        return self._look(repo, branch)

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        self._remote.enter(ForgeUnavailable)
        found = self._look(order.repo, order.branch) or self._create(order)
        if found.head != order.head:
            raise ForgeUnavailable("The forge does not show what was pushed yet.")
        self._store.record(order, found)
        return found

    def _look(self, repo: str, branch: str) -> PullRequestRef | None:
        for number, request in enumerate(self._remote.requests, start=1):
            if (request.repo, request.branch) == (repo, branch):
                return PullRequestRef(number, f"{repo}/pull/{number}", self._remote.refs[repo, branch], followed=False)
        return None

    def _create(self, order: PullRequestOrder) -> PullRequestRef:
        self._remote.on_open(order)
        self._remote.requests.append(order)
        self._remote.leave(ForgeUnavailable)
        number = len(self._remote.requests)
        return PullRequestRef(number, f"{order.repo}/pull/{number}", self._remote.refs[order.repo, order.branch], followed=False)
