"""Containers and the end of their engine, on an engine of the test's own: they outlive it, and are found again by the next one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.clock import SystemClock
from factory.errors import HostUnavailable
from factory.integrations.docker_engine import Engine
from factory.integrations.docker_host import DockerHost, Made
from factory.integrations.docker_profile import Profile
from factory.worker_ports import Life, WorkerOrder
from tests.docker_engine import BASE, engine_to_restart, run_engine
from tests.waiting import eventually

pytestmark = pytest.mark.docker

NAME = "0123456789-1"
# The base has no folder for workers of other users.
AS_ROOT = Profile(user="0:0", memory=64 * 1024**2, pids=32)


@pytest.fixture
def folder() -> Iterator[Path]:
    with engine_to_restart() as folder:
        yield folder


def test_a_container_outlives_its_engine_and_is_looked_after_by_the_next(folder: Path, tmp_path: Path) -> None:
    connection = Engine(f"unix://{folder}/docker.sock")
    host = DockerHost(connection, "restart", Made(BASE, AS_ROOT, ("python3", "-I", "-c")), SystemClock())
    started = host.start(WorkerOrder(NAME, ("import time; open('out/ready', 'w').write('yes'); time.sleep(600)",), {}))

    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    # Until its process is quite gone, its socket still takes what nobody answers.
    eventually(lambda: "does not answer: nothing listens there" in _what_is_wrong(host), 30, lambda: _what_is_wrong(host))
    run_engine(folder, "up")

    assert list(host.list_owned()) == [started]
    assert host.collect(NAME, "ready", tmp_path / "ready", 10) == 3
    stopped = host.stop(NAME, 5)
    assert (stopped.life, stopped.code) == (Life.EXITED, -15)
    host.remove(NAME)
    assert list(host.list_owned()) == []
    connection.close()


def _what_is_wrong(host: DockerHost) -> str:
    try:
        host.list_owned()
    except HostUnavailable as error:
        return str(error)
    return ""
