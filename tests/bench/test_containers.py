"""How long it takes until twenty workers run in containers, beside what Docker's own command takes for as many."""

import secrets
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from factory.clock import SystemClock
from factory.integrations.docker_engine import Engine
from factory.integrations.docker_host import DockerHost, Made
from factory.worker_ports import Life, WorkerOrder
from tests.bench.measures import Row, Table, milliseconds, taking_turns
from tests.docker_engine import own_engine, removed_afterwards, worker_image

pytestmark = [pytest.mark.bench, pytest.mark.docker, pytest.mark.timeout(300)]

_WORKERS, _ROUNDS = 20, 3
_WAITS = "import signal; signal.pause()"
_COMMAND_SECONDS = 120


def test_twenty_containers_start(table: Table) -> None:
    program = shutil.which("docker")
    if program is None:
        pytest.skip("there is no docker command to compare with")
    with own_engine() as engine, removed_afterwards(engine) as prefix:
        image = worker_image()
        spans = taking_turns(
            {
                "host": lambda: _all(engine, lambda number: _by_host(engine.address, f"{prefix}-bench", image, number), prefix),
                "command": lambda: _all(engine, lambda number: _by_command(program, engine.address, prefix, image, number), prefix),
            },
            _ROUNDS,
        )

    what = f"{_WORKERS} workers from order to running, with profile and inputs"
    table.add(Row(what, "ms", spans["host"], f"docker run --detach, {_WORKERS} times at once", spans["command"]))


def _all(engine: Engine, start: Callable[[int], None], prefix: str) -> float:
    with ThreadPoolExecutor(_WORKERS) as pool:
        took = milliseconds(lambda: list(pool.map(start, range(_WORKERS))))
    for found in engine.list("factory.instance"):
        if found["Labels"]["factory.instance"].startswith(prefix):
            engine.remove(found["Id"])
    return took


def _by_host(address: str, instance: str, image: str, number: int) -> None:
    # As in the factory, where each worker has a process with a connection of its own.
    engine = Engine(address)
    host = DockerHost(engine, instance, Made(image, command=("python3", "-c")), SystemClock())
    assert host.start(WorkerOrder(f"item-{number}", (_WAITS,), {"link.key": b"key"})).life is Life.RUNNING
    engine.close()


def _by_command(program: str, address: str, prefix: str, image: str, number: int) -> None:
    name = f"{prefix}-command-{number}-{secrets.token_hex(2)}"
    command = [program, "--host", address, "run", "--detach", "--network", "none", "--label", f"factory.instance={prefix}", "--name", name]
    subprocess.run([*command, image, "python3", "-c", _WAITS], check=True, capture_output=True, timeout=_COMMAND_SECONDS)
