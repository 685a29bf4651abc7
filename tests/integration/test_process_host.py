"""Who outlives whom: workers, hosts, and the processes that hosts live in."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from factory.errors import HostUnavailable
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_table import look
from factory.worker_ports import Life, WorkerOrder
from tests.fakes.clock import ManualClock
from tests.integration.process_hosts import (
    GRACE_SECONDS,
    RUN_SECONDS,
    WAIT,
    Bench,
    benches,
    in_another_process,
    make_an_intent_of,
    order,
    pid,
)
from tests.waiting import eventually


@pytest.fixture
def plain() -> Iterator[Bench]:
    yield from benches("unconfined")


@pytest.fixture(params=["unconfined", "uid", "bubblewrap"])
def every(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from benches(request.param)


def test_a_worker_outlives_the_process_that_started_it_and_is_adopted(every: Bench) -> None:
    started = in_another_process(every, f"host.start(WorkerOrder('w', ({WAIT!r},), {{}}))")
    host = every.host()

    assert host.poll("w") == started
    assert list(host.list_owned()) == [started]
    stopped = host.stop("w", GRACE_SECONDS)
    assert (stopped.life, stopped.code) == (Life.EXITED, None)
    assert stopped.reason


def test_the_end_of_an_adopted_worker_is_seen_without_its_code(plain: Bench) -> None:
    started = in_another_process(plain, f"host.start(WorkerOrder('w', ({WAIT!r},), {{}}))")
    os.kill(pid(started), signal.SIGKILL)

    eventually(lambda: plain.host().poll("w").life is Life.EXITED)

    assert plain.host().poll("w").code is None


def test_an_exit_code_that_one_process_saw_is_known_to_the_next(plain: Bench) -> None:
    text = "host.start(WorkerOrder('w', ('raise SystemExit(5)',), {}))\nwhile host.poll('w').code is None: pass"
    in_another_process(plain, text)

    assert plain.host().poll("w").code == 5


def test_a_killed_worker_is_seen_and_leaves_no_zombie(every: Bench) -> None:
    host = every.host()
    started = host.start(order(WAIT))
    os.kill(pid(started), signal.SIGKILL)

    eventually(lambda: host.poll("w").life is Life.EXITED)

    assert host.poll("w").code == -signal.SIGKILL
    assert look(pid(started)) is None


def test_a_host_that_died_after_the_spawn_finds_the_worker_by_its_markers(every: Bench) -> None:
    started = every.host().start(order(WAIT))
    make_an_intent_of(every)

    found = every.host().list_owned()

    assert list(found) == [started]
    assert every.host().start(order(WAIT)) == started


_DIES_AFTER_THE_SPAWN = """
import os
spawn = os.posix_spawn
def spawn_and_die(*given, **named):
    spawn(*given, **named)
    os.kill(os.getpid(), 9)
os.posix_spawn = spawn_and_die
"""


def test_a_host_that_is_killed_the_moment_it_spawned_does_not_lead_to_a_second_worker(every: Bench) -> None:
    text = "import os; os.write(os.open('work/starts', os.O_CREAT | os.O_APPEND | os.O_WRONLY), b'+'); open('out/ready', 'w')\n"
    for name in ("w1", "w2", "w3"):
        start = f"host.start(WorkerOrder({name!r}, ({text + WAIT!r},), {{}}))"
        with pytest.raises(subprocess.CalledProcessError):
            in_another_process(every, _DIES_AFTER_THE_SPAWN + start)

        again = every.host().start(order(text + WAIT, name))

        eventually((every.folder(name) / "out" / "ready").exists)
        assert again.life is Life.RUNNING
        assert (every.folder(name) / "work" / "starts").read_text() == "+"
        assert len({every.host().poll(name).pid, again.pid}) == 1


def test_starting_after_a_death_between_spawn_and_record_adopts_the_worker(every: Bench) -> None:
    started = every.host().start(order(WAIT))
    make_an_intent_of(every)

    assert every.host().start(order(WAIT)) == started


def test_a_host_that_died_before_the_spawn_starts_the_worker_when_asked_again(every: Bench) -> None:
    host = every.host()
    host.start(order(WAIT))
    host.stop("w", 0)
    make_an_intent_of(every)

    assert host.start(order(WAIT)).life is Life.RUNNING


def test_an_intent_without_a_process_is_seen_as_ended(plain: Bench) -> None:
    host = plain.host()
    host.start(order(WAIT))
    host.stop("w", 0)
    make_an_intent_of(plain)

    observed = host.poll("w")

    assert (observed.life, observed.pid) == (Life.EXITED, None)
    assert "before it could start" in observed.reason


def test_an_intent_that_somebody_is_carrying_out_counts_as_running(plain: Bench) -> None:
    host = plain.host()
    host.start(order(WAIT))
    host.stop("w", 0)
    make_an_intent_of(plain)

    with plain.records().locked():
        observed = host.poll("w")

    assert (observed.life, observed.pid) == (Life.RUNNING, None)


def test_a_worker_whose_record_was_deleted_is_still_listed_and_ended(every: Bench) -> None:
    host = every.host()
    host.start(order("open('out/ready','w')\n" + WAIT))
    eventually((every.folder() / "out" / "ready").exists)
    every.records().forget("w")

    listed = [(worker.name, worker.life) for worker in host.list_owned()]
    host.stop("w", 1)
    host.remove("w")

    assert listed == [("w", Life.RUNNING)]
    assert list(host.list_owned()) == []
    assert not every.folder().exists()


@pytest.mark.parametrize("name", ["Evil", "a b", "x" * 100, "-"])
def test_a_process_that_makes_its_environment_up_is_no_worker_of_an_impossible_name(plain: Bench, name: str) -> None:
    host = plain.host()
    made_up = {"FACTORY_INSTANCE": "test", "FACTORY_WORKER": name, "FACTORY_WORKER_DIR": str(plain.root / name)}
    with subprocess.Popen((sys.executable, "-c", f"print(flush=True)\n{WAIT}"), env=made_up, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            listed = list(host.list_owned())
        finally:
            process.kill()

    assert listed == []


def test_a_pid_that_was_given_to_another_program_is_not_trusted(plain: Bench) -> None:
    host = plain.host()
    host.start(order("pass"))
    host.stop("w", 0)
    with subprocess.Popen(("sleep", "600"), start_new_session=True) as bystander:
        now = plain.records().read("w")
        assert now
        with plain.records().locked():
            plain.records().write(replace(now, pid=bystander.pid, started=1, ended=False, code=None))

        observed = host.stop("w", GRACE_SECONDS)

        assert observed.life is Life.EXITED
        assert bystander.poll() is None
        bystander.kill()


def test_a_record_of_another_boot_is_not_trusted(plain: Bench) -> None:
    host = plain.host()
    host.start(order("pass"))
    host.stop("w", 0)
    with subprocess.Popen(("sleep", "600"), start_new_session=True) as bystander:
        process, now = look(bystander.pid), plain.records().read("w")
        assert process
        assert now
        with plain.records().locked():
            record = replace(now, pid=process.pid, started=process.started, boot="earlier", ended=False, code=None)
            plain.records().write(record)

        observed = host.stop("w", GRACE_SECONDS)

        assert observed.life is Life.EXITED
        assert "anew" in observed.reason
        assert bystander.poll() is None
        bystander.kill()


def test_a_damaged_record_counts_as_ended_and_can_be_removed(plain: Bench) -> None:
    host = plain.host()
    host.start(order("pass"))
    host.stop("w", 0)
    plain.records().path("w").write_bytes(b"")

    assert host.poll("w").life is Life.EXITED
    host.remove("w")

    assert host.poll("w").life is Life.GONE


def test_one_worker_comes_of_many_starts_at_once(plain: Bench) -> None:
    with ThreadPoolExecutor(8) as pool:
        starts = [pool.submit(plain.host().start, order(WAIT)) for _ in range(16)]
        pids = {start.result(RUN_SECONDS).pid for start in starts}

    assert len(pids) == 1


def test_a_program_that_is_not_there_is_said_in_the_log(plain: Bench) -> None:
    host = ProcessHost(plain.root, "test", plain.python, "unconfined", ManualClock(), command=("/nowhere/agent",))
    host.start(WorkerOrder("w", (), {}))
    eventually(lambda: host.poll("w").life is Life.EXITED)

    assert host.poll("w").code == 126
    assert b"/nowhere/agent" in host.log("w", 1000)


def test_an_interpreter_that_is_not_there_makes_the_host_unavailable(plain: Bench) -> None:
    host = ProcessHost(plain.root, "test", Path("/nowhere/python"), "unconfined", ManualClock())

    with pytest.raises(HostUnavailable):
        host.start(WorkerOrder("w", (), {}))

    assert list(host.list_owned()) == []
