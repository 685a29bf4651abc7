"""Ends processes that left their process group, found by a mark in their environment.

A daemon that called setsid, or forked twice, cannot be reached through its parents any more; the environment that it
was born with stays readable. Works where /proc is there; elsewhere (macOS) only the process group is ended. What has
replaced its environment is left to the host, which ends everything of the worker in any case.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "FACTORY_WORKER"
"""The variable that holds the worker's name in everything it starts."""

_PROC = Path("/proc")
_ROUNDS = 50
"""Looks until nothing is left: a fork bomb loses against it, a process in uninterruptible sleep does not hold it up."""
_QUIET_LOOKS = 2
"""So many in a row that find nothing: who is listed may end before its mark is read, and have forked after the list was made."""

_PAUSE_SECONDS = 0.01
_MOST_ANCESTORS = 64


def sweep(worker: str) -> int:
    """Kills what carries the mark of this worker, except this process and those it descends from.

    Returns:
        How many processes were killed.
    """
    if not _PROC.joinpath("self").exists():
        return 0
    mark = f"{MARK}={worker}".encode()
    # They carry the mark as well where the host gave it to them; killing a sandbox's first process would end us all.
    spared = set(_ancestry())
    killed: set[int] = set()
    quiet = 0
    for turn in range(_ROUNDS):
        found = [pid for pid in _marked(mark) if pid not in spared]
        quiet = 0 if found else quiet + 1
        if quiet == _QUIET_LOOKS:
            break
        if turn and found:
            time.sleep(_PAUSE_SECONDS)
        killed.update(pid for pid in found if _kill(pid))
    return len(killed)


def _marked(mark: bytes) -> Iterator[int]:
    for entry in os.listdir(_PROC):  # noqa: PTH208 - a Path for each process of the machine costs more than the look
        if entry.isdigit() and mark in _environment(entry).split(b"\0"):
            yield int(entry)


def _environment(pid: str) -> bytes:
    try:
        return _PROC.joinpath(pid, "environ").read_bytes()
    except OSError:
        return b""  # gone meanwhile, or somebody else's


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _ancestry() -> Iterator[int]:
    pid = os.getpid()
    for _ in range(_MOST_ANCESTORS):
        if pid <= 0:
            return
        yield pid
        pid = _parent(pid)


def _parent(pid: int) -> int:
    try:
        status = _PROC.joinpath(str(pid), "stat").read_text(errors="replace")
    except OSError:
        return 0
    # The name in parentheses may hold anything, parentheses and blanks included.
    return int(status.rpartition(")")[2].split()[1])
