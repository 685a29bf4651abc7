"""Workers of another machine that use more than is good: F20, F57. What others have of the factory, and on that machine, stays theirs."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil
import pytest

from factory.integrations.docker_engine import Engine
from factory.integrations.docker_profile import INSTANCE
from factory.protocol.commands import Query
from factory.wiring_worker import container_instance
from factory.worker_host.home import Home
from tests.docker_engine import own_engine, worker_image
from tests.e2e.test_docker import EATS_MEMORY, FORKS
from tests.faults.agents import STEADY
from tests.faults.remote_ground import SECONDS, H
from tests.real_factory import AGENT, RealFactory, check_item, left_over, real_factory
from tests.remote_worker import RemoteWorker, enrolled, free_port, is_here, join_line, remote_settings
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(300)]

FLOODING = 8
FLOOD = 20 * H
"""Seconds: an agent's log has a fixed allowance for each heartbeat, so memory that grows would show by then."""

GROWS = 64 * 1024 * 1024
"""Bytes that a process of the factory may grow by meanwhile; what the eight write is over ten times as much."""

CHATTERING = """#!/bin/sh
set -e
while [ -e "{folder}/wait" ]; do head -c 1700000 /dev/zero | tr '\\0' 'x' | fold -w 200; sleep 1; done
""" + STEADY.split("done\n", 1)[1]
"""A hundred megabytes a minute."""


@contextmanager
def factory_with_a_machine(capacity: int) -> Iterator[tuple[RealFactory, RemoteWorker]]:
    with real_factory(remote_settings(free_port(), FACTORY_HEARTBEAT=f"{H}s")) as factory:
        factory.up()
        worker = enrolled(factory, "anvil", capacity)
        try:
            yield factory, worker
        finally:
            worker.end()
            factory.down()


def resident(factory: RealFactory) -> dict[str, int]:
    """Bytes of memory, by the name of the process; without those of single workers."""
    pids = {name: pid for name, pid in factory.pids().items() if not name.startswith(("worker-", "postgres"))}
    return {name: psutil.Process(pid).memory_info().rss for name, pid in pids.items()}


def test_eight_logs_without_measure_cost_no_answer_and_no_memory() -> None:
    """F57: control is answered meanwhile; what is not kept is told; memory is flat."""
    with factory_with_a_machine(FLOODING) as (factory, worker):
        remote, sign = factory.remote("repo"), factory.folder / "wait"
        sign.touch()
        agent = factory._program("chattering.sh", CHATTERING.format(folder=factory.folder))
        items = [factory.submit(remote, engine=f"command:{agent}", title=f"Say hello {number}") for number in range(FLOODING)]
        eventually(lambda: len(worker.agents()) == FLOODING, SECONDS, lambda: f"all of them write: {worker.agents()} {worker.log()}")
        eventually(lambda: all(logged(factory, item) for item in items), SECONDS, "something of each was kept")
        before, epochs, waits = resident(factory), [epoch(factory, item) for item in items], list[float]()

        until = time.monotonic() + FLOOD
        while time.monotonic() < until:
            began = time.monotonic()
            assert factory.ask(Query("status")).code == "ok"
            waits.append(time.monotonic() - began)
            assert [epoch(factory, item) for item in items] == epochs, "a worker that wrote much was declared lost"
            assert quietest(factory) < 3 * H, "its beats came late"

        grown = {name: size - before[name] for name, size in resident(factory).items()}
        assert max(grown.values()) < GROWS, grown
        print(f"{len(waits)} answers, the slowest after {max(waits) * 1000:.0f} ms; grown by {max(grown.values()) / 1e6:.1f} MB")  # noqa: T201 - for who asks with -s
        sign.unlink()
        for item in items:
            factory.settled(item)
            check_item(factory, item, remote)
            assert re.search(rb"\n\[\d+ bytes not kept\]\n", logged(factory, item)), "nobody told of what was not kept"
            eventually(partial(is_gone, factory, item), SECONDS, "nothing is left of it")


def epoch(factory: RealFactory, item: str) -> int:
    return int(factory.item(item)["epoch"])


def logged(factory: RealFactory, item: str) -> bytes:
    path = factory.paths.logs / item / "1.log"
    return path.read_bytes() if path.exists() else b""


def is_gone(factory: RealFactory, item: str) -> bool:
    return not left_over(factory, item)


def quietest(factory: RealFactory) -> float:
    """Seconds since the worker was heard that was not heard for longest."""
    rows = factory.rows(
        "SELECT extract(epoch FROM clock_timestamp() - min(last_heartbeat))::float8 AS age FROM workers WHERE status = 'busy'"
    )
    return float(rows[0]["age"] or 0.0)


# -- hogs -------------------------------------------------------------------------------------------------------------

SPINS = """#!/bin/sh
n=0
while [ $n -lt 8 ]; do timeout {seconds} sh -c 'while :; do :; done' & n=$((n+1)); done
wait
exec "$(dirname "$0")/agent.sh"
"""
SPINNING = 5 * H
MACHINE = f"m{os.getpid()}"
"""Of this run: an engine may be shared."""


@pytest.mark.docker
def test_hogs_on_another_machine_cost_themselves_only() -> None:
    """F20: memory, processes and processors; only that attempt fails; nobody's beats are late."""
    with own_engine() as engine, factory_with_containers_elsewhere(engine) as (factory, worker):
        remote = factory.remote("repo")
        agents = {"spins.sh": SPINS.format(seconds=SPINNING), "eats.py": EATS_MEMORY, "forks.py": FORKS, "agent.sh": AGENT}
        engines = [engine_of(factory, name, text) for name, text in agents.items()]
        items = spinning, starved, multiplied, steady = [factory.submit(remote, engine=one) for one in engines]
        eventually(lambda: containers(engine, worker), SECONDS, lambda: f"there are containers: {worker.log()} {factory.log()}")

        assert "ran out of memory (96 MB)" in factory.settled(starved, "stuck")["reason"]
        assert "reached its limit of processes (64 at once)" in factory.settled(multiplied, "stuck")["reason"]
        for item in (steady, spinning):
            factory.settled(item)
            check_item(factory, item, remote)
            assert epoch(factory, item) == 1, factory.view("item", item)["attempts"]
        for item in items:
            eventually(partial(is_gone, factory, item), SECONDS, lambda: f"left over: {worker.log()}")
        eventually(lambda: not containers(engine, worker), SECONDS, "no container is left")


@contextmanager
def factory_with_containers_elsewhere(engine: Engine) -> Iterator[tuple[RealFactory, RemoteWorker]]:
    settings = {"FACTORY_HEARTBEAT": "1500ms", "FACTORY_START_TIMEOUT": "60s", "FACTORY_RETRY_STUCK": "false", "FACTORY_STUCK_AFTER": "1"}
    with real_factory(remote_settings(free_port(), **settings)) as factory:
        (factory.folder / "engines").mkdir()
        given = {
            "FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": worker_image(), "FACTORY_DOCKER_MEMORY": "96m",
            "FACTORY_DOCKER_PIDS": "64", "FACTORY_DOCKER_CPUS": "0.5", "FACTORY_DOCKER_MOUNTS": str(factory.folder / "engines"),
        }  # fmt: skip
        factory.up()
        worker = RemoteWorker(factory.folder, MACHINE, environment=given)
        done = worker.join(*join_line(factory, MACHINE), "--host", "docker")
        assert done.returncode == 0, done.stderr
        worker.start(4, "--host", "docker")
        try:
            is_here(factory, worker)
            yield factory, worker
        finally:
            worker.end()
            factory.down()
            for found in containers(engine, worker):
                engine.remove(found["Id"])


def containers(engine: Engine, worker: RemoteWorker) -> list[Any]:
    return list(engine.list(f"{INSTANCE}={container_instance(Home(worker.data), worker.name)}"))


def engine_of(factory: RealFactory, name: str, text: str) -> str:
    """An agent that containers can read."""
    path = factory.folder / "engines" / name
    path.write_text(text)
    path.chmod(0o755)
    return f"command:{path}"
