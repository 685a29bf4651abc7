"""The inbox on a real file system: half a file is none, and each is filed away with a sentence."""

import os
import threading
from pathlib import Path

import pytest

from factory.errors import InvalidInput
from factory.integrations.inbox_folder import InboxFolder


@pytest.fixture
def inbox(tmp_path: Path) -> InboxFolder:
    return InboxFolder(tmp_path / "inbox")


@pytest.fixture
def folder(inbox: InboxFolder, tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def names(inbox: InboxFolder) -> list[str]:
    return [dropped.path.name for dropped in inbox.files()]


def test_a_file_is_taken_when_it_looks_as_it_did_before(inbox: InboxFolder, folder: Path) -> None:
    with (folder / "a.md").open("w") as file:
        file.write("half")
        file.flush()
        assert names(inbox) == []
        file.write(" and half")
    assert names(inbox) == []

    (dropped,) = inbox.files()

    assert (dropped.path.name, dropped.text, dropped.size) == ("a.md", "half and half", 13)


def test_one_that_is_renamed_into_its_place_is_taken_and_others_are_left_alone(inbox: InboxFolder, folder: Path, tmp_path: Path) -> None:
    for name in (".hidden.md", "a.md.part", "a.md~", "notes.txt", "b.tmp"):
        (folder / name).write_text("x")
    (folder / "folder.md").mkdir()
    (tmp_path / "secret").write_text("key")
    (folder / "link.md").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe.md")
    inbox.files()
    assert names(inbox) == []

    (folder / "a.md.part").rename(folder / "a.md")
    inbox.files()

    assert names(inbox) == ["a.md"]


def test_a_file_is_filed_away_with_its_sentence_and_doing_it_again_changes_nothing(inbox: InboxFolder, folder: Path) -> None:
    for name in ("good.md", "bad.md"):
        (folder / name).write_text(name)
    inbox.files()
    bad, good = inbox.files()

    for _ in range(2):
        inbox.file_away(good, "Taken up.", taken=True)
        inbox.file_away(bad, "No repository.", taken=False)

    assert sorted(path.name for path in folder.iterdir()) == ["done", "refused"]
    assert {path.name: path.read_text() for path in (folder / "done").iterdir()} == {"good.md": "good.md", "good.md.txt": "Taken up.\n"}
    assert (folder / "refused" / "bad.md.txt").read_text() == "No repository.\n"


def test_waiting_ends_when_something_comes_and_after_its_time(inbox: InboxFolder, folder: Path) -> None:
    assert inbox.wait(0.01) is False

    late = threading.Timer(0.1, lambda: (folder / "a.md").write_text("x"))
    late.start()
    assert inbox.wait(60.0) is True
    late.join(10.0)


def test_a_folder_that_others_may_write_to_is_no_inbox(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(InvalidInput, match="could have anything done: chmod go-w"):
        InboxFolder(tmp_path / "open")

    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be used"):
        InboxFolder(tmp_path / "file")


def test_one_that_cannot_be_read_keeps_none_of_the_others_and_is_told_of_once(
    inbox: InboxFolder, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.md", "b.md"):
        (folder / name).write_text("x")
    opened = os.open

    def refuse(path: Path, *more: int) -> int:
        if Path(path).name == "a.md":
            raise PermissionError(13, "Permission denied")
        return opened(path, *more)

    # Whoever may do anything, as in many containers, can read every file.
    monkeypatch.setattr(os, "open", refuse)

    assert [names(inbox) for _ in range(3)] == [[], ["b.md"], ["b.md"]]
    assert caplog.messages == ["'a.md' in the inbox cannot be read: Permission denied"]


def test_names_that_are_no_text_or_nearly_too_long_are_as_good_as_others(inbox: InboxFolder, folder: Path) -> None:
    long = f"{'x' * 252}.md"
    for name in (b"caf\xe9.md", long.encode()):
        (folder / os.fsdecode(name)).write_text("# Goal")
    inbox.files()

    for dropped in inbox.files():
        inbox.file_away(dropped, "Good.", taken=True)

    assert len(list((folder / "done").glob("*.txt"))) == 2
    assert (folder / "done" / long).is_file()
    assert not list(folder.glob("*.md"))


def test_one_that_is_saved_again_before_it_is_filed_stays_for_the_next_look(inbox: InboxFolder, folder: Path) -> None:
    (folder / "a.md").write_text("first")
    inbox.files()
    (dropped,) = inbox.files()
    (folder / "a.md").write_text("second")

    inbox.file_away(dropped, "Good.", taken=True)

    inbox.files()
    assert [again.text for again in inbox.files()] == ["second"]
