"""Where the factory keeps what, and who runs on it."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory import data_folder
from factory import paths as module
from factory.errors import Conflict, InvalidInput
from factory.paths import (
    SOCKET_NAME_BYTES,
    SOCKET_PATH_BYTES,
    Paths,
    claim,
    fresh_folder,
    locate,
    prepare,
    reachable_by_others,
    running_root,
)
from tests.waiting import eventually

_SECONDS = 30
_HOLD = """
import sys
from pathlib import Path
from factory.paths import Paths, claim
with claim(Paths(Path(sys.argv[1]), Path(sys.argv[2]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and passable for others, as the folders that pytest makes are not."""
    made = fresh_folder("factory-paths-")
    yield made
    subprocess.run(["rm", "-rf", str(made)], check=True, timeout=_SECONDS)


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (module, data_folder):
        monkeypatch.setattr(each, "_is_root", lambda: False)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (module, data_folder):
        monkeypatch.setattr(each, "_is_root", lambda: True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_data_folder_follows_from_the_environment_and_the_flag_wins(folder: Path) -> None:
    assert locate({"HOME": str(folder)}).data == folder / ".local" / "share" / "factory"
    assert locate({"HOME": str(folder), "XDG_DATA_HOME": str(folder / "x")}).data == folder / "x" / "factory"
    assert locate({"HOME": str(folder), "FACTORY_DATA": str(folder / "y")}).data == folder / "y"
    assert locate({"HOME": str(folder), "FACTORY_DATA": str(folder / "y")}, folder / "z").data == folder / "z"


def test_a_relative_folder_is_made_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    assert locate({"FACTORY_DATA": "data"}).data == folder / "data"


def test_root_keeps_its_data_where_other_users_can_pass(folder: Path, as_root: None) -> None:
    closed = folder / "root"
    closed.mkdir(mode=0o700)

    data = locate({"HOME": str(closed)}).data

    assert data.parent == Path("/var/lib/factory")
    assert data == locate({"HOME": str(closed)}).data
    assert data != locate({"HOME": str(closed / "other")}).data


def test_a_user_keeps_data_in_a_closed_home(folder: Path, as_user: None) -> None:
    closed = folder / "user"
    closed.mkdir(mode=0o700)

    assert locate({"HOME": str(closed)}).data == closed / ".local" / "share" / "factory"


def test_the_run_folder_is_the_sessions_or_a_short_one_of_this_user(folder: Path, as_user: None) -> None:
    environ = {"FACTORY_DATA": str(folder / "data")}

    without = locate(environ).run
    within = locate({**environ, "XDG_RUNTIME_DIR": str(folder)}).run

    assert without.parent == Path("/tmp")
    assert without.name.startswith(f"factory-{os.geteuid()}-")
    assert within.parent == folder
    assert locate({**environ, "FACTORY_RUN": str(folder / "run")}).run == folder / "run"


def test_a_session_folder_of_somebody_else_or_one_that_is_gone_is_not_used(folder: Path, as_user: None) -> None:
    environ = {"FACTORY_DATA": str(folder / "data")}

    assert locate({**environ, "XDG_RUNTIME_DIR": str(folder / "gone")}).run.parent == Path("/tmp")


def test_two_data_folders_have_two_run_folders(folder: Path) -> None:
    one, two = (locate({"FACTORY_DATA": str(folder / name)}) for name in ("one", "two"))

    assert one.run != two.run


def test_sockets_fit_into_the_run_and_the_link_folder_however_deep_the_data_is(folder: Path) -> None:
    deep = folder / ("d" * 100)

    found = locate({"FACTORY_DATA": str(deep), "XDG_RUNTIME_DIR": str(folder)})

    for place in (found.run, found.link):
        assert len(os.fsencode(place)) + 1 + SOCKET_NAME_BYTES <= SOCKET_PATH_BYTES


def test_a_run_folder_that_is_too_deep_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"FACTORY_RUN: .* is too deep for sockets"):
        locate({"FACTORY_DATA": str(folder), "FACTORY_RUN": str(folder / ("r" * 100))})


def test_workers_reach_their_socket_but_not_the_run_folder(folder: Path, as_root: None) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)

    usual, elsewhere = Paths(folder / "data", folder / "run"), Paths(closed / "data", folder / "run")

    assert usual.link == folder / "data" / "link"
    assert closed not in elsewhere.link.parents
    assert reachable_by_others(elsewhere.link)


def test_the_folders_are_passable_or_private_as_they_must_be_whatever_the_umask(folder: Path) -> None:
    found = Paths(folder / "a" / "data", folder / "run")
    before = os.umask(0o077)
    try:
        prepare(found)
    finally:
        os.umask(before)

    assert [mode(path) for path in (found.data, found.mirrors, found.imports, found.workers)] == [0o711] * 4
    # Worker sandboxes bind it by its listing.
    assert mode(found.link) == 0o755
    assert [mode(path) for path in (found.run, found.results, found.logs)] == [0o700] * 3


def test_preparing_again_keeps_what_is_there(folder: Path) -> None:
    found = Paths(folder / "data", folder / "run")
    prepare(found)
    (found.results / "bundle").write_text("kept")

    prepare(found)

    assert (found.results / "bundle").read_text() == "kept"


def test_a_run_folder_that_somebody_else_made_first_is_refused(folder: Path) -> None:
    link = Path("/tmp") / f"factory-test-{os.getpid()}"
    link.symlink_to(folder)
    try:
        with pytest.raises(InvalidInput, match="belongs to another user"):
            prepare(Paths(folder / "data", link))
    finally:
        link.unlink()


def test_a_data_folder_that_cannot_be_made_is_told_in_one_sentence(folder: Path) -> None:
    (folder / "file").write_text("")

    with pytest.raises(InvalidInput, match="cannot be made: Not a directory"):
        prepare(Paths(folder / "file" / "data", folder / "run"))


def test_who_runs_is_known_while_it_runs_and_not_after(folder: Path) -> None:
    found = Paths(folder / "data", folder / "run")
    prepare(found)

    assert running_root(found) is None
    with claim(found):
        assert running_root(found) == os.getpid()
    assert running_root(found) is None


def test_a_second_factory_on_the_same_data_is_refused(folder: Path) -> None:
    found = Paths(folder / "data", folder / "run")
    prepare(found)

    with claim(found), pytest.raises(Conflict, match=rf"process {os.getpid()}\) already runs on"), claim(found):
        pass


def test_a_killed_factory_leaves_nothing_that_stops_the_next_one(folder: Path) -> None:
    found = Paths(folder / "data", folder / "run")
    prepare(found)
    with _holding(found) as process:
        assert running_root(found) == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait(_SECONDS)

        assert running_root(found) is None
        with claim(found):
            assert running_root(found) == os.getpid()


def test_the_run_folder_of_a_running_factory_is_found_from_any_session(folder: Path, as_user: None) -> None:
    session = {"FACTORY_DATA": str(folder / "data"), "XDG_RUNTIME_DIR": str(folder)}
    found = locate(session)
    prepare(found)

    with claim(found):
        assert locate({"FACTORY_DATA": str(folder / "data")}).run == found.run
    assert locate({"FACTORY_DATA": str(folder / "data")}).run != found.run


def test_asking_who_runs_is_never_in_the_way_of_a_start(folder: Path) -> None:
    found = Paths(folder / "data", folder / "run")
    prepare(found)

    for _ in range(50):
        with claim(found):
            assert running_root(found) == os.getpid()
        assert running_root(found) is None


def _holding(found: Paths) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(found.data), str(found.run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    eventually(lambda: running_root(found) == process.pid, _SECONDS)
    return process
