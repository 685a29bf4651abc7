"""The notice of a death: held by one thread alone, and no more than that it ends."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.fork_server import ForkServer
from tests.waiting import eventually

SECONDS = 30.0


@pytest.fixture
def server() -> Iterator[ForkServer]:
    server = ForkServer(("tests.actors.sample", "actors.preload"))
    yield server
    server.stop()


def live() -> None:
    """Until it is killed, with a thread and a descriptor that came after the watch."""
    read, _ = os.pipe()
    os.read(read, 1)


def _tables(pid: int) -> list[int]:
    """How many descriptors each thread sees."""
    return sorted(len(list((task / "fd").iterdir())) for task in Path(f"/proc/{pid}/task").iterdir())


def _masks(pid: int) -> list[set[int]] | None:
    """Of the main thread and the watch, once the latter is set up."""
    # The main thread's number is the process's; the other's may be smaller, where the numbers have begun again.
    masks = [_blocked(task) for task in sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda task: int(task.name) != pid)]
    return masks if len(masks) == 2 and any(masks) else None


def _blocked(task: Path) -> set[int]:
    status = (task / "status").read_text()
    mask = int(next(line for line in status.splitlines() if line.startswith("SigBlk:")).split()[1], 16)
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}


@pytest.mark.skipif(sys.platform != "linux", reason="only there a thread can have descriptors of its own")
def test_the_notice_is_in_the_hands_of_a_thread_that_has_nothing_else_but_the_parents_sentinel(server: ForkServer):
    notice, dies = server.pipe()
    with notice:
        with dies:
            process = server.fork(live, (), "a", dies)

        pid = process.pid or 0
        # The other one is the main thread's: it works on the pipe, and has no end of the notice any more.
        eventually(lambda: len(_tables(pid)) == 2 and _tables(pid)[0] == 2, SECONDS, lambda: str(_tables(pid)))
        assert _tables(pid)[1] > 2
        assert not notice.poll(0)
        os.kill(pid, signal.SIGKILL)
        assert notice.poll(SECONDS)
        with pytest.raises(EOFError):
            notice.recv_bytes()
        process.join(SECONDS)
        assert process.exitcode == -signal.SIGKILL


def test_no_signal_is_handled_by_that_thread(server: ForkServer):
    process = server.fork(live, (), "a")
    # The handler's byte would go to a descriptor that it does not have.
    masks = eventually(lambda: _masks(process.pid or 0), SECONDS)

    assert [signal.SIGTERM in mask for mask in masks] == [False, True]
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(SECONDS)


def test_a_process_of_whose_death_nobody_wants_notice_is_made_all_the_same(server: ForkServer):
    process = server.fork(time.sleep, (0,), "a")

    process.join(SECONDS)

    assert process.exitcode == 0
