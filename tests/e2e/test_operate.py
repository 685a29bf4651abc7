"""What an operator does with a whole factory: pause, drain, resume, change settings; and what outlives a death of the limiter."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from factory.paths import running_root
from tests.e2e.command_line import SPEC, Person, interrupted, person
from tests.waiting import eventually

_SECONDS = 60


@pytest.fixture(scope="module")
def shared() -> Iterator[Person]:
    with person(new=False) as one:
        yield one


@pytest.fixture
def someone(shared: Person) -> Iterator[Person]:
    """With a factory that runs, pauses nothing and has its first settings; also after a test that failed."""
    if running_root(shared.paths) is None:
        assert shared.says("up", "--detach").returncode == 0
    yield shared
    shared.hold.unlink(missing_ok=True)
    shared.spec.write_text(SPEC)
    file = shared.folder / "factory.toml"
    if file.exists():
        file.unlink()
        assert shared.says("reload").returncode == 0


def submitted(one: Person, *more: str) -> str:
    done = one.says("submit", *one.work(), *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def starts(one: Person) -> str:
    """The line of `factory status` that says whether workers are started."""
    return next(line for line in one.says("status").stdout.splitlines() if line.startswith("starts"))


def kill_limiter(one: Person) -> None:
    def pid() -> int | None:
        return next((row["pid"] for row in one.told("tree")["tree"] if row["name"] == "limiter"), None)

    before = eventually(pid, _SECONDS)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: pid() not in {None, before}, _SECONDS, "the limiter is back")


def hang_up(one: Person) -> None:
    root = running_root(one.paths)
    assert root is not None
    os.kill(root, signal.SIGHUP)


def test_a_pause_outlives_the_limiter_and_the_factory_and_names_who_paused(someone: Person) -> None:
    paused = someone.says("pause")
    assert (paused.returncode, paused.stdout) == (0, "")

    refused = someone.says("submit", *someone.work())
    assert (refused.returncode, refused.stderr.count("\n")) == (5, 1)
    assert "taking in new items is paused by " in refused.stderr
    assert someone.says("resume", "intake").returncode == 0
    item = submitted(someone)
    kill_limiter(someone)
    assert "none: paused by " in starts(someone)
    someone.says("down")
    assert someone.says("up", "--detach").returncode == 0

    assert "none: paused by " in starts(someone)
    assert someone.status_of(item) == "queued"
    assert "paused by " in someone.reads("show", item)["item"]["why"]
    assert someone.says("resume").stderr == "Work goes on: nothing is paused or drained any more.\n"
    eventually(lambda: someone.status_of(item) == "completed", _SECONDS, "it is worked on")


def test_a_drain_lets_what_runs_finish_starts_nothing_more_and_says_when_it_is_done(someone: Person) -> None:
    someone.hold.touch()
    first = submitted(someone)
    eventually(lambda: someone.told("item", first)["item"]["iterations"] == 1, _SECONDS, "the agent runs")

    drained = someone.starts("drain", "--wait")
    eventually(lambda: "none: draining for " in starts(someone), _SECONDS)
    second = submitted(someone)
    someone.hold.unlink()
    _, said = drained.communicate(timeout=_SECONDS)

    assert drained.returncode == 0
    assert said.splitlines()[-1] == "Drained: nothing runs."
    assert someone.status_of(first) == "completed"
    assert someone.status_of(second) == "queued"
    eventually(lambda: "none: drained by " in starts(someone), _SECONDS)
    assert someone.says("resume", "dispatch").returncode == 0
    eventually(lambda: someone.status_of(second) == "completed", _SECONDS, "it is worked on")


def test_settings_are_read_again_on_a_hangup_and_what_is_wrong_keeps_the_last_good_ones(someone: Person) -> None:
    file, log = someone.folder / "factory.toml", someone.paths.logs / "factory.log"
    before = len(log.read_text())

    def told() -> str:
        return someone.says("status").stdout

    file.write_text("max_workers = 7\nstuck_after = 9\n")
    hang_up(someone)
    eventually(lambda: "of 7" in told() and "needed for stuck_after" in told(), _SECONDS, told)

    file.write_text("max_workers = 'many'\n")
    hang_up(someone)
    eventually(lambda: f"the last good ones, since: {file}: max_workers should be" in told(), _SECONDS, told)
    kill_limiter(someone)
    eventually(lambda: "of 7" in told() and "the last good ones" in told(), _SECONDS, told)
    assert "settings.kept" in log.read_text()[before:]

    file.write_text("max_workers = 4\n")
    hang_up(someone)
    eventually(lambda: "of 4" in told() and "the last good ones" not in told(), _SECONDS, told)


def test_a_factory_in_the_foreground_stops_when_its_terminal_is_closed() -> None:
    with person(new=False) as one:
        terminal, end = os.openpty()
        # A leader of a session gets the first terminal that it opens as its own.
        script = f"exec <{os.ttyname(end)} >{one.folder / 'out'} 2>&1; exec {shlex.join(one.command('up'))}"
        process = subprocess.Popen(["/bin/sh", "-c", script], env=one.environment, cwd=one.folder, start_new_session=True)
        eventually(lambda: one.says("status").returncode == 0, _SECONDS, "it is up")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "settings.read" in (one.folder / "out").read_text(), _SECONDS, "the terminal is there: read again")
        assert process.poll() is None

        os.close(end)
        os.close(terminal)

        assert process.wait(_SECONDS) == 0
        assert one.left_over() == []


def test_locks_are_shown_while_they_are_held(someone: Person) -> None:
    assert someone.says("locks").stdout == "No file is locked.\n"
    someone.spec.write_text("# Say hello\n\n- [ ] one\n\n## Files\n- `out.txt`\n")
    someone.hold.touch()

    item = submitted(someone)

    eventually(lambda: [row["file_path"] for row in someone.told("locks")["locks"]] == ["out.txt"], _SECONDS)
    assert item in someone.says("locks").stdout
    someone.hold.unlink()
    eventually(lambda: someone.status_of(item) == "completed", _SECONDS, "it is worked on")


def test_reload_reads_the_settings_again_and_says_what_needs_a_restart_or_is_wrong(someone: Person) -> None:
    file = someone.folder / "factory.toml"

    file.write_text("max_workers = 3\nmax_attempts = 5\n")
    done = someone.says("reload")
    assert (done.returncode, done.stderr) == (0, "The settings were read again. A restart is needed for max_attempts.\n")
    file.write_text('max_workers = "many"\n')
    done = someone.says("reload")

    assert done.returncode == 2
    assert "max_workers should be a whole number." in done.stderr
    assert someone.reads("status")["pid"] == running_root(someone.paths)


def test_ctrl_c_while_the_fork_server_imports_ends_it_without_a_traceback() -> None:
    with person(new=False) as one:
        process = one.starts("up")
        eventually(lambda: any("forkserver" in " ".join(child.cmdline()) for child in psutil.Process(process.pid).children()), _SECONDS)

        _, _, err = interrupted(process)

        assert "Traceback" not in err
