"""Who may use a mirror: one lock per mirror across processes, and what a killed git leaves behind in it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from factory.errors import RepositoryUnavailable

WAIT_SECONDS = 120.0
"""Longer than most fetches; who waits longer is told to come again, and frees his thread meanwhile."""
_POLL_SECONDS = 0.05
_END_SECONDS = 10.0


@contextmanager
def held(lock: Path, *, shared: bool = False, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Holds the lock file until the end of the block, or of this process in whatever way that ends.

    Args:
        shared: to read only: others may read too.
        seconds: bound of the wait.

    Raises:
        RepositoryUnavailable: somebody else held it for so long.
    """
    # Never deleted: who holds a deleted lock and who made a new one of its name would both believe to be alone.
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + seconds)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, kind: int, deadline: float) -> None:
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        if time.monotonic() >= deadline:
            raise RepositoryUnavailable("The copy of the repository is in use by another operation that takes long.")
        time.sleep(_POLL_SECONDS)


def clear_stale_locks(mirror: Path) -> None:
    """Removes git's own lock files in a mirror whose lock this process holds.

    Nobody of ours works in it then, except a git whose parent was killed: that one is ended first, for a lock file that
    has a living owner must not be removed under it.
    """
    stale = [path for path in mirror.rglob("*.lock") if path.is_file()]
    if not stale:
        return
    _end_orphans(mirror)
    for path in stale:
        path.unlink(missing_ok=True)


def clear_drafts(repository: Path) -> None:
    """Removes what a git could not finish, of a repository whose lock this process holds: as much as the whole disk where that was full."""
    for draft in repository.glob("objects/**/tmp_*"):
        draft.unlink(missing_ok=True)


def _end_orphans(mirror: Path) -> None:
    # Only gits of ours name the folder so; those of workers that clone from it name it otherwise.
    mark = f"--git-dir={mirror}"
    orphans = [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or ())]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(orphans, timeout=_END_SECONDS)
