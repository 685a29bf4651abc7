"""Imports of what workers hand in, hostile ones above all; and the bounds of the command that all git goes through."""

import os
import subprocess

import psutil
import pytest

from factory.domain.ids import Commit
from factory.errors import BadResult, InvalidInput
from factory.integrations import git_command
from factory.integrations.git_command import GitTimeout, OutputTooLarge
from factory.integrations.git_command import git as bounded_git
from tests.integration.git_site import BRANCH, NAME, base_of, take
from tests.repositories import ITEM, Tree, git
from tests.waiting import eventually

# -- good results -----------------------------------------------------------------------------------------------------


def test_a_result_arrives_with_exactly_its_commit_on_the_branch_of_its_item(repositories, remote, worker) -> None:
    commit = worker.commit({"new.txt": "new\n"})

    path = take(repositories, remote, worker)

    assert git(path, "rev-parse", f"refs/heads/{BRANCH}") == commit
    assert git(path, "config", "core.bare") == "true"
    assert not any((path / "hooks").glob("*"))


def test_importing_again_replaces_what_an_interrupted_import_left(repositories, remote, worker, tmp_path) -> None:
    worker.commit({"new.txt": "new\n"})
    half = tmp_path / "imports" / f"{NAME}.git.tmp-killed"
    half.mkdir(parents=True)
    broken = tmp_path / "imports" / f"{NAME}.git"
    broken.mkdir()

    path = take(repositories, remote, worker)

    assert git(path, "rev-parse", f"refs/heads/{BRANCH}") == worker.head()
    assert [entry.name for entry in (tmp_path / "imports").iterdir()] == [f"{NAME}.git"]


def test_importing_the_same_commit_twice_gives_the_same_import(repositories, remote, worker) -> None:
    worker.commit({"new.txt": "new\n"})

    assert take(repositories, remote, worker) == take(repositories, remote, worker)


def test_a_result_still_fits_after_a_forced_push_to_its_base(repositories, remote, worker) -> None:
    base = base_of(remote)
    commit = worker.commit({"new.txt": "new\n"})
    git(remote.tree.folder, "commit", "--quiet", "--amend", "--message", "Rewritten")
    remote.push({"more.txt": "more\n"})
    repositories.refresh(remote.repo, "main")

    path = repositories.import_bundle(remote.repo, NAME, worker.bundle(f"{base}..{BRANCH}"), commit)

    assert repositories.inspect(path, base, commit).descends


def test_a_discarded_import_is_gone_and_discarding_it_again_is_no_error(repositories, remote, worker, tmp_path) -> None:
    worker.commit({"new.txt": "new\n"})
    take(repositories, remote, worker)

    repositories.discard(NAME)
    repositories.discard(NAME)

    assert list((tmp_path / "imports").iterdir()) == []


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
    bundle = worker.bundle(f"origin/main..{BRANCH}")
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

    path = repositories.import_bundle(remote.repo, NAME, bundle, commit)
    repositories.inspect(path, base_of(remote), commit)
    repositories.push(remote.repo, path, commit, BRANCH, None)

    assert not sentinel.exists()
    assert remote.branches()[f"refs/heads/{BRANCH}"] == commit


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
    bundle = worker.bundle(f"origin/main..{BRANCH}")

    with pytest.raises(BadResult, match="is not at 111111111111"):
        repositories.import_bundle(remote.repo, NAME, bundle, Commit("1" * 40))


def test_a_bundle_without_the_branch_of_the_item_is_no_result(repositories, remote, worker) -> None:
    worker.commit({"new.txt": "new\n"})
    git(worker.folder, "branch", "factory/elsewhere")

    with pytest.raises(BadResult, match="cannot be imported"):
        repositories.import_bundle(remote.repo, NAME, worker.bundle("origin/main..factory/elsewhere"), worker.head())


def test_other_branches_in_a_bundle_do_not_arrive(repositories, remote, worker) -> None:
    """S5: no other branch."""
    commit = worker.commit({"new.txt": "new\n"})
    git(worker.folder, "branch", "--force", "main", commit)
    git(worker.folder, "tag", "v1")

    path = repositories.import_bundle(remote.repo, NAME, worker.bundle("main", "v1", BRANCH, "^origin/main"), commit)

    refs = git(path, "for-each-ref", "--format=%(refname)").splitlines()
    assert git(path, "rev-parse", "refs/heads/main") == base_of(remote)
    assert not [ref for ref in refs if "tags" in ref]


def test_an_unrelated_history_does_not_descend(repositories, remote, tmp_path) -> None:
    stranger = Tree(tmp_path / "stranger")
    stranger.folder.mkdir()
    git(stranger.folder, "init", "--quiet", "-b", BRANCH)
    commit = stranger.commit({"a.txt": "a\n"})

    path = repositories.import_bundle(remote.repo, NAME, stranger.bundle(BRANCH), commit)

    assert not repositories.inspect(path, base_of(remote), commit).descends


@pytest.mark.parametrize("kept", [0, 20, 0.5, 0.99])
def test_a_truncated_bundle_is_no_result_and_leaves_nothing(repositories, remote, worker, tmp_path, kept) -> None:
    worker.commit({"new.bin": os.urandom(10_000)})
    bundle = worker.bundle(f"origin/main..{BRANCH}")
    data = bundle.read_bytes()
    bundle.write_bytes(data[: int(kept if kept > 1 else kept * len(data))])

    with pytest.raises(BadResult):
        repositories.import_bundle(remote.repo, NAME, bundle, worker.head())

    assert list((tmp_path / "imports").iterdir()) == []


def test_a_bundle_with_a_damaged_object_is_no_result(repositories, remote, worker) -> None:
    worker.commit({"new.bin": os.urandom(10_000)})
    bundle = worker.bundle(f"origin/main..{BRANCH}")
    data = bytearray(bundle.read_bytes())
    data[-5_000] ^= 0xFF
    bundle.write_bytes(data)

    with pytest.raises(BadResult):
        repositories.import_bundle(remote.repo, NAME, bundle, worker.head())


def test_a_bundle_that_builds_on_what_nobody_has_is_no_result(repositories, remote, worker) -> None:
    between = worker.commit({"a.txt": "a\n"})
    worker.commit({"b.txt": "b\n"})

    with pytest.raises(BadResult, match="prerequisite"):
        repositories.import_bundle(remote.repo, NAME, worker.bundle(f"{between}..{BRANCH}"), worker.head())


def test_a_tree_that_git_would_refuse_to_check_out_is_no_result(repositories, remote, worker) -> None:
    blob = git(worker.folder, "hash-object", "-w", "README.md")
    listing = f"100644 blob {blob}\t.git\n"
    tree = subprocess.run(
        ["git", "-C", str(worker.folder), "mktree"], input=listing, capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()
    commit = Commit(git(worker.folder, "commit-tree", tree, "-p", "HEAD", "-m", "evil"))
    git(worker.folder, "update-ref", f"refs/heads/{BRANCH}", commit)

    with pytest.raises(BadResult):
        repositories.import_bundle(remote.repo, NAME, worker.bundle(f"origin/main..{BRANCH}"), commit)


def test_a_link_in_place_of_the_bundle_is_not_followed(repositories, remote, worker, tmp_path) -> None:
    worker.commit({"new.txt": "new\n"})
    link = tmp_path / "link.bundle"
    link.symlink_to(worker.bundle(f"origin/main..{BRANCH}"))

    with pytest.raises(BadResult, match="no regular file"):
        repositories.import_bundle(remote.repo, NAME, link, worker.head())
    with pytest.raises(BadResult, match="not where it was put"):
        repositories.import_bundle(remote.repo, NAME, tmp_path / "missing", worker.head())


@pytest.mark.parametrize("name", ["../x", "x", f"{ITEM}", f"{ITEM}-1/../y"])
def test_an_import_is_named_by_a_worker_and_by_nothing_else(repositories, remote, worker, name) -> None:
    worker.commit({"new.txt": "new\n"})

    with pytest.raises(InvalidInput):
        repositories.import_bundle(remote.repo, name, worker.bundle(f"origin/main..{BRANCH}"), worker.head())
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
