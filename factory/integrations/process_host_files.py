"""A worker's folder, in which the worker may have put anything.

So nothing in it is ever opened through a link, waited for, trusted to be small, or deleted by walking as deep as it goes.
"""

import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from factory.errors import NoResult

FOLDERS = ("in", "work", "out", "home", "tmp")
LOG = "agent.log"
LOG_LIMIT_BYTES = 16 * 1024 * 1024
"""What a log may grow to between two looks; a limit on file sizes would bind the worker's builds too."""
LOG_KEPT_BYTES = 1024 * 1024
"""What is kept of a log that grew too large: its end, where the reason stands."""
_COPY_BYTES = 1024 * 1024
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_IN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PRIVATE = 0o700


def is_plain_name(name: str) -> bool:
    """A file's name that leads nowhere else."""
    return _PLAIN_NAME.fullmatch(name) is not None


def make_folder(folder: Path, files: Mapping[str, bytes], uid: int | None) -> None:
    """The worker's folder with its inputs, handed over to the worker's uid where it has one."""
    folder.mkdir(mode=_PRIVATE)
    for name in FOLDERS:
        (folder / name).mkdir(mode=_PRIVATE)
    for name, content in files.items():
        _write_new(folder / "in" / name, content)
    if uid is not None:
        for path in (folder, *(folder / name for name in FOLDERS), *(folder / "in" / name for name in files)):
            os.chown(path, uid, uid, follow_symlinks=False)


def _write_new(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400), "wb") as file:
        file.write(content)


@contextmanager
def opened_log(folder: Path) -> Iterator[int]:
    """The log for the worker to write to; it gets the descriptor, the file stays the factory's."""
    descriptor = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def bound_log(folder: Path, kept: Path) -> None:
    """Empties a log that grew beyond `LOG_LIMIT_BYTES`; its end goes to `kept`. What is written meanwhile may be lost."""
    with _own_log(folder, os.O_RDWR) as descriptor:
        size = os.fstat(descriptor).st_size if descriptor is not None else 0
        if descriptor is None or size <= LOG_LIMIT_BYTES:
            return
        # On a full disk emptying the log matters more than its end.
        with suppress(OSError):
            kept.write_bytes(os.pread(descriptor, LOG_KEPT_BYTES, max(0, size - LOG_KEPT_BYTES)))
        os.ftruncate(descriptor, 0)


def log_tail(folder: Path, kept: Path, limit: int) -> bytes:
    """The last `limit` bytes that the worker said, empty where it said nothing. Untrusted text."""
    earlier = kept.read_bytes() if kept.exists() else b""
    with _own_log(folder, os.O_RDONLY) as descriptor:
        if descriptor is None:
            return earlier[-limit:]
        size = os.fstat(descriptor).st_size
        return (earlier + os.pread(descriptor, limit, max(0, size - limit)))[-limit:]


@contextmanager
def _own_log(folder: Path, access: int) -> Iterator[int | None]:
    """Only the file that was made for it: emptying another one, by a link in its place, would be the worker's doing."""
    try:
        descriptor = os.open(folder / LOG, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        # The worker deleted or replaced it: whatever stands there now is not read.
        yield None
        return
    try:
        status = os.fstat(descriptor)
        ours = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid()
        yield descriptor if ours else None
    finally:
        os.close(descriptor)


def copy_out(folder: Path, name: str, target: Path, limit: int) -> int:
    """Copies `out/<name>` to `target`, whole or not at all, and returns its size in bytes.

    Raises:
        NoResult: missing, no regular file, larger than `limit` bytes (also if it grows while it is copied).
    """
    with _opened_result(folder, name) as source:
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            size = _copy(source, part, limit)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    _sync(target.parent)
    return size


@contextmanager
def _opened_result(folder: Path, name: str) -> Iterator[int]:
    if not is_plain_name(name):
        raise NoResult(f"{name!r} is no name of a file in a worker's out folder.")
    opened: list[int] = []
    try:
        # Step by step, so that no part of the way can be a link. Non-blocking: a pipe would wait for a writer for ever.
        opened.append(os.open(folder, _IN_FOLDER))
        opened.append(os.open("out", _IN_FOLDER, dir_fd=opened[-1]))
        access = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        opened.append(os.open(name, access, dir_fd=opened[-1]))
    except OSError as error:
        _close(opened)
        raise NoResult(f"The worker left no file {name!r} that can be opened: {error.strerror}.") from error
    try:
        if not stat.S_ISREG(os.fstat(opened[-1]).st_mode):
            raise NoResult(f"What the worker left as {name!r} is no regular file.")
        yield opened[-1]
    finally:
        _close(opened)


def _copy(source: int, part: Path, limit: int) -> int:
    # Looked at first, so that a huge file costs nothing; counted too, since the worker may still write.
    if os.fstat(source).st_size > limit:
        raise NoResult(f"The worker's file is larger than {limit} bytes.")
    size = 0
    with part.open("xb") as copy:
        while block := os.read(source, min(_COPY_BYTES, limit - size + 1)):
            size += len(block)
            if size > limit:
                raise NoResult(f"The worker's file is larger than {limit} bytes.")
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    return size


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, _IN_FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def delete_tree(folder: Path) -> None:
    """Deletes a folder that a worker left, as deep and as closed as it may be. Nobody may write in it meanwhile.

    Folders are moved up and emptied there, so neither the stack nor the descriptors grow with the depth, which a worker
    can make too great for a walk. Repeating it after an interruption goes on where it was.
    """
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    _open_up(folder)
    while inner := _delete_files(folder):
        for path in inner:
            _open_up(path)
            for deeper in _delete_files(path):
                _open_up(deeper)
                deeper.rename(folder / f".moved-{secrets.token_hex(8)}")
            path.rmdir()
    folder.rmdir()


def _open_up(folder: Path) -> None:
    # A folder that may not be written in cannot be emptied, nor moved: that changes its entry for what is above it.
    folder.chmod(_PRIVATE)


def _delete_files(folder: Path) -> list[Path]:
    """Deletes what is no folder, links themselves included, and returns the folders."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            else:
                Path(entry.path).unlink()
    return folders
