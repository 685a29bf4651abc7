"""Who runs on a data folder. Kernel locks say so and not a pid file: they end with the process, however it ends.

`root.lock` is held by the one who runs. `root.pid` names it, and is locked before it gets its name: a lock on it
means that the pid inside is the holder's, so a reader can neither meet a stale pid nor be in the way of a start.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factory.errors import Conflict

_LOCK = "root.lock"
_PID = "root.pid"
_PID_BYTES = 20


@contextmanager
def hold(data: Path) -> Iterator[None]:
    """Holds the folder for this process until the end of the block.

    Raises:
        Conflict: another process holds it.
    """
    with _opened(data / _LOCK) as lock:
        if not _locked(lock, fcntl.LOCK_EX):
            pid = holder(data)
            raise Conflict(f"A factory{f' (process {pid})' if pid else ''} already runs on {data}.")
        with _published(data):
            yield


def holder(data: Path) -> int | None:
    """The pid of the process that holds the folder, or None."""
    try:
        descriptor = os.open(data / _PID, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _locked(descriptor, fcntl.LOCK_SH) else int(os.read(descriptor, _PID_BYTES))
    finally:
        os.close(descriptor)


@contextmanager
def _published(data: Path) -> Iterator[None]:
    unfinished = data / f"{_PID}.new"
    unfinished.unlink(missing_ok=True)  # of one that was killed in between; nobody else is here, we hold the lock
    with _opened(unfinished) as descriptor:
        _locked(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, str(os.getpid()).encode())
        unfinished.replace(data / _PID)
        try:
            yield
        finally:
            (data / _PID).unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
