"""The embedded PostgreSQL server: started by the first who needs it, shared, stopped by the last."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from factory.errors import StoreFull, StoreUnavailable
from factory.storage.embedded_account import make_root_folder, server_account
from factory.storage.embedded_binaries import binaries_for, installed_binaries, remove_other_copies
from factory.storage.embedded_boot import ensure_started, trim_log
from factory.storage.embedded_cluster import SUPERUSER, make_cluster, password_file, write_settings
from factory.storage.embedded_locks import UseLocks
from factory.storage.embedded_postmaster import DeathWatch, Postmaster, find_postmaster, stop_postmaster
from factory.storage.embedded_socket import (
    PORT,
    make_socket_folder,
    recall_socket_folder,
    remember_socket_folder,
    remove_short_folder,
)

_ENOSPC = 28
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class EmbeddedServer:
    """One user's hold on the server of one folder. Not thread-safe.

    The hold is a file lock: it ends with `stop`, or with this process in whatever way that ends. A server whose last
    user was killed runs on until the next one takes it over and stops it.

    Args:
        root: folder for data, socket, log and password; made when missing.
        run_as: the user that the server runs as when this process is root.
        socket_folder: where the socket goes, if not in `root` or, where that is too deep, in a short private folder.
        settings: further PostgreSQL settings, winning over the built-in ones.
    """

    def __init__(
        self,
        root: Path,
        *,
        run_as: str = "nobody",
        socket_folder: Path | None = None,
        settings: Mapping[str, str] = _NO_SETTINGS,
    ) -> None:
        self._root = root.absolute()
        self._run_as = run_as
        self._asked_socket_folder = socket_folder
        self._settings = settings
        self._locks = UseLocks(self._root)
        self._watch: DeathWatch | None = None

    def start(self) -> str:
        """Take a hold and see to it that the server runs; also brings it back after its death. Returns the DSN.

        The DSN names a password file (`passfile`) and holds no secret itself.

        Raises:
            InvalidInput: the folder cannot be used.
            StoreMisconfigured: the programs, or the data for them, are missing or of another version.
            StoreFull, StoreUnavailable: the server did not start. Nothing half-made is left.
        """
        held_before = self._locks.joined
        with _in_one_sentence(self._root):
            account = server_account(self._run_as)
            make_root_folder(self._root, account)
            with self._locks.booting():
                self._locks.join()
                try:
                    self._follow(self._running() or self._boot())
                except BaseException:
                    if not held_before:
                        self._locks.leave()
                    raise
        return self.dsn

    def stop(self) -> bool:
        """Give the hold up; the last one stops the server. True when the server was stopped."""
        if not self._locks.joined:
            return False
        with _in_one_sentence(self._root), self._locks.booting():
            try:
                last = self._locks.is_last()
                if last:
                    self._shut_down()
            finally:
                self._unfollow()
                self._locks.leave()
        return last

    @contextmanager
    def hold(self) -> Iterator[str]:
        """Start, hand out the DSN, and stop at the end: the life of the process that owns the server."""
        dsn = self.start()
        try:
            yield dsn
        finally:
            self.stop()

    @property
    def dsn(self) -> str:
        """Where the server is; only valid while it is held."""
        host, passfile = (quote(str(path), safe="") for path in (recall_socket_folder(self._root), password_file(self._root)))
        return f"postgresql://{SUPERUSER}@/postgres?host={host}&port={PORT}&passfile={passfile}"

    def is_running(self) -> bool:
        """Whether the server takes connections, whoever started it."""
        return self._running() is not None

    def postmaster_pid(self) -> int | None:
        """The pid of the running server, or None."""
        postmaster = find_postmaster(self._root / "data")
        return postmaster.pid if postmaster else None

    def death_fd(self) -> int | None:
        """A descriptor that turns readable when the held server dies; None where the system has no such thing.

        It belongs to this object and changes with each `start`.
        """
        return self._watch.fileno() if self._watch else None

    def wait_for_death(self, seconds: float) -> bool:
        """Wait at most `seconds`; True when the held server is dead: call `start` again. Also keeps its log bounded."""
        trim_log(self._root)
        return self._watch.wait(seconds) if self._watch else not self.is_running()

    def _running(self) -> Postmaster | None:
        postmaster = find_postmaster(self._root / "data")
        return postmaster if postmaster and postmaster.ready else None

    def _boot(self) -> Postmaster:
        account = server_account(self._run_as)
        binaries = binaries_for(account, self._root, installed_binaries())
        make_cluster(self._root, account, binaries)
        socket_folder = make_socket_folder(self._root, account, self._asked_socket_folder)
        write_settings(self._root, socket_folder, self._settings)
        trim_log(self._root)
        remember_socket_folder(self._root, socket_folder)
        postmaster = ensure_started(self._root, socket_folder, account, binaries)
        remove_other_copies(self._root, binaries)
        return postmaster

    def _shut_down(self) -> None:
        postmaster = find_postmaster(self._root / "data")
        if postmaster:
            stop_postmaster(postmaster)
        remove_short_folder(self._root, recall_socket_folder(self._root))

    def _follow(self, postmaster: Postmaster) -> None:
        self._unfollow()
        self._watch = DeathWatch(postmaster)

    def _unfollow(self) -> None:
        if self._watch:
            self._watch.close()
            self._watch = None


@contextmanager
def _in_one_sentence(root: Path) -> Iterator[None]:
    """What the system says becomes one sentence of ours."""
    try:
        yield
    except subprocess.SubprocessError as error:
        raise StoreUnavailable(f"The database in {root} could not be started or stopped: {error}.") from error
    except OSError as error:
        kind = StoreFull if error.errno == _ENOSPC else StoreUnavailable
        raise kind(f"The database in {root} could not be started or stopped: {error.strerror or error}.") from error
