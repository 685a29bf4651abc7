"""What the doctor looks at of a factory's folders, and of what a killed factory left in them."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from factory import root_lock
from factory.doctor import Verdict, fail, ok, warn
from factory.paths import (
    PRIVATE,
    SOCKET_NAME_BYTES,
    SOCKET_PATH_BYTES,
    TRAVERSE_ONLY,
    Paths,
    nearest,
    reachable_by_others,
    running_root,
)

_SECRET = 0o600
_OTHERS = 0o077
_WRITABLE_BY_OTHERS = 0o022
_RECORDS = ("run-folder", "root.pid")


def data_folder(paths: Paths) -> Verdict:
    folder = paths.data
    if not folder.exists():
        parent = nearest(folder)
        if not os.access(parent, os.W_OK | os.X_OK):
            return fail(f"{folder} cannot be made: nobody may write to {parent} as this user.", "name another one with FACTORY_DATA")
        return ok(f"{folder} is made at the first start")
    refused = _refusal(folder)
    if refused:
        return refused
    if os.geteuid() == 0 and not reachable_by_others(folder):
        why = f"{folder} cannot be reached by the users that the database and the workers run as."
        return fail(why, "choose a folder whose parents all may pass through: FACTORY_DATA=/var/lib/factory/mine")
    if _mode(folder) & _WRITABLE_BY_OTHERS:
        return warn(f"{folder} can be written by others.", f"chmod {TRAVERSE_ONLY:o} {folder}")
    return ok(str(folder))


def close_data_folder(paths: Paths) -> str:
    paths.data.chmod(TRAVERSE_ONLY)
    return f"{paths.data} is {TRAVERSE_ONLY:o} now"


def run_folder(paths: Paths) -> Verdict:
    if not paths.run.exists():
        return ok(f"{paths.run} is made at each start")
    refused = _refusal(paths.run)
    if refused:
        return refused
    if _mode(paths.run) & _OTHERS:
        return warn(f"{paths.run} is open to others, and the sockets in it are the factory's own.", f"chmod {PRIVATE:o} {paths.run}")
    return ok(str(paths.run))


def close_run_folder(paths: Paths) -> str:
    paths.run.chmod(PRIVATE)
    return f"{paths.run} is {PRIVATE:o} now"


def socket_paths(paths: Paths) -> Verdict:
    longest = max(len(os.fsencode(folder)) for folder in (paths.run, paths.link)) + 1 + SOCKET_NAME_BYTES
    if longest > SOCKET_PATH_BYTES:
        return fail(f"Socket paths would have {longest} bytes, and the system takes {SOCKET_PATH_BYTES}.", "FACTORY_RUN=/tmp/factory-mine")
    return ok(f"{longest} of {SOCKET_PATH_BYTES} bytes")


def secrets(files: Iterable[Path]) -> Verdict:
    """Files that hold a key or a password."""
    there = [file for file in files if file.exists()]
    open_ones = [str(file) for file in _open(there)]
    if open_ones:
        return fail(f"Others may read {', '.join(open_ones)}.", f"chmod {_SECRET:o} {' '.join(open_ones)}")
    return ok(f"{len(there)} files with keys, closed to others" if there else "no keys made yet")


def close_secrets(files: Iterable[Path]) -> str:
    closed = _open([file for file in files if file.exists()])
    for file in closed:
        file.chmod(_SECRET)
    return f"{', '.join(map(str, closed))}: {_SECRET:o} now"


# -- what was left ----------------------------------------------------------------------------------------------------


def run_records(paths: Paths) -> Verdict:
    left = [] if running_root(paths) else [name for name in _RECORDS if (paths.data / name).exists()]
    if left:
        return warn(f"A factory that was killed left {', '.join(left)} in {paths.data}.", "factory doctor --fix")
    return ok("none")


def remove_run_records(paths: Paths) -> str:
    with _nobody_runs(paths):
        for name in _RECORDS:
            (paths.data / name).unlink(missing_ok=True)
    return "removed"


def stale_sockets(paths: Paths) -> Verdict:
    left = [] if running_root(paths) else list(_sockets(paths))
    if left:
        return warn(f"{len(left)} sockets of a factory that was killed are in {left[0].parent}.", "factory doctor --fix")
    return ok("none")


def remove_stale_sockets(paths: Paths) -> str:
    with _nobody_runs(paths):
        left = list(_sockets(paths))
        for each in left:
            each.unlink(missing_ok=True)
    with suppress(OSError):  # it holds something that is not ours
        paths.run.rmdir()
    return f"{len(left)} sockets removed"


def worker_folders(paths: Paths) -> Verdict:
    if running_root(paths) or not paths.workers.is_dir():
        return ok("none without a factory")
    left = [entry.name for entry in paths.workers.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    if left:
        count = "1 worker has" if len(left) == 1 else f"{len(left)} workers have"
        return warn(f"{count} no factory: {', '.join(sorted(left)[:3])}.", "factory up (it adopts or removes them)")
    return ok("none without a factory")


def postmaster(paths: Paths, pid: int | None) -> Verdict:
    """`pid`: of the embedded database server on this data folder, None where none runs."""
    if pid is None or running_root(paths):
        return ok("none without a factory")
    return warn(f"The database server (process {pid}) runs without a factory.", "factory up --detach && factory down")


def _refusal(folder: Path) -> Verdict | None:
    status = folder.stat()
    if not stat.S_ISDIR(status.st_mode):
        return fail(f"{folder} is no folder.", "remove it, or name another one")
    if status.st_uid != os.geteuid():
        return fail(f"{folder} belongs to uid {status.st_uid}, not to this user.", f"chown -R {os.geteuid()} {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return fail(f"{folder} cannot be written.", f"chmod u+rwx {folder}")
    return None


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _open(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if _mode(file) & _OTHERS]


def _sockets(paths: Paths) -> Iterator[Path]:
    for folder in (paths.run, paths.link):
        if folder.is_dir():
            yield from (entry for entry in folder.iterdir() if entry.is_socket())


@contextmanager
def _nobody_runs(paths: Paths) -> Iterator[None]:
    """Else a factory that starts at this moment would lose what it just made."""
    with root_lock.hold(paths.data):
        yield
