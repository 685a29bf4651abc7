"""The Docker engine that tests use: whichever DOCKER_HOST names, or this machine's own. `scripts/docker-engine image` brings one up.

Without one these tests are skipped; where FACTORY_DOCKER_EXPECTED is 1, as `.ci/run` says when it could start one, they fail.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from factory.errors import HostUnavailable
from factory.integrations import claude_code
from factory.integrations.docker_engine import Engine
from factory.integrations.docker_profile import INSTANCE
from factory.integrations.worker_image import Parts, agent_digest, write_context
from tests.architecture.sources import ROOT

BASE = os.environ.get("FACTORY_BASE_IMAGE", "local/factory-base:bookworm")
"""What the workers' image of the tests is built on; it needs no registry and no network."""
BASE_PYTHON = (3, 11)
_SECONDS = 120


def absent(why: str) -> NoReturn:
    """Skips the test, or fails it where an engine is promised."""
    if os.environ.get("FACTORY_DOCKER_EXPECTED") == "1":
        pytest.fail(f"A Docker engine was promised (FACTORY_DOCKER_EXPECTED), but: {why}")
    pytest.skip(why)


@cache
def _refusal() -> str:
    engine = Engine(os.environ.get("DOCKER_HOST", ""))
    try:
        engine.about()
    except HostUnavailable as error:
        return str(error)
    finally:
        engine.close()
    return ""


@contextmanager
def own_engine() -> Iterator[Engine]:
    """A connection of its own."""
    if why := _refusal():
        absent(why)
    engine = Engine(os.environ.get("DOCKER_HOST", ""))
    try:
        yield engine
    finally:
        engine.close()


@cache
def worker_image() -> str:
    """The id of the workers' image, built of this checkout and this environment, with the real Claude Code where that is installed."""
    if sys.version_info[:2] != BASE_PYTHON:
        absent(f"packages of Python {sys.version_info[0]}.{sys.version_info[1]} do not work on {BASE}")
    found, digest = claude_code.find(os.environ), agent_digest()
    parts = Parts(from_here=True, claude=found.binary if found else None, with_claude=found is not None)
    name = f"factory-worker-tests:{digest}{'-claude' if found else ''}"
    with own_engine() as engine, _alone():
        if engine.image(BASE) is None:
            absent(f"there is no image {BASE} to build on: scripts/docker-engine image")
        if engine.image(name) is None:
            _build(engine, name, parts, digest)
        image = engine.image(name)
        assert image is not None
        return image.id


def _build(engine: Engine, name: str, parts: Parts, digest: str) -> None:
    labels = {"factory.agent": digest}
    with tempfile.TemporaryFile() as context:
        write_context(context, parts)
        context.seek(0)
        for _ in engine.build(context, name, {"buildargs": {"BASE": BASE}, "labels": labels, "network_mode": "none"}):
            pass


def lean_image(engine: Engine) -> str:
    """The id of a workers' image without Claude Code, for an engine that keeps it no longer than a test."""
    name = "factory-worker-tests:lean"
    _build(engine, name, Parts(from_here=True, with_claude=False), agent_digest())
    image = engine.image(name)
    assert image is not None
    return image.id


@contextmanager
def engine_to_restart() -> Iterator[Path]:
    """The folder of an engine that no other test uses and that runs, with the base image of the shared one."""
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        absent("an engine of its own needs root, and dockerd installed")
    folder = Path(tempfile.mkdtemp(prefix="fe-", dir="/tmp"))
    try:
        with own_engine() as shared:
            run_engine(folder, "up")
            saved = subprocess.Popen(["docker", "--host", shared.address, "save", BASE], stdout=subprocess.PIPE)
            load = ["docker", "--host", f"unix://{folder}/docker.sock", "load"]
            subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True, timeout=_SECONDS)
            assert saved.wait(_SECONDS) == 0
            assert saved.stdout is not None
            saved.stdout.close()
        yield folder
    finally:
        run_engine(folder, "down")


def run_engine(folder: Path, word: str) -> None:
    """`scripts/docker-engine WORD` for the engine of that folder."""
    environ = {**os.environ, "FACTORY_ENGINE_DIR": str(folder)}
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        # Into a file: an engine that it leaves running would keep a pipe open.
        subprocess.run([str(ROOT / "scripts/docker-engine"), word], env=environ, check=True, stdout=log, stderr=log, timeout=_SECONDS)
    (folder.parent / f"{folder.name}.log").unlink()


@contextmanager
def _alone() -> Iterator[None]:
    """Several processes of the suite want the same image at the same time."""
    with (Path(tempfile.gettempdir()) / f"factory-image-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def removed_afterwards(engine: Engine) -> Iterator[str]:
    """The first letters of names of factories; whatever containers such factories have is removed in the end."""
    prefix = secrets.token_hex(2)
    try:
        yield prefix
    finally:
        for found in engine.list(INSTANCE):
            if found["Labels"][INSTANCE].startswith(prefix):
                engine.remove(found["Id"])
