"""What a host knows about its workers, in files that outlive it and that no worker can reach."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from factory.errors import HostUnavailable

LOCK_SECONDS = 60.0
"""Longer than whoever holds it: a start takes milliseconds, trying the ways of isolation some seconds on a busy machine."""
_LOCK_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Record:
    """One worker. Written as an intent without `pid` before the spawn, and again with it after.

    Attributes:
        way: name of the way it is isolated.
        uid: its own, None where it runs as the factory's user.
        created: Unix time, for people.
        boot: of which `pid` and `started` are.
        ended: its end was seen; `code` is its exit code where this host was the one to learn it.
    """

    name: str
    instance: str
    way: str
    uid: int | None
    created: float
    boot: str = ""
    pid: int | None = None
    started: int | None = None
    ended: bool = False
    code: int | None = None
    reason: str = ""


class Records:
    """The files of one host. Writing asks for `locked`; reading does not, since each file is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self, seconds: float = LOCK_SECONDS) -> Iterator[int]:
        """Excludes every other start, end and removal on this folder, of any process and thread; yields the descriptor.

        Raises:
            HostUnavailable: somebody else held it all the time.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with held(self._folder / ".lock", seconds) as descriptor:
            yield descriptor

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def read(self, name: str) -> Record | None:
        """The record, None where there is none. One that cannot be read counts as ended, so that it can be removed."""
        try:
            data = self.path(name).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(data, type=Record)
        except msgspec.MsgspecError:
            # Only a power cut leaves such a file (nothing is synced here), and that ended the worker too.
            return Record(name, "", "", None, 0.0, ended=True, reason="Its record was damaged when the machine stopped.")

    def write(self, record: Record) -> None:
        """Not synced to the disk: what must outlive a power cut is in the database, and no worker outlives one."""
        path = self.path(record.name)
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(record))
        new.replace(path)

    def forget(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.json"))


@contextmanager
def held(path: Path, seconds: float) -> Iterator[int]:
    """A lock file, held for the block, or longer by a child that got the descriptor and did not close it yet.

    Raises:
        HostUnavailable: somebody else held it for all of `seconds`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _lock_within(descriptor, seconds):
            raise HostUnavailable(f"Another process holds {path} for too long.")
        try:
            yield descriptor
        finally:
            # Said, not only closed: a child that shares the descriptor would keep it.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _lock_within(descriptor: int, seconds: float) -> bool:
    for _ in range(int(seconds / _LOCK_POLL_SECONDS) + 1):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(min(seconds, _LOCK_POLL_SECONDS))
        else:
            return True
    return False
