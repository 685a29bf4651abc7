"""What a repository holds, read by real git from a mirror."""

from pathlib import Path

import pytest

from factory.errors import RepositoryRefused, RepositoryUnavailable
from factory.integrations.git_overview import RepositoryOverviews
from factory.protocol.codec import encode
from factory.protocol.spec_mail import DOCUMENT_CHARACTERS, TREE_CHARACTERS, ShowRepository
from tests.repositories import Remote, git, make_remote

_KEY = "AKIA" + "IOSFODNN7EXAMPLQ"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return make_remote(tmp_path / "there", {"a.txt": "one\n", "src/deep/b.py": "b\n"})


@pytest.fixture
def overviews(tmp_path: Path) -> RepositoryOverviews:
    return RepositoryOverviews(tmp_path / "mirrors")


def test_files_documents_and_the_latest_commits_are_told(remote: Remote, overviews: RepositoryOverviews) -> None:
    head = remote.push({"ReadMe.md": "Read me\n", "AGENTS.md": "Be kind\n", "CLAUDE.md": "Use make\n", "docs/README.md": "not this\n"})

    shown = overviews.show(ShowRepository(remote.repo, "main"))

    assert shown.commit == head
    assert {"a.txt", "src/deep/b.py", "ReadMe.md"} <= set(shown.files)
    assert shown.documents == (("ReadMe.md", "Read me"), ("CLAUDE.md", "Use make"), ("AGENTS.md", "Be kind"))
    assert shown.commits[0] == "From somebody else"


def test_it_is_read_as_it_is_now(remote: Remote, overviews: RepositoryOverviews) -> None:
    overviews.show(ShowRepository(remote.repo, "main"))
    remote.push({"new file": "x"})

    assert "new file" in overviews.show(ShowRepository(remote.repo, "main")).files


def test_a_large_repository_fits_a_mail(remote: Remote, overviews: RepositoryOverviews) -> None:
    files: dict[str, str | bytes] = {f"src/folder{number % 40}/a file with a long name {number}.py": "x" for number in range(2_000)}
    remote.push({**files, "README.md": "words " * 20_000})

    shown = overviews.show(ShowRepository(remote.repo, "main"))

    assert sum(map(len, shown.files)) <= TREE_CHARACTERS
    assert any("files)" in path for path in shown.files)
    assert len(shown.documents[0][1]) < DOCUMENT_CHARACTERS + 100
    assert len(encode(shown)) < 100_000


def test_a_link_instead_of_a_document_is_passed_over_and_a_credential_is_told_to_nobody(
    remote: Remote, overviews: RepositoryOverviews
) -> None:
    folder = remote.tree.folder
    (folder / "CLAUDE.md").symlink_to("AGENTS.md")
    remote.push({"AGENTS.md": f"Be kind\naws = {_KEY}\n", "README.md": b"\xff\xfe binary \0"})
    git(folder, "commit", "--allow-empty", "--quiet", "--message", f"Add {_KEY}")
    remote.push_head("main")

    shown = overviews.show(ShowRepository(remote.repo, "main"))

    assert [name for name, _ in shown.documents] == ["README.md", "AGENTS.md"]
    assert _KEY not in repr(shown)
    assert "left out" in dict(shown.documents)["AGENTS.md"]


def test_what_is_not_there_is_refused_or_waited_for(remote: Remote, overviews: RepositoryOverviews, tmp_path: Path) -> None:
    with pytest.raises(RepositoryRefused, match="nobranch"):
        overviews.show(ShowRepository(remote.repo, "nobranch"))
    with pytest.raises((RepositoryRefused, RepositoryUnavailable)):
        overviews.show(ShowRepository(str(tmp_path / "nowhere"), "main"))
