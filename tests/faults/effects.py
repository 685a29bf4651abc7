"""Faults that one does to processes and servers, each with the proof that it took effect: a fault that did nothing shows nothing."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from factory.storage.database import Database
from tests.faults.grounds import Site
from tests.waiting import eventually

_EFFECT_SECONDS = 30.0


def lives(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def ended_at(pid: int, seconds: float) -> float:
    """When the process ended, in monotonic seconds; waits for it, at most for so long."""
    fd = os.pidfd_open(pid)
    try:
        assert select.select([fd], [], [], seconds)[0], f"{pid} still lives after {seconds:g} s"
        return time.monotonic()
    finally:
        os.close(fd)


def state(pid: int) -> str:
    """As psutil names it; `gone` where there is none."""
    with suppress(psutil.NoSuchProcess):
        return str(psutil.Process(pid).status())
    return "gone"


def family(pid: int) -> list[int]:
    """The process and all its descendants, parents first."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    return []


def environment(process: psutil.Process) -> dict[str, str]:
    """Empty where it is gone or nobody's business."""
    with suppress(psutil.Error):
        return process.environ()
    return {}


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(site: Site, pids: Iterable[int]) -> str:
    """SIGKILL; returns once they are gone."""
    victims = list(pids)
    there = [pid for pid in victims if lives(pid)]
    assert there, f"none of {victims} lived when it was to be killed"
    send(victims, signal.SIGKILL)
    if site.root is not None and site.root.pid in victims:
        # Its leading thread is a zombie a moment before the process is over.
        site.root.wait(timeout=60)
    eventually(lambda: not any(lives(pid) for pid in victims), _EFFECT_SECONDS, "the killed processes are gone")
    return f"SIGKILL {there}: gone"


def stop(pids: Iterable[int]) -> str:
    """SIGSTOP; returns once all are stopped."""
    victims = [pid for pid in pids if lives(pid)]
    assert victims, "there is nobody to be stopped"
    send(victims, signal.SIGSTOP)
    # One that ended just before stays a zombie, since its parent is stopped.
    eventually(lambda: all(state(pid) == "stopped" or not lives(pid) for pid in victims), _EFFECT_SECONDS, "the processes are stopped")
    assert any(state(pid) == "stopped" for pid in victims), "all of them ended before they were stopped"
    return f"SIGSTOP {victims}: {sorted({state(pid) for pid in victims})}"


def resume(pids: Iterable[int]) -> str:
    """SIGCONT; returns once none is stopped."""
    victims = list(pids)
    send(victims, signal.SIGCONT)
    eventually(lambda: all(state(pid) != "stopped" for pid in victims), _EFFECT_SECONDS, "the processes go on")
    return f"SIGCONT {victims}"


def end_server(site: Site, how: str) -> str:
    """Stops PostgreSQL: `fast` (sessions are told), `immediate` (no word, recovery at the start) or `kill`."""
    number = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}[how]
    pid = site.postmaster()
    sessions = [child.pid for child in psutil.Process(pid).children()]
    send([pid], number)
    eventually(lambda: not lives(pid), 30, "the server has ended")
    return f"server {pid} ended ({how}), with {len(sessions)} processes"


def cut_sessions(site: Site, most: int = 100, name: str = "%") -> str:
    """`pg_terminate_backend` on sessions of the factory, in any state; returns which."""
    with Database(site.dsn, "fault driver") as database, database.transaction() as cursor:
        rows = cursor.execute(
            b"SELECT pid, application_name, pg_terminate_backend(pid) AS done FROM (SELECT pid, application_name FROM pg_stat_activity"
            b" WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name LIKE %s"
            b" ORDER BY random() LIMIT %s) AS session", [name, most],
        ).fetchall()  # fmt: skip
    assert rows, "no session was there to be cut"
    return f"sessions cut: {[row['application_name'] for row in rows if row['done']]}"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A tmpfs of that size on the folder; the test is skipped where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)
