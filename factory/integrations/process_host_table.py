"""The processes of this machine, told apart for certain.

A bare pid is never trusted: the kernel gives it away again. Pid and start time together name one process of one boot.
Linux is read through /proc. Elsewhere psutil answers, without namespaces and without other users' environments, so the
sweep of descendants reaches less far there; only Linux is tested.
"""

import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROC = Path("/proc")
_LINUX = (_PROC / "self" / "stat").exists()
_LOOK_AGAIN_SECONDS = 0.02
"""Between two looks where the kernel has no pidfd to wait for."""

# Places after the closing bracket of the name in /proc/<pid>/stat, whose text may itself hold spaces and brackets.
_STATE, _PARENT, _GROUP, _STARTED = 0, 1, 2, 19


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        started: clock ticks since boot (Linux), hundredths of Unix time elsewhere; compared, never calculated with.
        namespaces: its pids in the pid namespaces below ours, outermost first; empty where it is in ours.
        over: a zombie, which runs nothing any more and only keeps its exit code for its parent.
    """

    pid: int
    parent: int
    group: int
    started: int
    uid: int
    namespaces: tuple[int, ...]
    over: bool


def boot_id() -> str:
    """What changes with each boot of this machine: pids and start times of another boot mean nothing."""
    if _LINUX:
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text("ascii").strip()
    return str(int(psutil.boot_time()))


def look(pid: int) -> Process | None:
    """The process of this pid as it is now, None where there is none."""
    # The folder of a process that ends while it is read answers ESRCH, not only ENOENT.
    with suppress(OSError, psutil.Error):
        return _look_in_proc(pid) if _LINUX else _look_elsewhere(pid)
    return None


def same(process: Process) -> Process | None:
    """The same process as it is now, None where it is gone, also where its pid has been given to another."""
    now = look(process.pid)
    return now if now is not None and now.started == process.started else None


def snapshot() -> dict[int, Process]:
    """All processes; those that begin or end meanwhile may be in it or not."""
    pids = [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()] if _LINUX else psutil.pids()
    return {pid: process for pid in pids if (process := look(pid)) is not None}


def environment(pid: int) -> frozenset[bytes]:
    """`NAME=value` as the process was started with; empty where we may not read it."""
    with suppress(OSError, psutil.Error):
        if _LINUX:
            return frozenset((_PROC / str(pid) / "environ").read_bytes().split(b"\0"))
        return frozenset(f"{name}={value}".encode() for name, value in psutil.Process(pid).environ().items())
    return frozenset()


def some_are_between_programs() -> bool:
    """Whether there is a process whose environment cannot be told yet.

    Whoever spawned it is told of the new program before the kernel has given that its environment, on a busy machine long before.
    """
    return _LINUX and any(_is_between_programs(path) for path in _PROC.iterdir() if path.name.isdigit())


def _is_between_programs(folder: Path) -> bool:
    # With a program, which threads of the kernel and the dead have not.
    with suppress(OSError):
        return not (folder / "environ").read_bytes() and not (folder / "cmdline").read_bytes() and bool((folder / "exe").readlink())
    return False


def send(process: Process, number: signal.Signals) -> None:
    """Signals exactly this process; nothing happens where it is gone or not ours to signal (a survivor shows later)."""
    if not hasattr(os, "pidfd_open"):
        if same(process):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)
        return
    with suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(process.pid)
        try:
            # Looked at after the descriptor was taken: from here on it cannot come to mean another process.
            if same(process):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def wait_over(process: Process, seconds: float) -> bool:
    """Waits until the process runs no more, also if it is nobody's child here, and says whether that came true."""
    try:
        descriptor = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else None
    except ProcessLookupError:
        return True
    if descriptor is None:
        return _look_until_over(process, seconds)
    try:
        if is_over(process):
            return True
        watch = select.poll()
        watch.register(descriptor, select.POLLIN)
        return bool(watch.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def is_over(process: Process) -> bool:
    now = same(process)
    return now is None or now.over


def _look_until_over(process: Process, seconds: float) -> bool:
    for _ in range(int(seconds / _LOOK_AGAIN_SECONDS) + 1):
        if is_over(process):
            return True
        time.sleep(_LOOK_AGAIN_SECONDS)
    return is_over(process)


def _look_in_proc(pid: int) -> Process:
    folder = _PROC / str(pid)
    fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
    status = dict(line.partition(b":")[::2] for line in (folder / "status").read_bytes().splitlines())
    return Process(
        pid=pid,
        parent=int(fields[_PARENT]),
        group=int(fields[_GROUP]),
        started=int(fields[_STARTED]),
        # Not the owner of the folder: that is root for whoever made itself undumpable.
        uid=int(status[b"Uid"].split()[0]),
        namespaces=tuple(int(inner) for inner in status.get(b"NSpid", b"").split()[1:]),
        over=fields[_STATE] in {b"Z", b"X"},
    )


def _look_elsewhere(pid: int) -> Process:
    process = psutil.Process(pid)
    with process.oneshot():
        return Process(
            pid=pid,
            parent=process.ppid(),
            group=os.getpgid(pid),
            started=int(process.create_time() * 100),
            uid=process.uids().real,
            namespaces=(),
            over=process.status() == psutil.STATUS_ZOMBIE,
        )
