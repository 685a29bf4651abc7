"""A worker's file out of a tar that the engine makes of what lies there, which the worker may have made anything."""

import os
import secrets
import tarfile
from pathlib import Path
from typing import IO

from factory.errors import NoResult

_COPY_BYTES = 1024 * 1024


def store(archive: IO[bytes], name: str, target: Path, limit: int) -> int:
    """Writes the file to `target`, whole or not at all, and returns its size in bytes.

    Args:
        archive: a tar of one thing, read as it comes; of a folder only the first entry is.

    Raises:
        NoResult: it is no regular file, or larger than `limit` bytes.
        tarfile.TarError: the tar ends early.
    """
    # As a stream: nothing is ever looked up in it, so what else it holds costs nothing and leads nowhere.
    with tarfile.open(fileobj=archive, mode="r|", bufsize=_COPY_BYTES) as tar:
        member = tar.next()
        content = tar.extractfile(member) if member is not None and member.isreg() else None
        if member is None or content is None:
            raise NoResult(f"What the worker left as {name!r} is no regular file.")
        if member.size > limit:
            raise NoResult(f"The worker's file is larger than {limit} bytes.")
        _write(content, member.size, target)
        return member.size


def _write(content: IO[bytes], size: int, target: Path) -> None:
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as copy:
            left = size
            while left and (block := content.read(min(_COPY_BYTES, left))):
                copy.write(block)
                left -= len(block)
            if left:
                raise tarfile.ReadError(f"{left} bytes are missing")
            copy.flush()
            os.fsync(copy.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
