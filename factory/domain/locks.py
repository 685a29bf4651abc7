"""File locks: what a lockable path is, and who stands in the way. All of a request is granted or none of it."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

MAX_FILES = 500
"""Files in one request: more than any task touches, and a bound on a round's work."""

MAX_HELD = 1_000
"""Files that one attempt may hold at a time: whoever needs more should have the repository to itself. Bounds the table."""

MAX_PATH = 1_024
"""Bytes: with the repository's name it must fit into an index row of the database."""


class BadPath(ValueError):
    """A path that names no file inside a repository."""


def normalise(files: Iterable[str]) -> tuple[str, ...]:
    """Paths relative to the repository, each once, sorted: the order that keeps two requests from deadlocking."""
    paths = {_one(file) for file in files}
    if len(paths) > MAX_FILES:
        msg = f"{len(paths)} files in one lock request, at most {MAX_FILES} are allowed"
        raise BadPath(msg)
    return tuple(sorted(paths))


def _one(file: str) -> str:
    # Not stripped: git knows files whose names begin or end with a space, and a second look must see the same file.
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.name.strip() or len(file.encode(errors="replace")) > MAX_PATH or "\0" in file:
        msg = f"{file[:80]!r} is no path inside a repository"
        raise BadPath(msg)
    return str(path)


def in_the_way(wanted: Iterable[str], held: Mapping[str, str], worker: str) -> tuple[str, ...]:
    """Who holds what is wanted, as `file: worker`; nothing where all is free or held by `worker` itself."""
    return tuple(f"{file}: {held[file]}" for file in wanted if held.get(file, worker) != worker)


def condition(repo: str) -> str:
    """What parks an item until locks of a repository come free."""
    return f"locks:{repo}"
