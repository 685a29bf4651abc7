"""The real Claude Code in a container with the default profile: no network, no key inside, the model through the way out."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from factory.integrations.docker_engine import Engine
from factory.integrations.docker_profile import INSTANCE
from factory.paths import instance_name
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.docker_engine import own_engine, worker_image
from tests.e2e.test_way_out import AGENT, ASK, PROBE, held_at_the_second_call
from tests.living_folder import everything_below
from tests.real_factory import RealFactory, check_trail, git, real_factory
from tests.scripted_model import Script, scripted
from tests.waiting import eventually

pytestmark = pytest.mark.docker

KEY = "sk-ant-api03-canary-of-containers"
ONE = "# One\n\n- [ ] task 1\n"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with own_engine() as engine:
        yield engine


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted((model.DONE,)) as (_, script):
        yield script


@pytest.fixture
def factory(engine: Engine, script: Script) -> Iterator[RealFactory]:
    claude_binary()  # the image has it where this environment has it
    settings = {
        "FACTORY_WORKER_HOST": "docker", "FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": worker_image(),
        "FACTORY_NETWORK": "egress", "FACTORY_HEARTBEAT": "1500ms", "FACTORY_START_TIMEOUT": "60s", "FACTORY_MAX_SETBACKS": "3",
        "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": script.url, "CLAUDE_CODE_OAUTH_TOKEN": "", "CLAUDE_BIN": "/nowhere/claude",
    }  # fmt: skip
    with real_factory(settings) as factory:
        factory.environment["FACTORY_DOCKER_MOUNTS"] = str(factory._program("prober.sh", AGENT.format(probe="probe.py")))
        factory.up()
        try:
            yield factory
        finally:
            factory.clean_up()
            for found in containers(engine, factory):
                engine.remove(found["Id"])


def containers(engine: Engine, factory: RealFactory) -> list[Any]:
    return list(engine.list(f"{INSTANCE}={instance_name(factory.paths)}"))


def leaks(engine: Engine, container: str) -> list[str]:
    """Where the key is to be seen of a container that runs: what the engine tells, its output, its processes, its disk."""
    seen = engine.look(container)
    assert seen is not None
    told = {"inspect": json.dumps(seen).encode(), "log": engine.log(container, 10_000)}
    first = psutil.Process(seen["State"]["Pid"])
    for process in (first, *first.children(recursive=True)):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            told[f"environment of {process.name()}"] = json.dumps(process.environ()).encode()
    with engine.archive(container, "/worker") as archive:
        assert archive is not None
        told["disk"] = archive.read()
    assert "environment of claude" in told
    return [place for place, text in told.items() if KEY.encode() in text]


def test_claude_code_completes_an_item_in_a_container_that_holds_no_key_and_nothing_else_is_reached_s4_s8_s9(
    factory: RealFactory, script: Script, engine: Engine
) -> None:  # fmt: skip
    remote, go_on = factory.remote("claude"), threading.Event()
    script.play(held_at_the_second_call(go_on))

    item = factory.submit(remote, engine="claude", spec=ONE)
    eventually(lambda: len(script.asked) >= 2, 90, lambda: f"the second call of the model is under way; {factory.log()}")
    (found,) = containers(engine, factory)
    assert leaks(engine, found["Id"]) == []
    there, prober = probe(factory, script, engine)
    probing = factory.submit(there, engine=prober, spec=ONE)
    go_on.set()
    factory.settled(item)
    factory.settled(probing)

    assert git(remote, "log", "--format=%s", f"main..factory/{item}").splitlines() == ["task 1"]
    assert {asked.headers["x-api-key"] for asked in script.asked} == {KEY}
    check_trail(factory, item)
    nothing_was_reached(factory, probing)
    eventually(lambda: not containers(engine, factory), 30, lambda: f"left over: {containers(engine, factory)}")


def probe(factory: RealFactory, script: Script, engine: Engine) -> tuple[Path, str]:
    """A repository and an engine that tries what an agent that has turned would try."""
    own, port = socket.gethostbyname(socket.gethostname()), int(script.url.rpartition(":")[2])
    targets = [("foreign", "1.1.1.1", 443), ("metadata", "169.254.169.254", 80), ("loopback", "127.0.0.1", port), ("own", own, port)]
    sockets = [str(path) for path in everything_below(factory.folder) if path.is_socket() and "link" not in path.parts]
    sockets.append(engine.address.removeprefix("unix://"))
    assert any(".PGSQL" in path for path in sockets), "the database's own socket is among them"
    urls = [f"{scheme}://{host}/" for scheme in ("http", "https") for host in ("evil.example", "169.254.169.254")]
    text = f"TARGETS, SOCKETS, URLS, ASK = {targets!r}, {sockets!r}, {urls!r}, {ASK!r}\n{PROBE}"
    return factory.remote("probe", {"probe.py": text}), f"command:{factory.folder / 'prober.sh'}"


def nothing_was_reached(factory: RealFactory, item: str) -> None:
    seen = json.loads(git(factory.folder / "probe.git", "show", f"factory/{item}:probe.json"))
    assert seen["interfaces"] == ["lo"]
    assert set(seen["tcp"].values()) <= {"OSError", "ConnectionRefusedError"}
    assert set(seen["unix"].values()) == {"FileNotFoundError"}
    assert set(seen["names"].values()) == {"gaierror"}
    assert set(seen["proxied"].values()) <= {"403", "<urlopen error Tunnel connection failed: 403 Forbidden>"}
    told = factory.rows("SELECT data FROM events WHERE stream = %s AND type = 'WAY_OUT.HOST.BLOCKED'", f"item:{item}")
    assert {"evil.example", "169.254.169.254"} <= {row["data"]["host"] for row in told}
