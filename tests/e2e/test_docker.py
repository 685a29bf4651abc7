"""Whole items in real containers: no network, the link over its mounted socket, and nothing of a container left in the end."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from factory.integrations.docker_engine import Engine
from factory.integrations.docker_profile import EPOCH, INSTANCE, ITEM
from factory.paths import instance_name
from tests.docker_engine import own_engine, worker_image
from tests.e2e.test_first_run import gate
from tests.real_factory import AGENT, RealFactory, check_item, git, left_over, real_factory
from tests.slow_engine import SlowEngine
from tests.waiting import eventually

pytestmark = pytest.mark.docker

CANARY = "canary-5a7e91"
H = 1.5
"""Heartbeat, in seconds: a lease that nobody keeps is lost at four of them."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with own_engine() as engine:
        yield engine


@pytest.fixture
def factory(engine: Engine) -> Iterator[RealFactory]:
    settings = {
        "FACTORY_HEARTBEAT": f"{H:g}s",
        "FACTORY_WORKER_HOST": "docker", "FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": worker_image(),
        "FACTORY_DOCKER_MEMORY": "96m", "FACTORY_DOCKER_PIDS": "64", "FACTORY_DOCKER_CPUS": "1", "FACTORY_START_TIMEOUT": "60s",
        "FACTORY_RETRY_STUCK": "false", "FACTORY_STUCK_AFTER": "1",
    }  # fmt: skip
    # Keys of the factory's own: no worker is given them.
    settings |= dict.fromkeys(("GITHUB_TOKEN", "ANTHROPIC_API_KEY", "MY_SECRET"), CANARY)
    with real_factory(settings) as factory:
        factory.environment["FACTORY_DOCKER_MOUNTS"] = str(factory.folder / "engines")
        (factory.folder / "engines").mkdir()
        try:
            yield factory
        finally:
            factory.clean_up()
            for found in containers(engine, factory):
                engine.remove(found["Id"])


def leaks(engine: Engine, container: str) -> list[str]:
    """Where the factory's keys are to be seen of a container that runs: what the engine tells, its output, its processes."""
    seen = engine.look(container)
    assert seen is not None
    told = {"inspect": json.dumps(seen).encode(), "log": engine.log(container, 10_000)}
    first = psutil.Process(seen["State"]["Pid"])
    # The agent waits in it, and nothing else comes or goes.
    eventually(lambda: "sleep" in _names(first), 30, "the engine is at work")
    for process in (first, *first.children(recursive=True)):
        told[f"environment of {process.name()}"] = json.dumps(process.environ()).encode()
    return [place for place, text in told.items() if CANARY.encode() in text]


def _names(first: psutil.Process) -> list[str]:
    try:
        return [process.name() for process in first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []  # one of them has just ended


def containers(engine: Engine, factory: RealFactory) -> list[Any]:
    return list(engine.list(f"{INSTANCE}={instance_name(factory.paths)}"))


def engine_of(factory: RealFactory, name: str, text: str) -> str:
    """An agent that containers can read."""
    path = factory.folder / "engines" / name
    path.write_text(text)
    path.chmod(0o755)
    return f"command:{path}"


WAITS_ONCE = """#!/bin/sh
[ "$FACTORY_EPOCH" != 1 ] || exec sleep 600
exec "$(dirname "$0")/agent.sh"
"""
EATS_MEMORY = """#!/usr/bin/python3
kept = []
while True:
    kept.append(bytearray(1 << 20))
"""
FORKS = """#!/usr/bin/python3
import os, time
for _ in range(500):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
"""


def test_killed_starved_and_multiplied_each_is_told_as_what_it_was_and_nothing_is_left(factory: RealFactory, engine: Engine) -> None:
    remote = factory.remote("three", gate("test -f out.txt && test ! -e /var/run/docker.sock"))
    engine_of(factory, "agent.sh", AGENT)
    factory.up()
    killed = factory.submit(remote, engine=engine_of(factory, "waits.sh", WAITS_ONCE))
    starved = factory.submit(remote, engine=engine_of(factory, "eats.py", EATS_MEMORY))
    multiplied = factory.submit(remote, engine=engine_of(factory, "forks.py", FORKS))
    first = eventually(lambda: working(engine, factory, killed), 60, lambda: f"a container of {killed} works; {factory.log()}")

    assert leaks(engine, first) == []
    used = eventually(lambda: _used(factory, killed), 60, lambda: f"what it uses is shown: {factory.view('workers')}")
    assert (0 < used["memory"] < used["memory_limit"], used["memory_limit"]) == (True, 96 * 1024**2)
    assert (used["cpu"] >= 0, 2 <= used["pids"] <= 64) == (True, True)
    engine.signal(first, "SIGKILL")

    factory.settled(killed)
    check_item(factory, killed, remote)
    assert factory.view("status")["isolation"] == "container"
    assert CANARY not in git(remote, "log", "--all", "--patch", "--format=%an %ae %s %b")
    reasons = [attempt["reason"] for attempt in factory.view("item", killed)["attempts"]]
    assert any("killed by SIGKILL: by somebody outside" in (reason or "") for reason in reasons), reasons
    assert "ran out of memory (96 MB)" in factory.settled(starved, "stuck")["reason"]
    assert "reached its limit of processes (64 at once)" in factory.settled(multiplied, "stuck")["reason"]
    eventually(lambda: not containers(engine, factory), 30, lambda: f"left over: {containers(engine, factory)}")
    assert [left_over(factory, item) for item in (killed, starved, multiplied)] == [[], [], []]


def _used(factory: RealFactory, item: str) -> dict[str, Any] | None:
    """The row of the item's worker, once there are figures in it."""
    rows: list[dict[str, Any]] = factory.view("workers")["workers"]
    return next((row for row in rows if row["item"] == item and row["cpu"] is not None), None)


WAITS_FOR_A_FLAG = """#!/bin/sh
until [ -e "$(dirname "$0")/go" ]; do sleep 0.2; done
exec "$(dirname "$0")/agent.sh"
"""


def test_a_container_outlives_a_factory_that_is_killed_and_is_adopted_by_the_next(factory: RealFactory, engine: Engine) -> None:
    remote = factory.remote("adopted")
    agent = engine_of(factory, "agent.sh", AGENT)
    factory.up()
    item = factory.submit(remote, engine=engine_of(factory, "flag.sh", WAITS_FOR_A_FLAG))
    first = eventually(lambda: working(engine, factory, item), 60, lambda: f"a container of {item} works; {factory.log()}")

    assert factory.root is not None
    factory.root.kill()
    factory.root.wait(30)
    assert [found["State"] for found in containers(engine, factory)] == ["running"]
    factory.up()
    Path(agent.removeprefix("command:")).with_name("go").touch()
    factory.settled(item)

    assert factory.item(item)["epoch"] == 1, "it went on in the container that it had"
    check_item(factory, item, remote)
    eventually(lambda: engine.look(first) is None, 30, "the container is removed")


def test_an_engine_that_needs_longer_for_a_container_than_a_lease_lasts_costs_nothing(factory: RealFactory, engine: Engine) -> None:
    remote, go = factory.remote("slow"), threading.Event()
    slow = SlowEngine(factory.folder / "slow.sock", engine.address, "/containers/create", lambda: go.wait(120))
    factory.environment["FACTORY_DOCKER_HOST"] = slow.address
    with slow.serving():
        factory.up()
        item = factory.submit(remote, engine=engine_of(factory, "agent.sh", AGENT))
        began = eventually(lambda: slow.held and _beat(factory, item), 60, lambda: f"its container is asked for: {factory.log()}")

        eventually(lambda: _beat(factory, item) > began + 6 * H, 60, lambda: f"its lease is kept: {factory.view('workers')}")
        assert containers(engine, factory) == []
        go.set()
        factory.settled(item)

        assert factory.item(item)["attempts"] == 0
        check_item(factory, item, remote)
        factory.down()


def _beat(factory: RealFactory, item: str) -> float:
    """When the worker of the item's first lease beat last, 0.0 where there is none."""
    return next((row["beat_at"] or 0.0 for row in factory.view("workers")["workers"] if row["id"] == f"{item}-1"), 0.0)


def working(engine: Engine, factory: RealFactory, item: str) -> str:
    """The id of the container of the item's first attempt, once its agent is at work."""
    if factory.item(item)["status"] != "running":
        return ""
    made = (found for found in containers(engine, factory) if found["Labels"].get(ITEM) == item and found["Labels"][EPOCH] == "1")
    return next((str(found["Id"]) for found in made), "")
