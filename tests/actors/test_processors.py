"""Who dies, and who replaces it, on different processors: all threads of the one and the other."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from actors.processors import begin_on, current, go_anywhere, leave_to

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1, reason="there is a choice only among several processors, of Linux"
)

_THREADS = 4
_CODE = f"""
import threading
for _ in range({_THREADS}):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print(flush=True)
threading.Event().wait()
"""


@pytest.fixture
def pid() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", _CODE], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        yield process.pid
        process.kill()


def _allowed(pid: int) -> list[set[int]]:
    tasks = [int(task) for task in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - the names
    return [os.sched_getaffinity(task) for task in tasks]


def _all(processors: set[int]) -> list[set[int]]:
    return [processors] * (1 + _THREADS)


def test_a_dying_process_leaves_the_processor_with_all_its_threads(pid: int):
    here = min(os.sched_getaffinity(0))

    leave_to(here, pid)

    assert _allowed(pid) == _all(os.sched_getaffinity(0) - {here})


def test_a_replacement_begins_on_the_processor_and_may_go_anywhere_later(pid: int):
    here = max(os.sched_getaffinity(0))

    begin_on(here, pid)
    assert _allowed(pid) == _all({here})

    go_anywhere(pid)
    assert _allowed(pid) == _all(os.sched_getaffinity(0))


def test_where_nobody_can_say_which_processor_it_is_everybody_stays(pid: int):
    leave_to(None, pid)
    begin_on(None, pid)

    assert _allowed(pid) == _all(os.sched_getaffinity(0))


def test_the_current_one_is_one_of_those_that_this_may_run_on():
    assert current() in os.sched_getaffinity(0)


def test_of_one_that_is_gone_nothing_is_said():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(timeout=30)

    leave_to(current(), process.pid)
    go_anywhere(process.pid)
