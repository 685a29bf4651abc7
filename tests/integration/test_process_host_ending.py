"""Nothing that a worker started escapes its end."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from factory.errors import HostUnavailable
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_family import eldest
from factory.integrations.process_host_launch import spawned
from factory.integrations.process_host_records import held
from factory.integrations.process_host_table import Process, is_over, look, send
from factory.worker_ports import Life
from tests.integration.process_hosts import (
    GRACE_SECONDS,
    WAIT,
    Bench,
    benches,
    order,
    pid,
)
from tests.waiting import eventually

# Twice forked, in a session of its own, deaf to SIGTERM; holds a lock for as long as any of them lives.
_DAEMONS = """
import fcntl, os, signal, time
file = open("out/alive", "w")
fcntl.flock(file, fcntl.LOCK_EX)
os.set_inheritable(file.fileno(), True)
for _ in range({count}):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            {then}
            while True: signal.pause()
        os._exit(0)
    os.wait()
open("out/ready", "w").close()
"""
_KEEP_ONLY_HOME = 'os.execve("/bin/sleep", ["sleep", "3600"], {"HOME": os.environ["HOME"]})'
_SHED_MARKERS = 'os.execve("/bin/sleep", ["sleep", "3600"], {})'


@pytest.fixture
def plain() -> Iterator[Bench]:
    yield from benches("unconfined")


@pytest.fixture(params=["uid", "bubblewrap"])
def confined(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from benches(request.param)


@pytest.fixture(params=["unconfined", "uid", "bubblewrap"])
def every(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from benches(request.param)


def _all_dead(bench: Bench) -> bool:
    with (bench.folder() / "out" / "alive").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _start_daemons(bench: Bench, tail: str, count: int = 3, then: str = "pass") -> ProcessHost:
    host = bench.host()
    host.start(order(_DAEMONS.format(count=count, then=then) + tail))
    eventually((bench.folder() / "out" / "ready").exists, seconds=30)
    assert not _all_dead(bench)
    return host


def test_stopping_ends_daemons_that_left_the_session_and_ignore_sigterm(every: Bench) -> None:
    host = _start_daemons(every, WAIT)

    host.stop("w", GRACE_SECONDS)

    assert _all_dead(every)


def test_stopping_ends_daemons_of_a_worker_that_ended_before(every: Bench) -> None:
    host = _start_daemons(every, "")
    eventually(lambda: host.poll("w").life is Life.EXITED)
    assert not _all_dead(every)

    host.stop("w", GRACE_SECONDS)

    assert _all_dead(every)


def test_a_confined_worker_s_daemons_do_not_escape_by_shedding_their_environment(confined: Bench) -> None:
    host = _start_daemons(confined, "", then=_SHED_MARKERS)
    eventually(lambda: host.poll("w").life is Life.EXITED)

    host.stop("w", GRACE_SECONDS)

    assert _all_dead(confined)


def test_stopping_ends_daemons_that_kept_no_more_of_the_environment_than_a_home(plain: Bench) -> None:
    host = _start_daemons(plain, "", then=_KEEP_ONLY_HOME)
    eventually(lambda: host.poll("w").life is Life.EXITED)

    host.stop("w", GRACE_SECONDS)

    assert _all_dead(plain)


def test_stopping_ends_hundreds_of_daemons(every: Bench) -> None:
    host = _start_daemons(every, WAIT, count=200)

    host.stop("w", 0.2)

    assert _all_dead(every)


def test_removing_an_ended_worker_ends_its_daemons_first(every: Bench) -> None:
    host = _start_daemons(every, "")
    with (every.folder() / "out" / "alive").open("rb") as lock:
        eventually(lambda: host.poll("w").life is Life.EXITED)

        host.remove("w")

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not every.folder().exists()


_ENDS_ITS_OWN_WAY = "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(7))\nopen('out/ready', 'w')\n" + WAIT


def test_a_worker_that_hears_sigterm_ends_in_its_own_way(every: Bench) -> None:
    host = every.host()
    host.start(order(_ENDS_ITS_OWN_WAY))
    eventually((every.folder() / "out" / "ready").exists)

    assert host.stop("w", GRACE_SECONDS).code == 7


def test_stopping_wakes_a_stopped_worker_to_hear_it(plain: Bench) -> None:
    host = plain.host()
    started = host.start(order(_ENDS_ITS_OWN_WAY))
    eventually((plain.folder() / "out" / "ready").exists)
    os.kill(pid(started), signal.SIGSTOP)

    assert host.stop("w", GRACE_SECONDS).code == 7


def test_a_host_that_ignores_sigterm_does_not_hand_that_on(every: Bench) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        every.host().start(order("open('out/ready','w')\n" + WAIT))
    finally:
        signal.signal(signal.SIGTERM, before)
    eventually((every.folder() / "out" / "ready").exists)

    assert every.host().stop("w", GRACE_SECONDS).code == -signal.SIGTERM


def test_a_signal_is_not_sent_to_who_got_the_pid_later(plain: Bench) -> None:
    with subprocess.Popen(("sleep", "600"), start_new_session=True) as bystander:
        now = look(bystander.pid)
        assert now
        earlier = replace(now, started=now.started - 1)

        send(earlier, signal.SIGKILL)

        assert is_over(earlier)
        assert not is_over(now)
        bystander.kill()


def test_the_lock_of_a_start_is_held_until_the_child_can_be_found(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    # Not the entry program: a child that has not come as far as closing it.
    with (tmp_path / "log").open("wb") as log:
        child = spawned(("/bin/sleep", "600"), {}, log.fileno(), descriptor)
    os.close(descriptor)

    with pytest.raises(HostUnavailable), held(lock, 0):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with held(lock, 0):
        pass


def test_the_eldest_is_found_by_descent_also_where_pids_begin_again() -> None:
    parent = Process(pid=32_000, parent=1, group=32_000, started=5, uid=0, namespaces=(), over=False)
    child = replace(parent, pid=300, parent=32_000)
    daemon = replace(parent, pid=200, started=9)

    assert eldest({process.pid: process for process in (daemon, child, parent)}) == parent
