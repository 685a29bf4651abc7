"""What `--repo` stands for."""

from pathlib import Path

import pytest

from factory.cli.git_look import left_behind, repository
from tests.real_factory import git


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    bare, work = tmp_path / "remote.git", tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(tmp_path, "init", "-q", "-b", "main", str(work))
    commit(work, "first")
    git(work, "push", "-q", str(bare), "main")
    return bare


@pytest.fixture
def checkout(tmp_path: Path, remote: Path) -> Path:
    git(tmp_path, "clone", "-q", "remote.git", "checkout")
    assert remote.exists()
    return tmp_path / "checkout"


def commit(folder: Path, message: str) -> None:
    (folder / "a.txt").write_text(message)
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", message)


def test_a_checkout_stands_for_its_remote(checkout: Path, remote: Path) -> None:
    assert Path(repository(str(checkout))).samefile(remote)


def test_a_remote_named_by_a_relative_path_is_found_from_the_checkout(checkout: Path, remote: Path) -> None:
    git(checkout, "remote", "set-url", "origin", "../remote.git")

    assert Path(repository(str(checkout))).samefile(remote)


def test_a_remote_with_a_url_is_that_url(checkout: Path) -> None:
    git(checkout, "remote", "set-url", "origin", "git@example.org:me/app.git")

    assert repository(str(checkout)) == "git@example.org:me/app.git"


def test_a_repository_without_a_remote_stands_for_itself(tmp_path: Path, remote: Path) -> None:
    assert repository(str(remote)) == str(remote)
    assert repository(str(tmp_path / "work")) == str(tmp_path / "work")


def test_commits_that_the_remote_has_not_are_told(checkout: Path) -> None:
    assert left_behind(str(checkout), "main") == ""

    commit(checkout, "second")

    assert "ahead of its remote by 1" in left_behind(str(checkout), "main")


def test_uncommitted_changes_are_told(checkout: Path) -> None:
    (checkout / "a.txt").write_text("changed")

    assert "uncommitted" in left_behind(str(checkout), "main")
