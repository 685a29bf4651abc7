"""The doctor's checks with values that this machine does not have."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory import doctor_checks as host
from factory import doctor_checks_database as database
from factory import doctor_checks_folders as folders
from factory.doctor import Level, Verdict
from factory.domain.store_state import StoreState
from factory.errors import Conflict, SchemaMismatch, StoreMisconfigured, StoreUnavailable
from factory.paths import Paths, claim, fresh_folder, prepare
from tests.fakes.clock import ManualClock

GIB = 1024**3


@pytest.fixture
def paths() -> Iterator[Paths]:
    folder = fresh_folder("factory-doc-")
    made = Paths(folder / "data", folder / "run")
    yield made
    import shutil

    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("verdict", "level"),
    [
        (host.python((3, 10, 9), "/python"), Level.FAIL),
        (host.python((3, 11, 0), "/python"), Level.OK),
        (host.memory(100 * 1024**2, 8 * GIB), Level.FAIL),
        (host.memory(800 * 1024**2, 8 * GIB), Level.WARN),
        (host.memory(4 * GIB, 8 * GIB), Level.OK),
        (host.open_files(100), Level.FAIL),
        (host.open_files(512), Level.WARN),
        (host.open_files(-1), Level.OK),
        (host.disk(GIB // 2, 100 * GIB, "/data"), Level.FAIL),
        (host.disk(5 * GIB, 100 * GIB, "/data"), Level.WARN),
        (host.disk(50 * GIB, 100 * GIB, "/data"), Level.OK),
        (host.git(None, "/bin"), Level.FAIL),
        (host.git("git version 2.31.9", "/bin"), Level.FAIL),
        (host.git("git version 2.39.5 (Apple Git-154)", "/bin"), Level.OK),
        (host.git("hello", "/bin"), Level.WARN),
        (host.packages(["software-factory"]), Level.OK),
        (host.packages([]), Level.OK),
        (host.packages(["software-factory", "factory_boy"]), Level.FAIL),
        (host.engine_lacks("There is no Claude Code: install it."), Level.WARN),
        (host.specs("", None, "claude-x", key=True), Level.OK),
        (host.specs("", None, "claude-x", key=False), Level.WARN),
        (host.specs("write-spec", "/bin/write-spec", "claude-x", key=False), Level.OK),
        (host.specs("write-spec", None, "claude-x", key=True), Level.FAIL),
        (host.engine("codex", "/bin/codex", "", ["OPENAI_API_KEY"]), Level.OK),
        (host.engine("ralph", "/bin/ralph", "1.0", []), Level.OK),
    ],
)
def test_each_value_gets_its_level_and_what_is_not_well_a_mend(verdict: Verdict, level: Level) -> None:
    assert verdict.level is level
    assert bool(verdict.mend) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("asked_for", "linux", "bubblewrap", "mend"),
    [
        (True, True, True, "factory up --set isolation=auto"),
        (False, False, False, "run the factory on Linux to have workers confined"),
        (False, True, True, "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
        (False, True, False, "apt install bubblewrap"),
    ],
)
def test_unconfined_workers_are_told_with_what_would_confine_them(asked_for: bool, linux: bool, bubblewrap: bool, mend: str) -> None:
    verdict = host.isolation("unconfined", "plain", asked_for=asked_for, linux=linux, bubblewrap=bubblewrap, root=False)

    assert (verdict.level, verdict.mend) == (Level.WARN, mend)


def test_a_clock_is_found_wrong_when_it_was_never_set_jumps_or_goes_back() -> None:
    clock = ManualClock(now=1_800_000_000.0)
    same = (clock.monotonic(), clock.now())

    assert host.clock(clock, same).level is Level.OK
    assert host.clock(clock, (same[0], same[1] - 100)).level is Level.WARN
    assert host.clock(clock, (same[0] + 1, same[1] + 1)).level is Level.FAIL
    assert host.clock(ManualClock(now=1_000_000.0), (1_000.0, 1_000_000.0)).level is Level.FAIL


def test_what_other_machines_made_is_not_run_where_nothing_would_be_kept_from_it() -> None:
    told = host.isolation("unconfined", "plain", asked_for=False, linux=True, bubblewrap=False, root=True, remote=True)

    assert "No gate is run here of what other machines' confined workers made." in told.why


STATE = StoreState("18.4", "0.8.1", (), 0.0)


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (STATE, Level.OK),
        (StoreState("18.4", "0.8.1", ("0002_x",), 0.0), Level.WARN),
        (StoreState("18.4", "0.8.1", (), -90.0), Level.WARN),
    ],
)
def test_a_server_that_answers_is_judged_by_its_state(state: StoreState, level: Level) -> None:
    assert database.judged(state).level is level


@pytest.mark.parametrize("error", [SchemaMismatch("newer"), StoreMisconfigured("too old"), StoreUnavailable("gone")])
def test_a_server_that_cannot_be_used_is_a_problem_with_its_own_sentence(error: Exception) -> None:
    def look() -> StoreState:
        raise error

    verdict = database.server(look, "DATABASE_URL")

    assert (verdict.level, verdict.why) == (Level.FAIL, str(error))


def test_folders_that_are_not_there_yet_are_fine_where_they_can_be_made(paths: Paths) -> None:
    assert folders.data_folder(paths).level is Level.OK
    assert folders.run_folder(paths).level is Level.OK
    assert folders.secrets([paths.data / "gateway.key"]).level is Level.OK
    assert folders.worker_folders(paths).level is Level.OK


def test_folders_that_are_open_to_others_are_closed(paths: Paths) -> None:
    prepare(paths)
    paths.data.chmod(0o777)
    paths.run.chmod(0o755)
    assert folders.data_folder(paths).level is Level.WARN
    assert folders.run_folder(paths).level is Level.WARN

    folders.close_data_folder(paths)
    folders.close_run_folder(paths)

    assert folders.data_folder(paths).level is Level.OK
    assert folders.run_folder(paths).level is Level.OK


def test_a_file_in_the_place_of_the_data_folder_is_a_problem(paths: Paths) -> None:
    paths.data.write_text("")

    assert "is no folder" in folders.data_folder(paths).why


def test_socket_paths_that_are_too_long_are_a_problem(paths: Paths) -> None:
    assert folders.socket_paths(paths).level is Level.OK
    assert folders.socket_paths(Paths(paths.data, Path("/" + "x" * 100))).level is Level.FAIL


def test_keys_that_others_may_read_are_closed(paths: Paths) -> None:
    prepare(paths)
    key = paths.data / "gateway.key"
    key.write_text("secret")
    key.chmod(0o644)

    assert folders.secrets([key]).level is Level.FAIL
    folders.close_secrets([key])
    assert folders.secrets([key]).level is Level.OK


def left(paths: Paths) -> socket.socket:
    """What a killed factory leaves."""
    prepare(paths)
    (paths.data / "run-folder").write_text(str(paths.run))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(paths.run / "queue.sock"))
    return server


def test_what_a_killed_factory_left_is_told_and_removed(paths: Paths) -> None:
    left(paths).close()
    (paths.workers / "item-1").mkdir()
    assert folders.run_records(paths).level is Level.WARN
    assert folders.stale_sockets(paths).level is Level.WARN
    assert folders.worker_folders(paths).level is Level.WARN
    assert folders.postmaster(paths, 7).level is Level.WARN

    folders.remove_run_records(paths)
    folders.remove_stale_sockets(paths)

    assert folders.run_records(paths).level is Level.OK
    assert folders.stale_sockets(paths).level is Level.OK
    assert (paths.workers / "item-1").exists()


def test_nothing_of_a_factory_that_runs_is_stale_or_removed(paths: Paths) -> None:
    left(paths).close()
    with claim(paths):
        assert folders.run_records(paths).level is Level.OK
        assert folders.stale_sockets(paths).level is Level.OK
        assert folders.postmaster(paths, 7).level is Level.OK
        for remove in (folders.remove_run_records, folders.remove_stale_sockets):
            with pytest.raises(Conflict):
                remove(paths)

    assert (paths.run / "queue.sock").exists()
