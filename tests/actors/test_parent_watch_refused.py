"""Where the system gives a thread no descriptors of its own, the notice comes with the end of the process, and no earlier than that."""

import ctypes
import errno
import multiprocessing
import os
import platform
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import pytest

from actors.parent_watch import leave_with_parent

SECONDS = 15.0
_LONG_SECONDS = 90.0

_UNSHARE = {"x86_64": 272, "aarch64": 97}
_PR_SET_SECCOMP, _FILTER, _PR_SET_NO_NEW_PRIVS = 22, 2, 38
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_REFUSE, _ALLOW = 0x00050000 | errno.EPERM, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def seccomp() -> None:
    """As a container's profile does it."""
    steps = [(_LOAD, 0, 0, 0), (_EQUAL, 0, 1, _UNSHARE[platform.machine()]), (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program, libc = _Program(len(steps), ctypes.addressof(code)), ctypes.CDLL(None)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        sys.exit("this system takes no seccomp filter")


def no_such_function() -> None:
    """As with a libc that lacks it: a library in which nobody finds `unshare`."""
    ctypes.CDLL = lambda _name: object()  # type: ignore[assignment,misc]


def no_libc() -> None:
    """As in a program that is linked statically."""

    def refuse(_name: None) -> None:
        raise OSError("Dynamic loading not supported")

    ctypes.CDLL = refuse  # type: ignore[assignment,misc]


def live(refuse: Callable[[], None], notice: Connection, said: Connection) -> None:
    refuse()
    leave_with_parent(notice)
    said.send_bytes(b"under way")
    threading.Event().wait(timeout=_LONG_SECONDS)


@contextmanager
def _living(refuse: Callable[[], None]) -> Iterator[tuple[SpawnProcess, Connection]]:
    context = multiprocessing.get_context("spawn")
    (notice, dies), (news, said) = context.Pipe(duplex=False), context.Pipe(duplex=False)
    with notice, news:
        with dies, said:
            process = context.Process(target=live, args=(refuse, dies, said))
            process.start()
        try:
            assert news.poll(SECONDS)
            assert news.recv_bytes() == b"under way"
            yield process, notice
        finally:
            process.kill()
            process.join(SECONDS)


def _refusals() -> Iterator[Callable[[], None]]:
    if sys.platform == "linux" and platform.machine() in _UNSHARE:
        yield seccomp
    yield from (no_such_function, no_libc)


@pytest.mark.parametrize("refuse", list(_refusals()))
def test_a_process_lives_on_and_its_notice_comes_when_it_dies(refuse: Callable[[], None]):
    with _living(refuse) as (process, notice):
        assert not notice.poll(0)

        os.kill(process.pid or 0, signal.SIGKILL)

        assert notice.poll(SECONDS)
        with pytest.raises(EOFError):
            notice.recv_bytes()
