"""The results folder: what is in it that no publication will ever come for.

A bundle is put there before anyone is told of it. Who dies in between, or tells it too late, leaves a file that no row names.
"""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from factory.domain.ids import parse_worker_id
from factory.protocol.mailbox import Lease

OLD_SECONDS = 86_400.0
"""Far longer than anything that is about to be told of."""
MAX_FILES = 10_000
"""Looked at in one round, which the actor's thread waits for; the next round sees the others."""


def old_files(folder: Path, now: float) -> dict[Path, Lease | None]:
    """Files that were put there over a day ago (`now` in Unix seconds), with the lease that they are named by, if any."""
    paths = (path for path in folder.glob("*") if _is_old(path, now))
    return {path: _lease(path) for path in islice(paths, MAX_FILES)}


def remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _is_old(path: Path, now: float) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False  # published meanwhile
    return not path.is_dir() and found.st_mtime < now - OLD_SECONDS


def _lease(path: Path) -> Lease | None:
    lease = parse_worker_id(path.name.removesuffix(".bundle"))
    return Lease(*lease) if lease else None
