"""Who holds and who waits for a file's lock, as the kernel sees it."""

from pathlib import Path


def is_held(path: Path) -> bool:
    return _lines(path, waiting=False)


def is_awaited(path: Path) -> bool:
    return _lines(path, waiting=True)


def _lines(path: Path, *, waiting: bool) -> bool:
    if not path.exists():
        return False
    inode = str(path.stat().st_ino)
    # `1: FLOCK ADVISORY WRITE pid major:minor:inode 0 EOF`, and `1: -> FLOCK ...` of whoever waits.
    rows = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any(("->" in row) is waiting and row[-3].rpartition(":")[2] == inode for row in rows)
