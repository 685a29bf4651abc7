"""What a process had git do does not outlive it, in whatever way it ends: least of all a push."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from factory.errors import RepositoryUnavailable
from factory.integrations.git_command import GitTimeout, git
from tests.waiting import eventually

ASLEEP = "alias.asleep=!trap '' HUP TERM; while :; do sleep 300; done"
"""A git whose helper heeds neither the end of git nor a usual signal, as one that waits for a server's answer."""
_CALLER = """
import sys
from pathlib import Path
from factory.integrations.git_command import git
git(Path(sys.argv[1]), ["asleep"], timeout=300.0, settings=[sys.argv[2]])
"""


@pytest.fixture
def family() -> list[psutil.Process]:
    """What the caller had below it, as far as the test has looked."""
    return []


@pytest.fixture
def caller(tmp_path: Path, family: list[psutil.Process]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that waits for git."""
    process = subprocess.Popen([sys.executable, "-c", _CALLER, str(tmp_path), ASLEEP])
    yield process
    process.kill()
    process.wait(30)
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def asleep(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """All below the caller, once git's helper runs."""
    below = psutil.Process(process.pid).children(recursive=True)
    return below if any(one.name() == "sleep" for one in below) else []


def gone(family: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_git_and_its_helpers_end_with_the_process_that_started_them(
    caller: "subprocess.Popen[bytes]", family: list[psutil.Process], number: signal.Signals
) -> None:
    family += eventually(lambda: asleep(caller), 30, "git's helper runs")

    caller.send_signal(number)
    caller.wait(30)

    eventually(gone(family), 60, lambda: f"git has gone too: {family}")


def test_nothing_is_left_of_a_git_that_took_too_long(tmp_path: Path) -> None:
    me = psutil.Process()
    before = set(me.children(recursive=True))

    with pytest.raises(GitTimeout):
        git(tmp_path, ["asleep"], timeout=1.0, settings=[ASLEEP])

    assert set(me.children(recursive=True)) - before == set()


@pytest.mark.parametrize("times", [20])
def test_a_git_that_ends_leaves_neither_a_process_nor_a_descriptor(tmp_path: Path, times: int) -> None:
    me = psutil.Process()
    git(tmp_path, ["version"], timeout=30.0)
    before, descriptors = set(me.children(recursive=True)), me.num_fds()

    said = {git(tmp_path, ["version"], timeout=30.0, stdin=b"unread\n").code for _ in range(times)}

    assert said == {0}
    assert set(me.children(recursive=True)) == before
    assert me.num_fds() == descriptors


def test_its_output_input_and_code_come_through(tmp_path: Path) -> None:
    said = git(tmp_path, ["turned"], timeout=30.0, settings=["alias.turned=!tr a-z A-Z; echo no >&2; exit 3"], stdin=b"yes\n")

    assert (said.code, said.text, said.errors.strip()) == (3, "YES\n", "no")


@pytest.mark.parametrize("name", ["KILL", "TERM"])
def test_a_git_that_somebody_killed_says_nothing_about_the_repository(tmp_path: Path, name: str) -> None:
    with pytest.raises(RepositoryUnavailable, match="ended by a signal"):
        # The alias is git's child; its parent is git itself.
        git(tmp_path, ["killed"], timeout=30.0, settings=[f"alias.killed=!kill -{name} $PPID; sleep 1"])
