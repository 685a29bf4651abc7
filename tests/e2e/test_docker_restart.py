"""The engine is restarted under a worker: with live-restore its container goes on, and so does its item, as if nothing had been."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.errors import HostUnavailable
from factory.integrations.docker_engine import Engine
from tests.docker_engine import engine_to_restart, lean_image, run_engine
from tests.e2e.test_docker import WAITS_FOR_A_FLAG, containers, engine_of, working
from tests.real_factory import AGENT, RealFactory, check_item, left_over, real_factory
from tests.waiting import eventually

pytestmark = pytest.mark.docker


@pytest.fixture
def folder() -> Iterator[Path]:
    with engine_to_restart() as folder:
        yield folder


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    engine = Engine(f"unix://{folder}/docker.sock")
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture
def factory(engine: Engine) -> Iterator[RealFactory]:
    settings = {
        "FACTORY_HEARTBEAT": "1500ms", "FACTORY_START_TIMEOUT": "60s", "FACTORY_WORKER_HOST": "docker",
        "FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": lean_image(engine), "FACTORY_DOCKER_MEMORY": "96m",
    }  # fmt: skip
    with real_factory(settings) as factory:
        factory.environment["FACTORY_DOCKER_MOUNTS"] = str(factory.folder / "engines")
        (factory.folder / "engines").mkdir()
        try:
            yield factory
        finally:
            factory.clean_up()


def test_an_item_at_work_goes_on_over_a_restart_of_the_engine_at_no_cost(folder: Path, factory: RealFactory, engine: Engine) -> None:
    remote = factory.remote("restarted")
    agent = engine_of(factory, "agent.sh", AGENT)
    factory.up()
    item = factory.submit(remote, engine=engine_of(factory, "flag.sh", WAITS_FOR_A_FLAG))
    first = eventually(lambda: working(engine, factory, item), 60, lambda: f"a container of {item} works; {factory.log()}")

    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    eventually(lambda: _is_away(engine), 30, "the engine is gone")
    eventually(lambda: "cannot be looked at now" in factory.log(), 60, lambda: f"the worker's actor has noticed: {factory.log()}")
    # What is claimed before that could not be made: no attempt either, but a setback.
    eventually(lambda: "no worker can be made now" in factory.log(), 60, lambda: f"the dispatcher has noticed: {factory.log()}")
    waiting = factory.submit(factory.remote("waiting"), engine=agent)
    told = "no worker can be made now: The Docker engine"
    eventually(lambda: told in _why(factory, waiting), 60, lambda: f"another item waits: {_why(factory, waiting)}")
    run_engine(folder, "up")
    Path(agent.removeprefix("command:")).with_name("go").touch()
    for each in (item, waiting):
        factory.settled(each)

    rows = [factory.item(each) for each in (item, waiting)]
    assert [row["attempts"] for row in rows] == [0, 0]
    assert rows[0]["epoch"] == 1, "it went on in the container that it had"
    check_item(factory, item, remote)
    eventually(lambda: engine.look(first) is None, 30, "the container is removed")
    eventually(lambda: not containers(engine, factory), 30, lambda: f"left over: {containers(engine, factory)}")
    eventually(lambda: not left_over(factory, item) and not left_over(factory, waiting), 30, "nothing is left of either")


def _why(factory: RealFactory, item: str) -> str:
    return str(next(row["why"] for row in factory.view("queue")["items"] if row["id"] == item))


def _is_away(engine: Engine) -> bool:
    try:
        engine.about()
    except HostUnavailable:
        return True
    return False
