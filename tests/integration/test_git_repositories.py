"""Mirrors and pushes, with the machine's own git and real repositories."""

import multiprocessing
import os
import stat
import subprocess
from pathlib import Path

import pytest

from factory.domain.ids import Commit
from factory.errors import BranchTaken, RepositoryRefused, RepositoryUnavailable
from factory.integrations import git_locks
from factory.integrations.git import GitRepositories
from factory.integrations.git_locks import held
from factory.integrations.git_mirror import Mirrors
from tests.repositories import ITEM, Remote, git, make_remote

_NAME = f"{ITEM}-1"
_BRANCH = f"factory/{ITEM}"
_JOIN_SECONDS = 30


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return make_remote(tmp_path / "there")


@pytest.fixture
def repositories(tmp_path: Path) -> GitRepositories:
    return GitRepositories(tmp_path / "mirrors", tmp_path / "imports")


def imported(repositories: GitRepositories, remote: Remote, folder: Path, text: str = "done\n") -> tuple[Path, Commit]:
    """A worker's result, imported."""
    repositories.refresh(remote.repo, "main")
    tree = remote.worker(folder)
    commit = tree.commit({"done.txt": text})
    bundle = tree.bundle(f"origin/main..{_BRANCH}", name=f"{folder.name}.bundle")
    return repositories.import_bundle(remote.repo, _NAME, bundle, commit), commit


# -- mirrors ----------------------------------------------------------------------------------------------------------


def test_a_mirror_has_all_branches_and_the_base_commit_is_the_remote_one(repositories, remote) -> None:
    other = remote.push({"b.txt": "b\n"}, "other")

    mirror, base = repositories.refresh(remote.repo, "main")

    assert base == remote.branches()["refs/heads/main"]
    assert git(mirror, "rev-parse", "refs/heads/other") == other
    assert git(mirror, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_a_second_refresh_brings_what_is_new_and_drops_what_is_gone(repositories, remote) -> None:
    remote.push({"b.txt": "b\n"}, "old")
    mirror, _ = repositories.refresh(remote.repo, "main")
    git(remote.bare, "branch", "-D", "old")
    newer = remote.push({"c.txt": "c\n"})

    again, base = repositories.refresh(remote.repo, "main")

    assert (again, base) == (mirror, newer)
    assert git(mirror, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_repository_with_large_files_outside_git_is_refused_in_one_sentence(repositories, remote) -> None:
    remote.push({".gitattributes": "*.psd filter=lfs diff=lfs merge=lfs -text\n# *.txt filter=lfs\n"})

    with pytest.raises(RepositoryRefused, match=r"keeps files in Git LFS \(\*\.psd\), which workers can neither fetch nor store"):
        repositories.refresh(remote.repo, "main")


def test_a_forced_push_to_the_base_branch_is_followed(repositories, remote) -> None:
    repositories.refresh(remote.repo, "main")
    git(remote.tree.folder, "commit", "--quiet", "--amend", "--message", "Another first")
    rewritten = remote.push({"c.txt": "c\n"})

    _, base = repositories.refresh(remote.repo, "main")

    assert base == rewritten


def test_a_mirror_can_be_read_by_other_users_and_written_by_none(repositories, remote) -> None:
    mirror, _ = repositories.refresh(remote.repo, "main")

    for path in [mirror, *mirror.rglob("*")]:
        mode = path.stat().st_mode
        assert mode & stat.S_IROTH, path
        assert not mode & stat.S_IWOTH, path
        assert not path.is_dir() or mode & stat.S_IXOTH, path
    assert mirror.parent.stat().st_mode & stat.S_IXOTH


def test_a_missing_base_branch_is_refused_with_the_names_of_those_there(repositories, remote) -> None:
    with pytest.raises(RepositoryRefused, match=r"has no branch 'trunk'; there are main\."):
        repositories.refresh(remote.repo, "trunk")


def test_a_repository_without_a_commit_is_refused(repositories, tmp_path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "empty.git"))

    with pytest.raises(RepositoryRefused, match="has no commit yet"):
        repositories.refresh(str(tmp_path / "empty.git"), "main")


@pytest.mark.parametrize(
    "repo",
    [
        "/nonexistent/repository",
        "",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c 'touch /tmp/x'",
        "nosuchprotocol://host/x",
    ],
)
def test_what_is_no_repository_is_refused_and_leaves_nothing(repositories, tmp_path, repo) -> None:
    with pytest.raises(RepositoryRefused):
        repositories.refresh(repo, "main")

    assert list((tmp_path / "mirrors").glob("*.git*")) == []


def test_a_remote_that_does_not_answer_may_answer_later(repositories) -> None:
    with pytest.raises(RepositoryUnavailable, match="cannot be reached"):
        repositories.refresh("http://127.0.0.1:9/x.git", "main")


def test_a_token_in_the_address_is_in_no_sentence(repositories) -> None:
    with pytest.raises(RepositoryUnavailable) as caught:
        repositories.refresh("http://user:verysecret@127.0.0.1:9/x.git", "main")

    assert "verysecret" not in str(caught.value)


def test_a_half_made_mirror_is_replaced(repositories, remote, tmp_path) -> None:
    name = Mirrors(tmp_path / "mirrors").path(remote.repo).name
    half = tmp_path / "mirrors" / f"{name}.tmp-killed"
    half.mkdir(parents=True)
    (tmp_path / "mirrors" / name).mkdir()

    mirror, base = repositories.refresh(remote.repo, "main")

    assert git(mirror, "rev-parse", "HEAD") == base
    assert not half.exists()


def test_a_mirror_that_lost_its_objects_is_made_anew(repositories, remote) -> None:
    mirror, _ = repositories.refresh(remote.repo, "main")
    for file in [path for path in (mirror / "objects").rglob("*") if path.is_file()]:
        file.unlink()
    newer = remote.push({"c.txt": "c\n"})

    _, base = repositories.refresh(remote.repo, "main")

    assert base == newer
    assert git(mirror, "fsck", "--connectivity-only", "--no-dangling") == ""


def test_lock_files_of_a_killed_git_do_not_stop_the_next_one(repositories, remote) -> None:
    mirror, _ = repositories.refresh(remote.repo, "main")
    (mirror / "refs/heads/main.lock").touch()
    (mirror / "packed-refs.lock").touch()
    newer = remote.push({"c.txt": "c\n"})

    _, base = repositories.refresh(remote.repo, "main")

    assert base == newer
    assert list(mirror.rglob("*.lock")) == []


def test_a_git_that_outlived_its_parent_is_ended_before_its_lock_file_is_removed(repositories, remote) -> None:
    mirror, _ = repositories.refresh(remote.repo, "main")
    (mirror / "packed-refs.lock").touch()
    orphan = subprocess.Popen(["git", f"--git-dir={mirror}", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    reader = subprocess.Popen(["git", "-C", str(mirror), "cat-file", "--batch"], stdin=subprocess.PIPE)

    try:
        repositories.refresh(remote.repo, "main")

        orphan.wait(_JOIN_SECONDS)  # its input is open, so it ends only if it is ended
        assert reader.poll() is None
    finally:
        for process in (orphan, reader):
            process.kill()
            process.communicate(timeout=_JOIN_SECONDS)


def test_who_finds_the_mirror_in_use_for_too_long_is_told_to_come_again(tmp_path) -> None:
    lock = tmp_path / "x.flock"

    with (
        held(lock),
        pytest.raises(RepositoryUnavailable, match="in use"),
        held(lock, shared=True, seconds=0.0),
    ):
        pass


def test_readers_do_not_keep_each_other_out(tmp_path) -> None:
    lock = tmp_path / "x.flock"

    with held(lock, shared=True), held(lock, shared=True, seconds=0.0):
        assert lock.exists()


def test_processes_that_refresh_at_the_same_time_all_get_a_whole_mirror(remote, tmp_path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        jobs = [pool.apply_async(_refresh, (tmp_path, remote.repo)) for _ in range(6)]
        heads = {job.get(_JOIN_SECONDS) for job in jobs}

    assert heads == {remote.branches()["refs/heads/main"]}
    assert len(list((tmp_path / "mirrors").glob("*.git*"))) == 1


def _refresh(folder: Path, repo: str) -> str:
    repositories = GitRepositories(folder / "mirrors", folder / "imports")
    return repositories.refresh(repo, "main")[1]


def test_the_wait_for_a_mirror_ends_before_a_fetch_would(tmp_path) -> None:
    assert git_locks.WAIT_SECONDS < 600


def test_settings_of_the_base_commit_are_read_and_a_missing_file_is_none(repositories, remote) -> None:
    remote.push({".factory.toml": "gates = []\n", "big.txt": "x" * 2_000_000})
    _, base = repositories.refresh(remote.repo, "main")

    assert repositories.read(remote.repo, base, ".factory.toml") == "gates = []\n"
    assert repositories.read(remote.repo, base, "missing.toml") is None
    with pytest.raises(RepositoryRefused, match="larger"):
        repositories.read(remote.repo, base, "big.txt")
    with pytest.raises(RepositoryUnavailable, match="does not hold"):
        repositories.read(remote.repo, Commit("0" * 40), ".factory.toml")


def test_a_file_that_is_there_and_cannot_be_read_is_not_missing(repositories, remote) -> None:
    remote.push({".factory.toml": "gates = []\n"})
    mirror, base = repositories.refresh(remote.repo, "main")
    _lose(mirror, git(mirror, "rev-parse", f"{base}:.factory.toml"))

    with pytest.raises(RepositoryUnavailable, match="cannot be read"):
        repositories.read(remote.repo, base, ".factory.toml")


def _lose(mirror: Path, name: str) -> None:
    """Takes one object out of a repository, wherever it is."""
    aside = mirror.with_name("aside")
    (mirror / "objects" / "pack").rename(aside)
    (mirror / "objects" / "pack").mkdir()
    for pack in aside.glob("*.pack"):
        with pack.open("rb") as file:
            subprocess.run(["git", f"--git-dir={mirror}", "unpack-objects", "-q"], stdin=file, check=True, timeout=30)
    (mirror / "objects" / name[:2] / name[2:]).unlink()


@pytest.mark.parametrize("kind", ["a link", "a folder"])
def test_what_is_no_file_where_a_file_is_read_is_refused(repositories, remote, kind) -> None:
    if kind == "a link":
        (remote.tree.folder / ".factory.toml").symlink_to("README.md")
    remote.push({"other.txt": "x\n"} if kind == "a link" else {".factory.toml/x": "x\n"})
    _, base = repositories.refresh(remote.repo, "main")

    with pytest.raises(RepositoryRefused, match="no regular file"):
        repositories.read(remote.repo, base, ".factory.toml")


def test_the_users_own_configuration_reaches_the_remote_but_not_the_import(repositories, remote, tmp_path, monkeypatch) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(f'[url "{remote.bare.parent}/"]\n\tinsteadOf = mine:\n[core]\n\thooksPath = {tmp_path / "hooks"}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))

    mirror, base = repositories.refresh("mine:remote.git", "main")

    assert git(mirror, "rev-parse", "HEAD") == base


def test_a_repository_that_whoever_started_the_factory_was_in_is_not_used(repositories, remote, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "objects"))

    mirror, _ = repositories.refresh(remote.repo, "main")

    assert (mirror / "objects").is_dir()
    assert not (tmp_path / "objects").exists()


# -- pushes -----------------------------------------------------------------------------------------------------------


def test_a_push_makes_the_branch_and_touches_no_other_ref(repositories, remote, tmp_path) -> None:
    """S5: no other branch."""
    source, commit = imported(repositories, remote, tmp_path / "w")
    before = remote.branches()

    repositories.push(remote.repo, source, commit, _BRANCH, None)

    assert remote.branches() == before | {f"refs/heads/{_BRANCH}": commit}


def test_pushing_again_after_a_lost_answer_is_harmless(repositories, remote, tmp_path) -> None:
    source, commit = imported(repositories, remote, tmp_path / "w")
    repositories.push(remote.repo, source, commit, _BRANCH, None)

    repositories.push(remote.repo, source, commit, _BRANCH, None)

    assert remote.branches()[f"refs/heads/{_BRANCH}"] == commit


def test_somebody_elses_commit_on_the_branch_is_never_overwritten(repositories, remote, tmp_path) -> None:
    """S5: pushed with a lease."""
    source, commit = imported(repositories, remote, tmp_path / "w")
    theirs = remote.push({"theirs.txt": "theirs\n"}, _BRANCH)

    with pytest.raises(BranchTaken, match=theirs[:12]) as caught:
        repositories.push(remote.repo, source, commit, _BRANCH, None)

    assert caught.value.found == theirs
    assert remote.branches()[f"refs/heads/{_BRANCH}"] == theirs


def test_a_branch_at_the_expected_commit_is_moved_also_backwards(repositories, remote, tmp_path) -> None:
    first, before = imported(repositories, remote, tmp_path / "w1", "one\n")
    repositories.push(remote.repo, first, before, _BRANCH, None)
    repositories.discard(_NAME)
    second, after = imported(repositories, remote, tmp_path / "w2", "two\n")

    repositories.push(remote.repo, second, after, _BRANCH, before)

    assert remote.branches()[f"refs/heads/{_BRANCH}"] == after


def test_a_branch_that_was_deleted_meanwhile_is_not_made_again_unasked(repositories, remote, tmp_path) -> None:
    source, commit = imported(repositories, remote, tmp_path / "w")

    with pytest.raises(BranchTaken, match="deleted") as caught:
        repositories.push(remote.repo, source, commit, _BRANCH, Commit("1" * 40))

    assert caught.value.found == ""


def test_a_remote_whose_hook_says_no_is_not_asked_again(repositories, remote, tmp_path) -> None:
    source, commit = imported(repositories, remote, tmp_path / "w")
    hook = remote.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no robots here' >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(RepositoryRefused, match="no robots here"):
        repositories.push(remote.repo, source, commit, _BRANCH, None)


def test_a_commit_that_arrived_although_the_answer_was_an_error_counts(repositories, remote, tmp_path, monkeypatch) -> None:
    source, commit = imported(repositories, remote, tmp_path / "w")
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    real = next(str(Path(part) / "git") for part in os.environ["PATH"].split(":") if (Path(part) / "git").exists())
    script.write_text(
        f'#!/bin/sh\n{real} "$@"\ncode=$?\n'
        'case " $* " in *" push "*) echo "fatal: the remote end hung up" >&2; exit 128;; esac\nexit $code\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")

    with pytest.raises(RepositoryUnavailable, match="hung up"):
        repositories.push(remote.repo, source, commit, _BRANCH, None)
    repositories.push(remote.repo, source, commit, _BRANCH, None)

    assert remote.branches()[f"refs/heads/{_BRANCH}"] == commit
