"""Who uses the embedded server: file locks that the kernel releases, so that a SIGKILL leaks no count."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factory.errors import StoreUnavailable
from factory.storage.embedded_waiting import wait_until

BOOT_LOCK_SECONDS = 180.0
"""Longer than the longest start (first initdb on a slow disk, then crash recovery) of the one who holds it."""
_BOOT_POLL_SECONDS = 0.02


class UseLocks:
    """`users.lock`, held shared by each user of the server, is the count; `boot.lock` serialises start and stop.

    Not thread-safe. A forked child shares the lock of its parent; start children by exec or forkserver.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._users: int | None = None

    @property
    def joined(self) -> bool:
        return self._users is not None

    @contextmanager
    def booting(self) -> Iterator[None]:
        """Exclude every other start and stop on this folder, of any process.

        Raises:
            StoreUnavailable: somebody else held it for longer than `BOOT_LOCK_SECONDS`.
        """
        boot = _open(self._root / "boot.lock")
        try:
            if not wait_until(lambda: _try_lock(boot, fcntl.LOCK_EX), BOOT_LOCK_SECONDS, _BOOT_POLL_SECONDS):
                raise StoreUnavailable(f"Another process has been starting or stopping {self._root} for too long.")
            yield
        finally:
            os.close(boot)

    def join(self) -> None:
        """Count as a user. Call it with the boot lock held."""
        if self._users is None:
            users = _open(self._root / "users.lock")
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for nobody: it is only ever held exclusively while booting
            self._users = users

    def is_last(self) -> bool:
        """Whether nobody else uses the server. Call it with the boot lock held, or the answer ages at once."""
        users = self._users
        if users is None:
            return False
        # A conversion may give the shared lock up; nobody can slip in between while booting is held.
        alone = _try_lock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        return alone

    def leave(self) -> None:
        """Stop counting as a user."""
        if self._users is not None:
            os.close(self._users)
            self._users = None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
