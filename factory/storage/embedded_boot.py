"""Starting the postmaster: once, detached from us, with every left-over of a killed one told apart and handled."""

import os
import socket
import subprocess
from pathlib import Path

import psutil

from factory.errors import StoreUnavailable
from factory.storage.embedded_account import Account
from factory.storage.embedded_binaries import Binaries
from factory.storage.embedded_cluster import failure, run_as, server_environment
from factory.storage.embedded_postmaster import Postmaster, find_postmaster, is_gone, pid_file
from factory.storage.embedded_socket import socket_file
from factory.storage.embedded_waiting import wait_until

START_SECONDS = 60.0
"""80 ms warm; crash recovery reads up to max_wal_size of log."""
GOING_SECONDS = 5.0
"""Until the socket of a killed server is closed, by its last process or by one that it had just forked: milliseconds."""
LEFTOVER_SECONDS = 15.0
"""Backends of a killed postmaster notice its death and leave within milliseconds, on a stalled disk within seconds."""
LAUNCH_SECONDS = 10.0
"""A shell that starts one program and prints its pid."""
ANSWER_SECONDS = 2.0
"""Connecting to a local socket takes microseconds; a stopped server with a full backlog must not hold us."""
LOG_BYTES = 8 * 1024 * 1024
LOG_TAIL_BYTES = 256 * 1024
"""What is kept of a log that has grown beyond LOG_BYTES."""
_REASON_BYTES = 4096
_RETRY_SECONDS = 0.1
_LEFTOVERS = ("pre-existing shared memory block", "could not bind Unix address", "lock file")
# The shell's child is orphaned at once and belongs to init: it outlives us, and we never leave it a zombie.
# `pg_ctl` would do the same, but looks only ten times a second whether the server is ready.
_LAUNCH = '"$0" "$@" </dev/null >&2 & echo $!'


def ensure_started(root: Path, socket_folder: Path, account: Account, binaries: Binaries) -> Postmaster:
    """Start the server on `root/data`. Call it with the boot lock held and no ready postmaster seen.

    Raises:
        StoreFull, StoreUnavailable: it did not start; the sentence has the server's own reason.
    """
    data = root / "data"
    # Whoever booted before us was killed: its server is still starting up or shutting down.
    if find_postmaster(data) and wait_until(lambda: _settled(data), START_SECONDS) and (running := find_postmaster(data)):
        return running
    started: list[Postmaster] = []
    reason = ""

    def start() -> bool:
        nonlocal reason
        _remove_stale(data, socket_folder)
        outcome = _start_once(root, account, binaries)
        if isinstance(outcome, Postmaster):
            started.append(outcome)
            return True
        reason = outcome
        return not any(leftover in outcome for leftover in _LEFTOVERS)

    wait_until(start, LEFTOVER_SECONDS, _RETRY_SECONDS)
    if not started:
        raise failure(f"The database server in {root} did not start", reason)
    return started[0]


def log_file(root: Path) -> Path:
    return root / "postgres.log"


def trim_log(root: Path) -> None:
    """Cut the server's log down to its tail once it is over LOG_BYTES.

    The server appends to an inherited descriptor, so the file is cut in place; a line written meanwhile is lost.
    PostgreSQL's own collector rotates by size only into ever new files.
    """
    path = log_file(root)
    if not path.exists() or path.stat().st_size <= LOG_BYTES:
        return
    with path.open("r+b") as log:
        log.seek(-LOG_TAIL_BYTES, os.SEEK_END)
        tail = log.read(LOG_TAIL_BYTES)
        log.seek(0)
        log.truncate()
        log.write(tail.partition(b"\n")[2])


def _settled(data: Path) -> bool:
    postmaster = find_postmaster(data)
    return postmaster is None or postmaster.ready


def _remove_stale(data: Path, socket_folder: Path) -> None:
    """Remove the lock files of a dead server: a zombie, or another program with its pid, makes PostgreSQL refuse them.

    Safe though its manual warns: we hold the boot lock, no live process has this data folder, and surviving backends
    are found by the shared memory segment, whose key is the folder's inode, not the pid file.
    """
    if find_postmaster(data) is not None:
        return
    path = socket_file(socket_folder)
    # A killed one is gone from the table of processes before its socket is closed.
    if not wait_until(lambda: not _answers(path), GOING_SECONDS):
        # Its pid is not ours to see: two containers were given the same folder, and two servers would ruin the data.
        raise StoreUnavailable(f"A database server outside this container uses {data.parent}: stop that one first.")
    pid_file(data).unlink(missing_ok=True)
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_SECONDS)
        return client.connect_ex(str(path)) == 0


def _start_once(root: Path, account: Account, binaries: Binaries) -> Postmaster | str:
    """The ready postmaster, or what the failed one wrote to its log."""
    data = root / "data"
    with log_file(root).open("ab") as log:
        log_file(root).chmod(0o600)
        begin = log.seek(0, os.SEEK_END)
        launched = _launch(root, account, binaries, log.fileno())
    wait_until(lambda: launched is None or is_gone(launched) or _ready(data, launched.pid), START_SECONDS)
    postmaster = find_postmaster(data)
    if launched and postmaster and postmaster.pid == launched.pid and postmaster.ready:
        return postmaster
    if launched and not is_gone(launched):
        launched.kill()
        raise StoreUnavailable(f"The database server in {root} was not ready within {START_SECONDS:.0f} seconds.")
    return _read_from(log_file(root), begin)


def _ready(data: Path, pid: int) -> bool:
    postmaster = find_postmaster(data)
    return postmaster is not None and postmaster.pid == pid and postmaster.ready


def _launch(root: Path, account: Account, binaries: Binaries, log: int) -> psutil.Process | None:
    """The process of a new postmaster; None when it has ended already."""
    user, group, groups = run_as(account)
    server = [str(binaries.postgres), "-D", str(root / "data"), "-c", f"config_file={root / 'postgresql.conf'}"]
    done = subprocess.run(
        ["/bin/sh", "-c", _LAUNCH, *server],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        check=True,
        cwd="/",
        env=server_environment(),
        timeout=LAUNCH_SECONDS,
        start_new_session=True,  # the terminal's Ctrl-C must not reach the server
        user=user,
        group=group,
        extra_groups=groups,
    )
    try:
        return psutil.Process(int(done.stdout))
    except psutil.NoSuchProcess:
        return None


def _read_from(path: Path, begin: int) -> str:
    with path.open("rb") as log:
        log.seek(begin)
        return log.read()[-_REASON_BYTES:].decode(errors="replace")
