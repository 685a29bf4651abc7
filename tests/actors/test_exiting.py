"""Past its last instruction: said of no process that has a thread which could still do something."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.exiting import wait_status
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel says it")

SECONDS = 30.0

_THREADS = """
import threading
for _ in range(5):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
_WAITS = f"{_THREADS}print(flush=True); threading.Event().wait()"
_MAIN_THREAD_LEAVES = f"import ctypes\n{_THREADS}print(flush=True); ctypes.CDLL(None).pthread_exit(None)"

# Of the thread alone, where `os._exit` ends the process.
_FIRST_THREAD_LEAVES_WITH_SEVEN = f"""import ctypes, platform
{_THREADS}
print(flush=True)
ctypes.CDLL(None).syscall({{"x86_64": 60, "aarch64": 93}}[platform.machine()], 7)
"""


@contextmanager
def _running(code: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Nobody waits for it before the block is left: what has ended stays to be looked at."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def _is_zombie(task: Path) -> bool:
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_one_that_waits_is_not():
    with _running(_WAITS) as process:
        assert wait_status(process.pid) is None


def test_one_that_was_killed_is_as_waitpid_will_say():
    with _running(_WAITS) as process:
        process.kill()

        status = eventually(lambda: wait_status(process.pid), SECONDS)

        assert os.waitpid(process.pid, 0) == (process.pid, status)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def test_one_that_left_by_itself_is_with_its_exit_code():
    with _running(f"{_THREADS}print(flush=True)\nimport os; os._exit(70)") as process:
        status = eventually(lambda: wait_status(process.pid), SECONDS)

        assert os.waitstatus_to_exitcode(status) == 70


def test_of_one_that_left_with_zero_it_is_not_said_since_that_also_stands_for_one_that_hides_its_code():
    with _running("print(flush=True)\nimport os; os._exit(0)") as process:
        eventually(lambda: _is_zombie(Path(f"/proc/{process.pid}")), SECONDS)

        assert wait_status(process.pid) is None


def test_one_whose_main_thread_alone_has_left_is_not():
    with _running(_MAIN_THREAD_LEAVES) as process:
        eventually(lambda: _is_zombie(Path(f"/proc/{process.pid}/task/{process.pid}")), SECONDS)

        assert wait_status(process.pid) is None


def test_of_one_that_is_gone_nobody_knows():
    with _running(_WAITS) as process:
        process.kill()
        process.wait(SECONDS)

        assert wait_status(process.pid) is None


def test_where_its_lifeline_is_closed_the_first_thread_speaks_for_all():
    with _running(_FIRST_THREAD_LEAVES_WITH_SEVEN) as process:
        eventually(lambda: _is_zombie(Path(f"/proc/{process.pid}/task/{process.pid}")), SECONDS)

        assert wait_status(process.pid) is None
        assert os.waitstatus_to_exitcode(wait_status(process.pid, over=True) or 0) == 7


def test_one_that_works_is_not_even_with_its_lifeline_closed():
    with _running(_WAITS) as process:
        assert wait_status(process.pid, over=True) is None
