"""The real Claude Code in a container of another machine: no network, no key inside, the model through that machine's way out."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from factory.integrations.docker_engine import Engine
from factory.integrations.docker_profile import INSTANCE
from factory.wiring_worker import container_instance
from factory.worker_host.home import Home
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.docker_engine import own_engine, worker_image
from tests.e2e.test_docker_claude import KEY, ONE, leaks
from tests.living_folder import holders_below
from tests.real_factory import RealFactory, check_trail, git, real_factory
from tests.remote_worker import RemoteWorker, enrolled, free_port, remote_settings
from tests.scripted_model import Script, scripted
from tests.waiting import eventually

pytestmark = pytest.mark.docker

TRIES = """python3 -c "import urllib.request; urllib.request.urlopen('http://169.254.169.254/latest', timeout=30)" || true"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with own_engine() as engine:
        yield engine


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted((model.DONE,)) as (_, script):
        yield script


@pytest.fixture
def factory(script: Script) -> Iterator[RealFactory]:
    claude_binary()  # the image has it where this environment has it
    settings = remote_settings(
        free_port(), FACTORY_NETWORK="egress", FACTORY_ISOLATION="auto", FACTORY_HEARTBEAT="1500ms", FACTORY_START_TIMEOUT="60s",
        FACTORY_ATTEMPT_COST_CAP="5", ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=script.url, CLAUDE_CODE_OAUTH_TOKEN="",
        CLAUDE_BIN="/nowhere/claude",
    )  # fmt: skip
    with real_factory(settings) as factory:
        factory.up()
        yield factory
        factory.down()


def of(worker: RemoteWorker, engine: Engine) -> list[str]:
    return [each["Id"] for each in engine.list(f"{INSTANCE}={container_instance(Home(worker.data), worker.name)}")]


@pytest.fixture
def worker(factory: RealFactory, engine: Engine) -> Iterator[RemoteWorker]:
    settings = {"FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": worker_image()}
    made = enrolled(factory, "anvil", worker=RemoteWorker(factory.folder, "anvil", environment=settings, host="docker"))
    yield made
    made.end()
    for found in of(made, engine):
        engine.remove(found)


def test_claude_code_completes_an_item_in_a_container_elsewhere_that_holds_no_key_and_what_it_may_not_reach_is_told(
    factory: RealFactory, worker: RemoteWorker, engine: Engine, script: Script
) -> None:
    remote, go_on = factory.remote("claude"), threading.Event()
    first, *rest = model.one_task(1)
    script.play([model.bash(TRIES), replace(first, held=go_on) if isinstance(first, model.Say) else first, *rest])

    item = factory.submit(remote, engine="claude", spec=ONE)
    eventually(lambda: len(script.asked) >= 2, 90, lambda: f"the second call of the model is under way; {worker.log()} {factory.log()}")
    (container,) = of(worker, engine)
    while_it_runs = [*leaks(engine, container), *holders_below(factory.folder, KEY.encode())]
    go_on.set()
    factory.settled(item)

    assert while_it_runs == []
    assert {asked.headers["x-api-key"] for asked in script.asked} == {KEY}
    assert git(remote, "log", "--format=%s", f"main..factory/{item}").splitlines() == ["task 1"]
    assert factory.rows("SELECT host, isolation FROM workers WHERE work_item_id = %s", item) == [
        {"host": "anvil", "isolation": "container"}
    ]
    (attempt,) = factory.rows("SELECT spent_calls, blocked_hosts FROM attempts WHERE item = %s", item)
    assert attempt["spent_calls"] >= 5
    assert attempt["blocked_hosts"] == ["169.254.169.254"]
    assert "- `169.254.169.254`" in factory.rows("SELECT body FROM pull_requests WHERE item = %s", item)[0]["body"]
    check_trail(factory, item)
    eventually(lambda: not of(worker, engine), 60, lambda: f"no container is left but {of(worker, engine)}")
