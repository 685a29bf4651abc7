"""The running postmaster: found by its pid file, told apart from whoever got its pid later, watched and stopped."""

import os
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from factory.errors import StoreUnavailable
from factory.storage.embedded_waiting import wait_until

FAST_STOP_SECONDS = 30.0
"""A fast shutdown ends every session and writes a checkpoint: bounded by the dirty part of 128 MB of buffers."""
IMMEDIATE_STOP_SECONDS = 10.0
"""An immediate one writes nothing; the next start recovers."""
_READY = "ready"
_STATUS_LINE = 7


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A live postmaster of one data folder. `ready` says whether it takes connections."""

    process: psutil.Process
    ready: bool

    @property
    def pid(self) -> int:
        return self.process.pid


def pid_file(data: Path) -> Path:
    return data / "postmaster.pid"


def find_postmaster(data: Path) -> Postmaster | None:
    """The live postmaster of `data`, or None: no pid file, a zombie, or a pid that now belongs to another program."""
    try:
        lines = pid_file(data).read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        # A zombie has no command line: that excludes it, though the kernel still answers to its pid.
        ours = str(data) in process.cmdline()
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return None
    return Postmaster(process, len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == _READY) if ours else None


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; one that nobody has reaped yet counts as ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop_postmaster(postmaster: Postmaster) -> None:
    """Stop it and wait until it has ended: politely first, then without a checkpoint.

    Raises:
        StoreUnavailable: it did not end within both bounds.
    """
    for number, seconds in ((signal.SIGINT, FAST_STOP_SECONDS), (signal.SIGQUIT, IMMEDIATE_STOP_SECONDS)):
        if not is_gone(postmaster.process):
            _send(postmaster.process, number)
        if wait_until(lambda: is_gone(postmaster.process), seconds):
            return
    raise StoreUnavailable(f"The database server (pid {postmaster.pid}) does not stop.")


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)  # psutil refuses when the pid belongs to somebody else by now
    except psutil.NoSuchProcess:
        return  # it ended between the look and the signal, which is what was wanted


class DeathWatch:
    """Notices the end of a postmaster, which is not a child of ours, so no wait() tells of it."""

    def __init__(self, postmaster: Postmaster) -> None:
        self._process = postmaster.process
        self._descriptor = _pidfd(postmaster.pid)

    def fileno(self) -> int | None:
        """Readable once the postmaster has ended; None where the system has no pidfd: poll `wait` there."""
        return self._descriptor

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for its end; True when it has ended."""
        if self._descriptor is None or is_gone(self._process):
            return wait_until(lambda: is_gone(self._process), seconds)
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _pidfd(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None  # gone already, or a kernel (gVisor, before 5.3) without it: polling sees both
