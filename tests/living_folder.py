"""A folder in which others make and remove things while it is looked through: what goes meanwhile is passed over."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def everything_below(folder: Path) -> Iterator[Path]:
    """Whatever is no folder, links unfollowed."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def holders_below(folder: Path, *texts: bytes) -> Iterator[Path]:
    """The regular files in which one of the texts stands."""
    for path in everything_below(folder):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink() and _holds(path.read_bytes(), texts):
                yield path


def _holds(data: bytes, texts: tuple[bytes, ...]) -> bool:
    return any(text in data for text in texts)
