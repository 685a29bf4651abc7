"""Imports and inspections of what workers hand in, hostile ones above all."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from factory.domain.ids import Commit
from factory.domain.inspection import GITLINK, GONE, SYMLINK, Inspection
from factory.errors import BadResult, InvalidInput
from factory.integrations import git_command
from factory.integrations.git import GitRepositories
from factory.integrations.git_command import GitTimeout, OutputTooLarge
from factory.integrations.git_command import git as bounded_git
from tests.repositories import ITEM, Remote, Tree, git, make_remote
from tests.waiting import eventually

_NAME = f"{ITEM}-1"
_BRANCH = f"factory/{ITEM}"


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
    return repositories.import_bundle(remote.repo, _NAME, worker.bundle(f"origin/main..{_BRANCH}"), worker.head())


def look(repositories: GitRepositories, remote: Remote, worker: Tree) -> Inspection:
    return repositories.inspect(take(repositories, remote, worker), base_of(remote), worker.head())


def base_of(remote: Remote) -> Commit:
    return Commit(remote.branches()["refs/heads/main"])


# -- good results -----------------------------------------------------------------------------------------------------


def test_a_result_arrives_with_exactly_its_commit_on_the_branch_of_its_item(repositories, remote, worker) -> None:
    commit = worker.commit({"new.txt": "new\n"})

    path = take(repositories, remote, worker)

    assert git(path, "rev-parse", f"refs/heads/{_BRANCH}") == commit
    assert git(path, "config", "core.bare") == "true"
    assert not any((path / "hooks").glob("*"))


def test_importing_again_replaces_what_an_interrupted_import_left(repositories, remote, worker, tmp_path) -> None:
    worker.commit({"new.txt": "new\n"})
    half = tmp_path / "imports" / f"{_NAME}.git.tmp-killed"
    half.mkdir(parents=True)
    broken = tmp_path / "imports" / f"{_NAME}.git"
    broken.mkdir()

    path = take(repositories, remote, worker)

    assert git(path, "rev-parse", f"refs/heads/{_BRANCH}") == worker.head()
    assert [entry.name for entry in (tmp_path / "imports").iterdir()] == [f"{_NAME}.git"]


def test_importing_the_same_commit_twice_gives_the_same_import(repositories, remote, worker) -> None:
    worker.commit({"new.txt": "new\n"})

    assert take(repositories, remote, worker) == take(repositories, remote, worker)


def test_a_result_still_fits_after_a_forced_push_to_its_base(repositories, remote, worker) -> None:
    base = base_of(remote)
    commit = worker.commit({"new.txt": "new\n"})
    git(remote.tree.folder, "commit", "--quiet", "--amend", "--message", "Rewritten")
    remote.push({"more.txt": "more\n"})
    repositories.refresh(remote.repo, "main")

    path = repositories.import_bundle(remote.repo, _NAME, worker.bundle(f"{base}..{_BRANCH}"), commit)

    assert repositories.inspect(path, base, commit).descends


def test_a_discarded_import_is_gone_and_discarding_it_again_is_no_error(repositories, remote, worker, tmp_path) -> None:
    worker.commit({"new.txt": "new\n"})
    take(repositories, remote, worker)

    repositories.discard(_NAME)
    repositories.discard(_NAME)

    assert list((tmp_path / "imports").iterdir()) == []


def test_an_inspection_tells_subjects_changes_sizes_and_added_lines(repositories, remote, worker) -> None:
    worker.commit({"new.txt": "one\ntwo\n"}, "Add new")
    (worker.folder / "old.txt").unlink()
    worker.commit({"data.bin": b"\0\1\2" * 100, "päth with\ttab.txt": "x"}, "Remove old")

    found = look(repositories, remote, worker)

    assert found.descends
    assert found.commits == ("Add new", "Remove old")
    assert found.added_lines == 3
    changes = {change.path: (change.mode, change.size, change.binary) for change in found.changes}
    assert changes == {
        "new.txt": ("100644", 8, False),
        "old.txt": (GONE, 0, False),
        "data.bin": ("100644", 300, True),
        "päth with\ttab.txt": ("100644", 1, False),
    }


def test_attributes_of_the_result_hide_nothing(repositories, remote, worker) -> None:
    worker.commit({".gitattributes": "* binary -diff\n", "key.txt": f"x = ghp_{'a1B2' * 9}\n"})

    found = look(repositories, remote, worker)

    assert found.secrets == ("key.txt:1: GitHub token",)
    assert found.added_lines == 2


def test_credentials_are_named_by_place_and_kind_and_never_shown(repositories, remote, worker) -> None:
    token = "github_pat_" + "a1B2" * 6
    lines = ["+++ b/looks/like/a/head", "@@ -1 +1 @@", f"token = {token}", "-----BEGIN RSA PRIVATE KEY-----"]
    worker.commit({"README.md": "A sample\n" + "\n".join(lines), "z.bin": b"\0\0\nAKIA" + b"ABCDEFGHIJKLMNOP\n"})

    found = look(repositories, remote, worker)

    assert found.secrets == (
        "README.md:4: GitHub fine-grained token",
        "README.md:5: private key",
        "z.bin:2: AWS access key",
    )
    assert token not in repr(found)


def test_credentials_that_are_removed_are_no_finding(repositories, remote, worker, tmp_path) -> None:
    remote.push({"leak.txt": f"ghp_{'a1B2' * 9}\n"})
    repositories.refresh(remote.repo, "main")
    mender = remote.worker(tmp_path / "mender")
    (mender.folder / "leak.txt").unlink()
    mender.commit({"fine.txt": "fine\n"})

    assert look(repositories, remote, mender).secrets == ()


# -- hostile results --------------------------------------------------------------------------------------------------


def test_nothing_that_a_worker_puts_into_its_own_git_runs_here(repositories, remote, worker, tmp_path, monkeypatch) -> None:
    sentinel = tmp_path / "sentinel"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {sentinel}\nexec cat\n")
    trap.chmod(0o755)
    attributes = "* filter=evil diff=evil merge=evil\n"
    commit = worker.commit(
        {
            ".gitattributes": attributes,
            "evil.txt": "evil\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::{trap}\n',
            ".lfsconfig": f"[lfs]\n\turl = ext::{trap}\n",
        }
    )
    bundle = worker.bundle(f"origin/main..{_BRANCH}")
    for name, value in {
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(tmp_path),
        "core.sshCommand": str(trap),
        "core.pager": str(trap),
        "filter.evil.clean": str(trap),
        "filter.evil.smudge": str(trap),
        "diff.evil.textconv": str(trap),
        "diff.external": str(trap),
        "uploadpack.packObjectsHook": str(trap),
    }.items():
        git(worker.folder, "config", name, value)
    for hook in ("post-checkout", "reference-transaction", "pre-push", "post-merge"):
        (worker.folder / ".git" / "hooks" / hook).parent.mkdir(exist_ok=True)
        (worker.folder / ".git" / "hooks" / hook).symlink_to(trap)
    monkeypatch.chdir(worker.folder)

    path = repositories.import_bundle(remote.repo, _NAME, bundle, commit)
    repositories.inspect(path, base_of(remote), commit)
    repositories.push(remote.repo, path, commit, _BRANCH, None)

    assert not sentinel.exists()
    assert remote.branches()[f"refs/heads/{_BRANCH}"] == commit


def test_the_trap_of_the_test_above_springs_where_git_runs_in_the_workers_tree(worker, tmp_path) -> None:
    sentinel = tmp_path / "sentinel"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {sentinel}\n")
    trap.chmod(0o755)
    git(worker.folder, "config", "core.fsmonitor", str(trap))

    git(worker.folder, "status")

    assert sentinel.exists()


def test_a_bundle_with_another_commit_than_named_is_no_result(repositories, remote, worker) -> None:
    worker.commit({"new.txt": "new\n"})
    bundle = worker.bundle(f"origin/main..{_BRANCH}")

    with pytest.raises(BadResult, match="is not at 111111111111"):
        repositories.import_bundle(remote.repo, _NAME, bundle, Commit("1" * 40))


def test_a_bundle_without_the_branch_of_the_item_is_no_result(repositories, remote, worker) -> None:
    worker.commit({"new.txt": "new\n"})
    git(worker.folder, "branch", "factory/elsewhere")

    with pytest.raises(BadResult, match="cannot be imported"):
        repositories.import_bundle(remote.repo, _NAME, worker.bundle("origin/main..factory/elsewhere"), worker.head())


def test_other_branches_in_a_bundle_do_not_arrive(repositories, remote, worker) -> None:
    commit = worker.commit({"new.txt": "new\n"})
    git(worker.folder, "branch", "--force", "main", commit)
    git(worker.folder, "tag", "v1")

    path = repositories.import_bundle(remote.repo, _NAME, worker.bundle("main", "v1", _BRANCH, "^origin/main"), commit)

    refs = git(path, "for-each-ref", "--format=%(refname)").splitlines()
    assert git(path, "rev-parse", "refs/heads/main") == base_of(remote)
    assert not [ref for ref in refs if "tags" in ref]


def test_an_unrelated_history_does_not_descend(repositories, remote, tmp_path) -> None:
    stranger = Tree(tmp_path / "stranger")
    stranger.folder.mkdir()
    git(stranger.folder, "init", "--quiet", "-b", _BRANCH)
    commit = stranger.commit({"a.txt": "a\n"})

    path = repositories.import_bundle(remote.repo, _NAME, stranger.bundle(_BRANCH), commit)

    assert not repositories.inspect(path, base_of(remote), commit).descends


@pytest.mark.parametrize("kept", [0, 20, 0.5, 0.99])
def test_a_truncated_bundle_is_no_result_and_leaves_nothing(repositories, remote, worker, tmp_path, kept) -> None:
    worker.commit({"new.bin": os.urandom(10_000)})
    bundle = worker.bundle(f"origin/main..{_BRANCH}")
    data = bundle.read_bytes()
    bundle.write_bytes(data[: int(kept if kept > 1 else kept * len(data))])

    with pytest.raises(BadResult):
        repositories.import_bundle(remote.repo, _NAME, bundle, worker.head())

    assert list((tmp_path / "imports").iterdir()) == []


def test_a_bundle_with_a_damaged_object_is_no_result(repositories, remote, worker) -> None:
    worker.commit({"new.bin": os.urandom(10_000)})
    bundle = worker.bundle(f"origin/main..{_BRANCH}")
    data = bytearray(bundle.read_bytes())
    data[-5_000] ^= 0xFF
    bundle.write_bytes(data)

    with pytest.raises(BadResult):
        repositories.import_bundle(remote.repo, _NAME, bundle, worker.head())


def test_a_bundle_that_builds_on_what_nobody_has_is_no_result(repositories, remote, worker) -> None:
    between = worker.commit({"a.txt": "a\n"})
    worker.commit({"b.txt": "b\n"})

    with pytest.raises(BadResult, match="prerequisite"):
        repositories.import_bundle(remote.repo, _NAME, worker.bundle(f"{between}..{_BRANCH}"), worker.head())


def test_a_tree_that_git_would_refuse_to_check_out_is_no_result(repositories, remote, worker) -> None:
    blob = git(worker.folder, "hash-object", "-w", "README.md")
    listing = f"100644 blob {blob}\t.git\n"
    tree = subprocess.run(
        ["git", "-C", str(worker.folder), "mktree"], input=listing, capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()
    commit = Commit(git(worker.folder, "commit-tree", tree, "-p", "HEAD", "-m", "evil"))
    git(worker.folder, "update-ref", f"refs/heads/{_BRANCH}", commit)

    with pytest.raises(BadResult):
        repositories.import_bundle(remote.repo, _NAME, worker.bundle(f"origin/main..{_BRANCH}"), commit)


def test_a_link_in_place_of_the_bundle_is_not_followed(repositories, remote, worker, tmp_path) -> None:
    worker.commit({"new.txt": "new\n"})
    link = tmp_path / "link.bundle"
    link.symlink_to(worker.bundle(f"origin/main..{_BRANCH}"))

    with pytest.raises(BadResult, match="no regular file"):
        repositories.import_bundle(remote.repo, _NAME, link, worker.head())
    with pytest.raises(BadResult, match="not where it was put"):
        repositories.import_bundle(remote.repo, _NAME, tmp_path / "missing", worker.head())


def test_links_and_submodules_are_told_with_where_they_lead(repositories, remote, worker) -> None:
    (worker.folder / "out").symlink_to("../../etc/passwd")
    (worker.folder / "in").symlink_to("README.md")
    git(worker.folder, "update-index", "--add", "--cacheinfo", f"160000,{'2' * 40},module")
    git(worker.folder, "add", "out", "in")
    git(worker.folder, "commit", "--quiet", "--message", "Links")

    changes = {change.path: change for change in look(repositories, remote, worker).changes}

    assert (changes["out"].mode, changes["out"].target) == (SYMLINK, "../../etc/passwd")
    assert changes["in"].target == "README.md"
    assert changes["module"].mode == GITLINK


@pytest.mark.parametrize("name", ["../x", "x", f"{ITEM}", f"{ITEM}-1/../y"])
def test_an_import_is_named_by_a_worker_and_by_nothing_else(repositories, remote, worker, name) -> None:
    worker.commit({"new.txt": "new\n"})

    with pytest.raises(InvalidInput):
        repositories.import_bundle(remote.repo, name, worker.bundle(f"origin/main..{_BRANCH}"), worker.head())
    with pytest.raises(InvalidInput):
        repositories.discard(name)


# -- bounds of the command --------------------------------------------------------------------------------------------


def test_a_git_that_hangs_is_killed_with_everything_it_started(tmp_path, remote) -> None:
    pids = tmp_path / "pids"
    alias = f"alias.hang=!sleep 300 & echo $! > {pids}; wait"

    with pytest.raises(GitTimeout):
        bounded_git(remote.bare, ["hang"], timeout=2.0, settings=[alias])

    sleeper = int(pids.read_text())
    eventually(lambda: not psutil.pid_exists(sleeper) or psutil.Process(sleeper).status() == psutil.STATUS_ZOMBIE)


def test_a_git_that_writes_without_end_is_killed(remote) -> None:
    with pytest.raises(OutputTooLarge):
        bounded_git(remote.bare, ["flood"], timeout=30.0, settings=["alias.flood=!yes"], limit=100_000)


def test_errors_without_end_neither_block_nor_fill_the_memory(remote) -> None:
    ended = bounded_git(remote.bare, ["flood"], timeout=30.0, settings=["alias.flood=!head -c 5000000 /dev/zero >&2; exit 3"])

    assert ended.code == 3
    assert len(ended.errors) == git_command.ERROR_LIMIT


def test_what_git_is_given_and_does_not_read_is_no_error(remote) -> None:
    ended = bounded_git(remote.bare, ["deaf"], timeout=30.0, settings=["alias.deaf=!exit 0"], stdin=b"x" * 1_000_000)

    assert ended.code == 0
