"""Where the factory keeps what: one data folder that lasts, one run folder that does not.

    data (0711)   postgres/ mirrors/ imports/ results/ workers/ logs/ link/   root.lock root.pid run-folder
    run  (0700)   the sockets of the factory's own processes and of its operator

Every terminal of a user has to find the same folders, so they follow from the environment alone; the run folder,
which also hangs on XDG_RUNTIME_DIR (set in a login session, not in cron), is written down while a factory runs.
Standard library only: `factory status` must not wait for more.
"""

import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from factory import root_lock
from factory.data_folder import data_folder, digest, others_pass
from factory.errors import InvalidInput

PRIVATE = 0o700
READABLE = 0o755
TRAVERSE_ONLY = 0o711
"""Others may pass through to what they know the name of, but cannot list. Files that are secret are 0600 themselves."""

SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
"""`sun_path` without its closing zero."""
SOCKET_NAME_BYTES = 40
"""Room for the longest name of a socket below the run or the link folder: `worker-<item>-<epoch>` and a suffix."""

_RUN_HOME = Path("/run")
_SHARED_HOME = Path("/tmp")  # noqa: S108 - what we make in it is checked for its owner
_RUN_RECORD = "run-folder"


@dataclass(frozen=True, slots=True)
class Paths:
    """All folders of one factory. Two factories differ in `data`; nothing is shared between them."""

    data: Path
    run: Path

    @property
    def postgres(self) -> Path:
        """The embedded server's own; made and guarded by it."""
        return self.data / "postgres"

    @property
    def mirrors(self) -> Path:
        """Bare mirrors of the repositories, readable by workers that know the name of theirs."""
        return self.data / "mirrors"

    @property
    def imports(self) -> Path:
        """Results under inspection, each in a bare repository of its own."""
        return self.data / "imports"

    @property
    def results(self) -> Path:
        """Bundles that workers handed in: delivery's spool."""
        return self.data / "results"

    @property
    def workers(self) -> Path:
        """One folder per worker, made by the host."""
        return self.data / "workers"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def fork(self) -> Path:
        """The folder of the fork server's socket."""
        return self.run / "fork"

    @property
    def link(self) -> Path:
        """The folder of the one socket that workers reach, outside the run folder: they may have another uid."""
        inside = self.data / "link"
        if _fits(inside) and (not _is_root() or reachable_by_others(self.data)):
            return inside
        return _short_home() / f"factory-{os.geteuid()}-{_digest(self.data)}-link"


def locate(environ: Mapping[str, str], data: Path | None = None) -> Paths:
    """The folders that this environment means; nothing is made.

    Args:
        data: the data folder from the command line; it wins over FACTORY_DATA.

    Raises:
        InvalidInput: a folder that was asked for cannot be used.
    """
    folder = Path(data_folder(environ, None if data is None else str(data)))
    return Paths(folder, _run_folder(environ, folder))


def prepare(paths: Paths) -> None:
    """Makes the folders, passable for workers of other users where they must be. Existing ones keep their content.

    Raises:
        InvalidInput: a folder cannot be made, or is not this user's.
    """
    _make(paths.data, TRAVERSE_ONLY)
    for folder in (paths.run, paths.fork, paths.results, paths.logs):
        _make(folder, PRIVATE)
    # A worker that verifies clones from the import that it is named.
    for folder in (paths.mirrors, paths.imports, paths.workers):
        _make(folder, TRAVERSE_ONLY)
    # A worker under another uid is given this folder, so it must be able to look into it; the socket's key guards.
    _make(paths.link, READABLE)


@contextmanager
def claim(paths: Paths) -> Iterator[None]:
    """Holds the data folder for this process, the root of a factory, until the end of the block. Needs `prepare`.

    Raises:
        Conflict: another factory runs on it.
    """
    with root_lock.hold(paths.data):
        record = paths.data / _RUN_RECORD
        record.write_bytes(os.fsencode(paths.run))
        try:
            yield
        finally:
            record.unlink(missing_ok=True)


def running_root(paths: Paths) -> int | None:
    """The pid of the factory that runs on this data folder, or None."""
    return root_lock.holder(paths.data)


def instance_name(paths: Paths) -> str:
    """This factory's name on hosts that it may share with others; made once for a data folder, by the one who holds it."""
    file = paths.data / "instance"
    if not file.exists():
        draft = file.with_suffix(".new")
        draft.write_text(secrets.token_hex(4))
        draft.replace(file)
    return file.read_text()


def reachable_by_others(folder: Path) -> bool:
    """Whether every user may pass through this folder and all above it; what does not exist yet counts as passable."""
    return others_pass(str(folder))


def fresh_folder(prefix: str) -> Path:
    """A new folder with a short path, passable for all users as workers need it. The caller removes it."""
    usual = Path(tempfile.gettempdir())
    home = usual if not _is_root() or reachable_by_others(usual) else _SHARED_HOME
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=home))
    folder.chmod(0o755)
    return folder


def _named(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def _run_folder(environ: Mapping[str, str], data: Path) -> Path:
    asked = _named(environ, "FACTORY_RUN")
    if asked:
        return _short_enough(_absolute(asked))
    with suppress(OSError):
        recorded = Path(os.fsdecode((data / _RUN_RECORD).read_bytes()))
        if recorded.is_absolute() and root_lock.holder(data):
            return recorded
    session, name = _named(environ, "XDG_RUNTIME_DIR"), f"factory-{_digest(data)}"
    # After `su` the variable still names the session of the user before.
    if session and _is_ours(session) and _fits(session / name):
        return session / name
    return _short_home() / f"factory-{os.geteuid()}-{_digest(data)}"


def _short_home() -> Path:
    return _RUN_HOME if _is_root() and os.access(_RUN_HOME, os.W_OK) else _SHARED_HOME


def _short_enough(folder: Path) -> Path:
    if not _fits(folder):
        room = SOCKET_PATH_BYTES - SOCKET_NAME_BYTES - 1
        raise InvalidInput(f"FACTORY_RUN: {folder} is too deep for sockets: choose a path of at most {room} bytes.")
    return folder


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) + 1 + SOCKET_NAME_BYTES <= SOCKET_PATH_BYTES


def _is_root() -> bool:
    return os.geteuid() == 0


def _absolute(folder: Path) -> Path:
    # Not resolve(): the text is hashed, and has to be the same before and after a part of it is made a link.
    return Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100


def _digest(folder: Path) -> str:
    return digest(str(folder))


def _make(folder: Path, mode: int) -> None:
    try:
        _make_parents(folder)
        folder.mkdir(mode=mode, exist_ok=True)
        if not _is_ours(folder):
            raise InvalidInput(f"The folder {folder} belongs to another user: remove it, or name another one.")
        # mkdir obeys the umask, and one of 077 would shut out the workers that have another uid.
        folder.chmod(mode)
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be made: {error.strerror or error}.") from error


def _make_parents(folder: Path) -> None:
    for parent in reversed([parent for parent in folder.parents if not parent.exists()]):
        parent.mkdir(exist_ok=True)
        # A user's own factory has workers of the same user; only root has to let others pass.
        parent.chmod(TRAVERSE_ONLY if _is_root() else PRIVATE)


def _is_ours(folder: Path) -> bool:
    try:
        # Under /tmp a link of somebody else's would lead us to a folder of theirs; a user may move the data by a link.
        status = folder.lstat() if folder.parent == _SHARED_HOME else folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def nearest(folder: Path) -> Path:
    """The folder itself, or the first one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())
