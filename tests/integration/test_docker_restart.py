"""Containers and the end of their engine, on an engine of the test's own: they outlive it, and are found again by the next one."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.clock import SystemClock
from factory.errors import HostUnavailable
from factory.integrations.docker_engine import Engine
from factory.integrations.docker_host import DockerHost, Made
from factory.integrations.docker_profile import Profile
from factory.ports import Life, WorkerOrder
from tests.architecture.sources import ROOT
from tests.docker_engine import BASE, absent, own_engine
from tests.waiting import eventually

pytestmark = pytest.mark.docker

NAME = "0123456789-1"
_SCRIPT = ROOT / "scripts/docker-engine"
_SECONDS = 120
# The base has no folder for workers of other users.
AS_ROOT = Profile(user="0:0", memory=64 * 1024**2, pids=32)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of an engine that runs, with the base image of the tests' own one."""
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        absent("an engine of its own needs root, and dockerd installed")
    folder = Path(tempfile.mkdtemp(prefix="fe-", dir="/tmp"))
    try:
        with own_engine() as shared:
            engine(folder, "up")
            saved = subprocess.Popen(["docker", "--host", shared.address, "save", BASE], stdout=subprocess.PIPE)
            load = ["docker", "--host", f"unix://{folder}/docker.sock", "load"]
            subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True, timeout=_SECONDS)
            assert saved.wait(_SECONDS) == 0
            assert saved.stdout is not None
            saved.stdout.close()
        yield folder
    finally:
        engine(folder, "down")


def engine(folder: Path, word: str) -> None:
    environ = {**os.environ, "FACTORY_ENGINE_DIR": str(folder)}
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        # Into a file: an engine that it leaves running would keep a pipe open.
        subprocess.run([str(_SCRIPT), word], env=environ, check=True, stdout=log, stderr=log, timeout=_SECONDS)
    (folder.parent / f"{folder.name}.log").unlink()


def test_a_container_outlives_its_engine_and_is_looked_after_by_the_next(folder: Path, tmp_path: Path) -> None:
    connection = Engine(f"unix://{folder}/docker.sock")
    host = DockerHost(connection, "restart", Made(BASE, AS_ROOT, ("python3", "-I", "-c")), SystemClock())
    started = host.start(WorkerOrder(NAME, ("import time; open('out/ready', 'w').write('yes'); time.sleep(600)",), {}))

    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    eventually(lambda: _is_away(host), 30, "the engine is gone")
    with pytest.raises(HostUnavailable, match="does not answer: nothing listens there"):
        host.list_owned()
    engine(folder, "up")

    assert list(host.list_owned()) == [started]
    assert host.collect(NAME, "ready", tmp_path / "ready", 10) == 3
    stopped = host.stop(NAME, 5)
    assert (stopped.life, stopped.code) == (Life.EXITED, -15)
    host.remove(NAME)
    assert list(host.list_owned()) == []
    connection.close()


def _is_away(host: DockerHost) -> bool:
    try:
        host.poll(NAME)
    except HostUnavailable:
        return True
    return False
