"""An item whose worker is a container on another machine, which here is another process with a folder of its own."""

from collections.abc import Iterator

import pytest

from factory.integrations.docker_engine import Engine
from factory.integrations.docker_profile import INSTANCE, WORKER
from factory.wiring_worker import container_instance
from factory.worker_host.home import Home
from tests.docker_engine import own_engine, worker_image
from tests.e2e.test_docker import engine_of
from tests.e2e.test_first_run import gate
from tests.real_factory import AGENT, RealFactory, check_item, left_over, real_factory
from tests.remote_worker import RemoteWorker, enrolled, free_port, is_here, remote_settings
from tests.waiting import eventually

pytestmark = pytest.mark.docker


@pytest.fixture
def engine() -> Iterator[Engine]:
    with own_engine() as engine:
        yield engine


@pytest.fixture
def factory(request: pytest.FixtureRequest) -> Iterator[RealFactory]:
    # A busy engine takes a second for a container; meanwhile nobody keeps its lease.
    heartbeat = getattr(request, "param", "1500ms")
    with real_factory(remote_settings(free_port(), FACTORY_HEARTBEAT=heartbeat, FACTORY_START_TIMEOUT="60s")) as factory:
        (factory.folder / "engines").mkdir()
        factory.up()
        yield factory
        factory.down()


def of(worker: RemoteWorker, engine: Engine) -> list[str]:
    """Its containers: names of their workers."""
    return [each["Labels"][WORKER] for each in engine.list(f"{INSTANCE}={container_instance(Home(worker.data), worker.name)}")]


@pytest.fixture
def worker(factory: RealFactory, engine: Engine) -> Iterator[RemoteWorker]:
    settings = {
        "FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": worker_image(), "FACTORY_DOCKER_MEMORY": "96m",
        "FACTORY_DOCKER_MOUNTS": str(factory.folder / "engines"),
    }  # fmt: skip
    made = enrolled(factory, "anvil", worker=RemoteWorker(factory.folder, "anvil", environment=settings, host="docker"))
    yield made
    made.end()
    for found in engine.list(f"{INSTANCE}={container_instance(Home(made.data), made.name)}"):
        engine.remove(found["Id"])


def test_an_item_runs_in_a_container_on_another_machine_and_nothing_of_it_is_left(
    factory: RealFactory, worker: RemoteWorker, engine: Engine
) -> None:
    remote = factory.remote("repo")

    item = factory.submit(remote, engine=engine_of(factory, "agent.sh", AGENT))
    factory.settled(item)

    check_item(factory, item, remote)
    rows = factory.rows("SELECT host, isolation FROM workers WHERE work_item_id = %s", item)
    assert rows == [{"host": "anvil", "isolation": "container"}]
    eventually(lambda: not left_over(factory, item), 30, lambda: f"nothing is left but {left_over(factory, item)}")
    eventually(lambda: not of(worker, engine), 60, lambda: f"no container is left but {of(worker, engine)}")
    assert list((worker.data / "outgoing").iterdir()) == []


WAITS = """#!/bin/sh
until [ -e "$(dirname "$0")/go" ]; do sleep 0.2; done
exec "$(dirname "$0")/agent.sh"
"""


# Its lease must outlive the process too, however long a busy machine takes to start the next one.
@pytest.mark.parametrize("factory", ["10s"], indirect=True)
def test_a_container_outlives_the_process_that_made_it_and_is_adopted_by_the_next(
    factory: RealFactory, worker: RemoteWorker, engine: Engine
) -> None:
    remote = factory.remote("repo")
    engine_of(factory, "agent.sh", AGENT)
    item = factory.submit(remote, engine=engine_of(factory, "waits.sh", WAITS))
    eventually(lambda: factory.rows("SELECT 1 FROM work_items WHERE id = %s AND status = 'running'", item), 60, "its agent is at work")
    assert of(worker, engine) == [f"{item}-1"]

    worker.kill()
    worker.start()
    is_here(factory, worker)
    (factory.folder / "engines" / "go").touch()
    factory.settled(item)

    check_item(factory, item, remote)
    assert factory.rows("SELECT epoch FROM workers WHERE work_item_id = %s", item) == [{"epoch": 1}]
    eventually(lambda: not of(worker, engine), 60, lambda: f"no container is left but {of(worker, engine)}")


EATS_MEMORY = """#!/usr/bin/python3
kept = []
while True:
    kept.append(bytearray(b"x" * 4_000_000))
"""


def test_why_a_container_elsewhere_ended_is_told_as_for_one_here(factory: RealFactory, worker: RemoteWorker) -> None:
    item = factory.submit(factory.remote("repo"), engine=engine_of(factory, "eats.py", EATS_MEMORY))

    def told() -> list[str]:
        rows = factory.rows("SELECT reason || evidence AS told FROM attempts WHERE item = %s AND ended_at IS NOT NULL", item)
        return [row["told"] for row in rows]

    reasons = eventually(told, 90, lambda: f"an attempt has ended: {worker.log()}")
    assert "memory" in reasons[0]


def test_gates_of_what_it_made_are_not_run_by_a_factory_that_would_run_them_unconfined(factory: RealFactory, worker: RemoteWorker) -> None:
    assert worker.process
    # Inside, where the agent runs the gates too, there is no such folder.
    mark = factory.folder / "gate-ran"
    remote = factory.remote("repo", gate(f"touch {mark} || true"))

    item = factory.submit(remote, engine=engine_of(factory, "agent.sh", AGENT))
    row = factory.settled(item, "needs_approval")

    assert row["reason"].startswith("Its worker on anvil was kept from that machine (container), and its gates would run unconfined")
    assert not mark.exists()
