"""What a result changes, read by real git from a real bundle or the mirror."""

from pathlib import Path

import pytest

from factory.errors import BadResult, NotFound
from factory.integrations.git_mirror import Mirrors
from factory.integrations.git_show import PATCH_BYTES, ResultViews
from factory.protocol.mailbox import Lease
from factory.protocol.result_mail import ShowResult
from tests.repositories import ITEM, Remote, Tree, git, make_remote

_KEY = "AKIA" + "IOSFODNN7EXAMPLQ"


class Shelf:
    """A remote with its mirror, and a worker's clone."""

    def __init__(self, folder: Path) -> None:
        self.remote: Remote = make_remote(folder / "there", {"a.txt": "one\n", "b.txt": "b\n"})
        self.mirrors, self.shown = folder / "mirrors", folder / "shown"
        _, self.base = Mirrors(self.mirrors).refresh(self.remote.repo, "main")
        self.worker: Tree = self.remote.worker(folder / "worker")
        self.views = ResultViews(self.mirrors, self.shown)

    def ask(self, *, bundle: bool = True, commits: bool = False) -> ShowResult:
        path = str(self.worker.bundle(f"{self.base}..factory/{ITEM}")) if bundle else ""
        return ShowResult(Lease(ITEM, 1), self.remote.repo, "main", path, self.base, self.worker.head(), commits)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_result_is_shown_from_its_bundle_and_leaves_nothing(shelf: Shelf) -> None:
    first = shelf.worker.commit({"a.txt": "one\ntwo\n"}, "Add two")
    last = shelf.worker.commit({"c.bin": b"\0\1"}, "Add c")

    shown = shelf.views.read(shelf.ask())

    assert [(each.commit, each.subject) for each in shown.commits] == [(first, "Add two"), (last, "Add c")]
    assert [(each.path, each.added, each.deleted) for each in shown.files] == [("a.txt", 1, 0), ("c.bin", None, None)]
    assert "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1,2 @@\n one\n+two\n" in shown.patch
    assert (shown.size, shown.file_count, shown.too_large) == (len(shown.patch), 2, "")
    assert list(shelf.shown.glob("*")) == []


def test_each_commit_by_itself_shows_what_a_later_one_took_back(shelf: Shelf) -> None:
    shelf.worker.commit({"run.yml": "steal\n"}, "Add it")
    shelf.worker.commit({"run.yml": "fine\n"}, "Take it back")

    together, alone = shelf.views.read(shelf.ask()), shelf.views.read(shelf.ask(commits=True))

    assert "steal" not in together.patch
    assert "+steal" in alone.patch
    assert alone.patch.index("Add it") < alone.patch.index("Take it back")


def test_a_published_result_is_shown_from_the_mirror_also_where_that_has_to_fetch_it_first(shelf: Shelf) -> None:
    commit = shelf.worker.commit({"a.txt": "two\n"})
    asked = shelf.ask(bundle=False)
    with pytest.raises(NotFound, match="is not kept any more"):
        shelf.views.read(asked)

    git(shelf.worker.folder, "push", "--quiet", "origin", f"{commit}:refs/heads/factory/{ITEM}")

    assert "+two" in shelf.views.read(asked).patch


def test_what_looks_like_a_credential_is_left_out_of_patches_and_subjects(shelf: Shelf) -> None:
    shelf.worker.commit({"key.txt": f"aws_key = {_KEY}\nfine\n"}, f"Use {_KEY}")

    shown = shelf.views.read(shelf.ask(commits=True))

    assert _KEY not in str(shown)
    assert "+(a line that looks as if it held a credential is left out)\n+fine\n" in shown.patch


def test_a_patch_beyond_its_bound_is_said_to_be_so_and_its_files_are_told(shelf: Shelf) -> None:
    shelf.worker.commit({"big.txt": "x\n" * PATCH_BYTES})

    shown = shelf.views.read(shelf.ask())

    assert (shown.patch, shown.size) == ("", 0)
    assert "larger than 4 MB" in shown.too_large
    assert [each.path for each in shown.files] == ["big.txt"]


def test_a_broken_bundle_is_no_result_and_leaves_nothing(shelf: Shelf) -> None:
    shelf.worker.commit({"a.txt": "two\n"})
    asked = shelf.ask()
    Path(asked.bundle).write_bytes(b"# v2 git bundle\nnonsense")

    with pytest.raises(BadResult):
        shelf.views.read(asked)
    assert list(shelf.shown.glob("*")) == []


def test_what_a_killed_process_left_is_removed_by_the_next(shelf: Shelf) -> None:
    (shelf.shown / "left.git").mkdir(parents=True)

    ResultViews(shelf.mirrors, shelf.shown)

    assert not shelf.shown.exists()
