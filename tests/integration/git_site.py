"""A remote, a worker's clone of it, and delivery's side of git, all real; and how a result gets from one to the other."""

from pathlib import Path

import pytest

from factory.domain.ids import Commit
from factory.domain.inspection import Inspection
from factory.integrations.git import GitRepositories
from tests.repositories import ITEM, Remote, Tree, make_remote

NAME = f"{ITEM}-1"
BRANCH = f"factory/{ITEM}"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return make_remote(tmp_path / "there", {"README.md": "A sample\n", "old.txt": "old\n"})


@pytest.fixture
def worker(remote: Remote, tmp_path: Path) -> Tree:
    return remote.worker(tmp_path / "worker")


@pytest.fixture
def repositories(tmp_path: Path, remote: Remote) -> GitRepositories:
    repositories = GitRepositories(tmp_path / "mirrors", tmp_path / "imports")
    repositories.refresh(remote.repo, "main")
    return repositories


def take(repositories: GitRepositories, remote: Remote, worker: Tree) -> Path:
    """Imports what the worker has on its branch."""
    return repositories.import_bundle(remote.repo, NAME, worker.bundle(f"origin/main..{BRANCH}"), worker.head())


def look(repositories: GitRepositories, remote: Remote, worker: Tree) -> Inspection:
    return repositories.inspect(take(repositories, remote, worker), base_of(remote), worker.head())


def base_of(remote: Remote) -> Commit:
    return Commit(remote.branches()["refs/heads/main"])
