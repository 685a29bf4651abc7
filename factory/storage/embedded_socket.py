"""The folder of the server's socket: inside the server's own folder where that is short enough, else a short one."""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from factory.errors import InvalidInput
from factory.storage.embedded_account import PRIVATE, Account, make_private_folder, traversable_by

PORT = 5432
"""Names the socket file only: there is no TCP port, and the folder is our own."""
SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
"""`sun_path` without its closing zero."""
_HASH_DIGITS = 16
_RECORD = "socket_folder"
_SHORT_PREFIX = "factory-pg-"


def socket_file(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def make_socket_folder(root: Path, account: Account, asked_for: Path | None) -> Path:
    """Make the folder for the socket, enterable by the account alone (and root).

    Raises:
        InvalidInput: the folder asked for is too deep, or somebody else has made the short one.
    """
    if asked_for is not None:
        _refuse_too_deep(asked_for)
        make_private_folder(asked_for, account)
        return asked_for
    if _fits(root / "run"):
        make_private_folder(root / "run", account)
        return root / "run"
    return _make_short_folder(root, account)


def remember_socket_folder(root: Path, folder: Path) -> None:
    """Write down where the socket is: another user of the server may have another TMPDIR."""
    unfinished = root / f"{_RECORD}.new"
    unfinished.write_bytes(os.fsencode(folder))
    unfinished.replace(root / _RECORD)


def recall_socket_folder(root: Path) -> Path:
    return Path(os.fsdecode((root / _RECORD).read_bytes()))


def remove_short_folder(root: Path, folder: Path) -> None:
    """Leave nothing outside the server's own folder once the server has stopped."""
    if root in folder.parents or not folder.name.startswith(_SHORT_PREFIX):
        return
    with suppress(OSError):  # not empty, or gone: somebody cleaned up, or put something there that is not ours
        folder.rmdir()


def _fits(folder: Path) -> bool:
    return len(os.fsencode(socket_file(folder))) <= SOCKET_PATH_BYTES


def _refuse_too_deep(folder: Path) -> None:
    if not _fits(folder):
        raise InvalidInput(
            f"The socket path {socket_file(folder)} is longer than the {SOCKET_PATH_BYTES} bytes that the system "
            "allows: choose a folder nearer to the root."
        )


def _make_short_folder(root: Path, account: Account) -> Path:
    name = f"{_SHORT_PREFIX}{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:_HASH_DIGITS]}"
    folder = next(parent for parent in _short_parents(account) if _fits(parent / name)) / name
    try:
        folder.mkdir(PRIVATE)
    except FileExistsError:
        _refuse_unsafe(folder, account)
    else:
        # Just made by us under this name: nobody else can have swapped it, in a sticky folder or our own.
        account.own(folder)
    return folder


def _short_parents(account: Account) -> Iterator[Path]:
    named = "/run" if account.foreign else os.environ.get("XDG_RUNTIME_DIR", "")
    for parent in (Path(named or "/tmp"), Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 (checked by _refuse_unsafe)
        if parent.is_dir() and os.access(parent, os.W_OK) and traversable_by(parent, account.uid, account.gid):
            yield parent
    yield Path("/tmp")  # noqa: S108 (short everywhere, and the owner check below holds)


def _refuse_unsafe(folder: Path, account: Account) -> None:
    """In a folder that all may write to, somebody else may have taken the name."""
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == PRIVATE
    # Ours, when a start was killed between making it and handing it over.
    if private and status.st_uid == os.geteuid():
        account.own(folder)
    elif not private or status.st_uid != account.uid:
        raise InvalidInput(f"{folder} is not a private folder of uid {account.uid}: look at it and remove it.")
