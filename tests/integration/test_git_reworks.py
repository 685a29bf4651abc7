"""Inspections of a branch that was worked on again: all that is on it counts, and nothing that it merged of its base branch."""

import pytest

from factory.domain.delivery import Clean, Problem, Rules, review
from factory.domain.ids import Commit
from factory.domain.inspection import Inspection
from factory.errors import BranchTaken
from factory.integrations.git import GitRepositories
from tests.integration.git_site import BRANCH, base_of, remote, repositories, worker
from tests.repositories import ITEM, Remote, Tree, git

NAME = f"{ITEM}-2"
__all__ = ["remote", "repositories", "worker"]


@pytest.fixture
def start(remote: Remote, worker: Tree) -> Commit:
    """The first attempt's commit, pushed."""
    commit = worker.commit({"first.txt": "one\n"}, "First attempt")
    git(worker.folder, "push", "--quiet", "origin", BRANCH)
    return commit


def merge(worker: Tree, *options: str) -> Commit:
    git(worker.folder, "fetch", "--quiet", "origin", "main")
    git(worker.folder, "merge", "--quiet", "--no-ff", *options, "-m", "Merge main", "FETCH_HEAD")
    return worker.head()


def look(repositories: GitRepositories, remote: Remote, worker: Tree, start: Commit) -> Inspection:
    repositories.refresh(remote.repo, "main")
    bundle = worker.bundle(f"{start}..{BRANCH}")
    return repositories.inspect(repositories.import_bundle(remote.repo, NAME, bundle, worker.head()), start, worker.head(), "main")


def paths(found: Inspection) -> list[str]:
    return [change.path for change in found.changes]


def judged(found: Inspection) -> Clean | Problem:
    return review(found, Rules(), {}, found.commit)


def test_the_head_of_the_branch_is_known_from_the_mirror(repositories: GitRepositories, remote: Remote, start: Commit) -> None:
    assert repositories.head(remote.repo, BRANCH) is None
    repositories.refresh(remote.repo, "main")

    assert repositories.head(remote.repo, BRANCH) == start
    assert repositories.head(remote.repo, BRANCH.rpartition("/")[0]) is None


def test_all_of_the_branch_is_looked_at_and_not_only_what_was_added_to_it(repositories, remote, worker, start) -> None:
    worker.commit({"second.txt": "two\n"}, "Rework")

    found = look(repositories, remote, worker, start)

    assert (found.descends, found.commits, paths(found)) == (True, ("First attempt", "Rework"), ["first.txt", "second.txt"])
    assert (found.added_lines, found.fork) == (2, base_of(remote))


def test_a_guarded_path_of_the_first_attempt_is_found_again(repositories, remote, worker, start) -> None:
    worker.commit({".github/workflows/ci.yml": "on: push\n"}, "Guarded")
    git(worker.folder, "push", "--quiet", "origin", BRANCH)
    later = worker.head()
    worker.commit({"second.txt": "two\n"}, "Rework")

    verdict = judged(look(repositories, remote, worker, later))

    assert isinstance(verdict, Problem)
    assert ".github/workflows/ci.yml is guarded" in verdict.sentence


def test_what_a_merge_brings_from_the_base_branch_is_nobodys_change(repositories, remote, worker, start) -> None:
    remote.push({".github/workflows/ci.yml": "on: push\n", "theirs.txt": "x\n", "key.txt": f"ghp_{'a1B2' * 9}\n"})
    merge(worker)

    found = look(repositories, remote, worker, start)

    assert (found.descends, paths(found), found.passing, found.secrets) == (True, ["first.txt"], (), ())
    assert found.fork == base_of(remote)
    assert found.commits == ("First attempt", "Merge main")
    assert isinstance(judged(found), Clean)


def test_what_a_merge_adds_that_is_in_neither_side_is_found(repositories, remote, worker, start) -> None:
    remote.push({"theirs.txt": "x\n", ".github/workflows/ci.yml": "on: push\n"})
    git(worker.folder, "fetch", "--quiet", "origin", "main")
    git(worker.folder, "merge", "--quiet", "--no-ff", "--no-commit", "FETCH_HEAD")
    worker.commit({".github/workflows/ci.yml": "on: pull_request_target\n", "key.txt": f"ghp_{'a1B2' * 9}\n"}, "Merge main, and more")

    found = look(repositories, remote, worker, start)
    verdict = judged(found)

    assert found.secrets == (f"key.txt:1 in {found.commit[:12]}: GitHub token",)
    assert isinstance(verdict, Problem)
    assert ".github/workflows/ci.yml is guarded" in verdict.sentence


def test_what_is_added_and_removed_again_after_a_merge_is_found(repositories, remote, worker, start) -> None:
    remote.push({"theirs.txt": "x\n"})
    merge(worker)
    worker.commit({".github/workflows/evil.yml": "on: push\n"}, "Add")
    (worker.folder / ".github/workflows/evil.yml").unlink()
    worker.commit({"more.txt": "x\n"}, "Remove")

    verdict = judged(look(repositories, remote, worker, start))

    assert isinstance(verdict, Problem)
    assert ".github/workflows/evil.yml is guarded in an earlier commit" in verdict.sentence


def test_a_merge_of_something_else_than_the_base_branch_is_the_agents_own(repositories, remote, worker, start) -> None:
    git(worker.folder, "checkout", "--quiet", "--orphan", "other")
    worker.commit({".github/workflows/evil.yml": "on: push\n"}, "From elsewhere")
    git(worker.folder, "checkout", "--quiet", BRANCH)
    git(worker.folder, "merge", "--quiet", "--allow-unrelated-histories", "-m", "Merge other", "other")

    verdict = judged(look(repositories, remote, worker, start))

    assert isinstance(verdict, Problem)
    assert ".github/workflows/evil.yml is guarded" in verdict.sentence


def test_a_branch_that_was_rewritten_is_no_result(repositories, remote, worker, start) -> None:
    git(worker.folder, "reset", "--quiet", "--hard", "origin/main")
    worker.commit({"second.txt": "two\n"}, "Rewritten")
    bundle = worker.bundle(f"origin/main..{BRANCH}")
    repositories.refresh(remote.repo, "main")
    imported = repositories.import_bundle(remote.repo, NAME, bundle, worker.head())

    assert not repositories.inspect(imported, start, worker.head(), "main").descends


def test_it_is_pushed_on_top_of_exactly_what_it_began_with(repositories, remote, worker, start, tmp_path) -> None:
    later = worker.commit({"second.txt": "two\n"}, "Rework")
    repositories.refresh(remote.repo, "main")
    imported = repositories.import_bundle(remote.repo, NAME, worker.bundle(f"{start}..{BRANCH}"), later)
    remote.push({"theirs.txt": "x\n"}, BRANCH)

    with pytest.raises(BranchTaken):
        repositories.push(remote.repo, imported, later, BRANCH, start)

    git(remote.bare, "update-ref", f"refs/heads/{BRANCH}", start)
    repositories.push(remote.repo, imported, later, BRANCH, start)
    assert remote.branches()[f"refs/heads/{BRANCH}"] == later
