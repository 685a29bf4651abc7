"""A thread of another process that is frozen while the other threads of it go on: a main loop that hangs beside a link that lives."""

import ctypes
import os
import threading
from contextlib import suppress
from pathlib import Path

from tests.waiting import eventually

_PTRACE_DETACH, _PTRACE_SEIZE, _PTRACE_INTERRUPT = 17, 0x4206, 0x4207
_WALL = 0x40000000
_POLL_SECONDS = 0.02

_libc = ctypes.CDLL(None, use_errno=True)


class FrozenThread:
    """Stops one thread as a debugger does, until `release` or the end of its process. Linux, and only as root or its owner.

    All of it happens in one thread of ours: only the tracer may let go, and only it is told of the end, which it has to take.
    """

    def __init__(self, tid: int) -> None:
        self._tid = tid
        self._stop = threading.Event()
        self._problem = ""
        self._frozen = threading.Event()
        self._tracer = threading.Thread(target=self._trace, name="tracer", daemon=True)
        self._tracer.start()
        assert self._frozen.wait(10), "the thread is frozen"
        assert not self._problem, self._problem

    def proof(self) -> str:
        """The kernel's word for its state, empty where it is not frozen."""
        with suppress(FileNotFoundError):
            line = next(line for line in Path(f"/proc/{self._tid}/status").read_text().splitlines() if line.startswith("State:"))
            return line if "tracing stop" in line else ""
        return ""

    def release(self) -> None:
        self._stop.set()
        self._tracer.join(10)

    def _trace(self) -> None:
        try:
            _ptrace(_PTRACE_SEIZE, self._tid)
            _ptrace(_PTRACE_INTERRUPT, self._tid)
            os.waitpid(self._tid, _WALL)
        except OSError as error:
            self._problem = f"cannot trace {self._tid}: {error}"
        self._frozen.set()
        while not self._problem and not self._stop.wait(_POLL_SECONDS):
            if self._has_ended():
                return
        with suppress(OSError):
            _ptrace(_PTRACE_DETACH, self._tid)

    def _has_ended(self) -> bool:
        try:
            _, status = os.waitpid(self._tid, _WALL | os.WNOHANG)
        except ChildProcessError:
            return True
        return os.WIFSIGNALED(status) or os.WIFEXITED(status) if status else False


def frozen_main_thread(pid: int) -> FrozenThread:
    """Freezes the first thread of a process; its link thread goes on."""
    frozen = FrozenThread(pid)
    eventually(frozen.proof, 10, "the main thread is stopped")
    return frozen


def _ptrace(request: int, tid: int) -> None:
    if _libc.ptrace(ctypes.c_long(request), ctypes.c_long(tid), ctypes.c_void_p(0), ctypes.c_void_p(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
