"""From the SIGKILL of a process to the first answer of its replacement, measured alike for all who replace it."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from factory.errors import ActorUnavailable
from factory.protocol import mailbox as mail
from factory.transport.mailbox_link import MailboxClient, mailbox_path

WORK_MS = 5.0
"""What a hand-over has to do: as much as a restart. A process that works for less gets the processor at once even where many want it."""

_RESTART_SECONDS = 30.0
_LOOK_SECONDS = 0.0002


def answers(run_dir: Path, name: str, seconds: float) -> bool:
    if not mailbox_path(run_dir, name).exists():
        return False
    client = MailboxClient(run_dir)
    try:
        client.ask(name, mail.Health(), seconds)
    except ActorUnavailable:
        return False
    finally:
        client.close()
    return True


def _inode(path: Path) -> int | None:
    """None between the unlink and the bind of the one who takes the path over."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def restart(run_dir: Path, name: str, pid: int, beforehand: Callable[[], object] = lambda: None) -> float:
    """Milliseconds until a new process at the inbox has answered a question."""
    path = mailbox_path(run_dir, name)
    # The inode tells the new inbox from the old one, which a killed process leaves behind. A client that is connected
    # would find the new one at its next try only, every 20 ms or later: that is its patience, and not the restart.
    before = path.stat().st_ino
    beforehand()
    pause = threading.Event()
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    while _inode(path) in (before, None):
        assert time.perf_counter() - began < _RESTART_SECONDS, f"{name} was not started again"
        # More closely than `eventually` looks, and not so closely that it takes a processor from those it waits for.
        pause.wait(timeout=_LOOK_SECONDS)
    assert answers(run_dir, name, _RESTART_SECONDS)
    return (time.perf_counter() - began) * 1000


# Its own processor time, so that whatever else passes was the machine's.
_WORKER = f"""
import os, time
while os.read(0, 1):
    end = time.thread_time_ns() + {int(WORK_MS * 1_000_000)}
    while time.thread_time_ns() < end:
        pass
    os.write(1, b"1")
"""


@contextmanager
def hand_over() -> Iterator[Callable[[], float]]:
    """Yields what hands `WORK_MS` of work to a process that waits, and returns the milliseconds until that is done.

    What is over that is the machine's own: to wake the one and the other, and whoever else has the processor meanwhile.
    """
    with subprocess.Popen([sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def once() -> float:
            began = time.perf_counter()
            stdin.write(b"1")
            assert stdout.read(1), "it ended"
            return (time.perf_counter() - began) * 1000

        yield once


def noticed() -> float:
    """Milliseconds until the parent of a killed process of an actor's size hears of it: the part that is the kernel's."""
    code = "import actors.lean, factory.wiring, actors.preload, sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline(), "it ended before it was killed"
        descriptor = os.pidfd_open(process.pid)
        began = time.perf_counter()
        process.kill()
        select.select([descriptor], [], [], _RESTART_SECONDS)
        span = (time.perf_counter() - began) * 1000
        os.close(descriptor)
    return span
