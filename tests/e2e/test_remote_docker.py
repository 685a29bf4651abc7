"""An item whose worker is a container on another machine, which here is another process with a folder of its own."""

from collections.abc import Iterator

import pytest

from factory.integrations.docker_engine import Engine
from factory.integrations.docker_profile import INSTANCE, WORKER
from factory.wiring_worker import container_instance
from factory.worker_host.home import Home
from tests.docker_engine import own_engine, worker_image
from tests.e2e.test_docker import engine_of
from tests.real_factory import AGENT, RealFactory, check_item, left_over, real_factory
from tests.remote_worker import RemoteWorker, enrolled, free_port, remote_settings
from tests.waiting import eventually

pytestmark = pytest.mark.docker


@pytest.fixture
def engine() -> Iterator[Engine]:
    with own_engine() as engine:
        yield engine


@pytest.fixture
def factory() -> Iterator[RealFactory]:
    # A busy engine takes a second for a container; meanwhile nobody keeps its lease.
    with real_factory(remote_settings(free_port(), FACTORY_HEARTBEAT="1500ms", FACTORY_START_TIMEOUT="60s")) as factory:
        (factory.folder / "engines").mkdir()
        factory.up()
        yield factory
        factory.down()


def of(worker: RemoteWorker, engine: Engine) -> list[str]:
    """Its containers: names of their workers."""
    return [each["Labels"][WORKER] for each in engine.list(f"{INSTANCE}={container_instance(Home(worker.data), worker.name)}")]


def test_an_item_runs_in_a_container_on_another_machine_and_nothing_of_it_is_left(factory: RealFactory, engine: Engine) -> None:
    settings = {
        "FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": worker_image(), "FACTORY_DOCKER_MEMORY": "96m",
        "FACTORY_DOCKER_MOUNTS": str(factory.folder / "engines"),
    }  # fmt: skip
    worker = enrolled(factory, "anvil", worker=RemoteWorker(factory.folder, "anvil", environment=settings, host="docker"))
    remote = factory.remote("repo")

    item = factory.submit(remote, engine=engine_of(factory, "agent.sh", AGENT))
    eventually(lambda: of(worker, engine) == [f"{item}-1"], 60, lambda: f"its container is there, not {of(worker, engine)}")
    factory.settled(item)

    check_item(factory, item, remote)
    rows = factory.rows("SELECT host, isolation FROM workers WHERE work_item_id = %s", item)
    assert rows == [{"host": "anvil", "isolation": "container"}]
    eventually(lambda: not left_over(factory, item), 30, lambda: f"nothing is left but {left_over(factory, item)}")
    eventually(lambda: not of(worker, engine), 60, lambda: f"no container is left but {of(worker, engine)}")
    assert list((worker.data / "outgoing").iterdir()) == []
    worker.stop()
