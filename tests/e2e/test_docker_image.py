"""`factory image build` as an operator calls it, and what the doctor says before and after."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from factory.integrations import claude_code
from factory.integrations.docker_engine import Engine
from tests.docker_engine import BASE, own_engine, worker_image
from tests.registry import registry_of

pytestmark = pytest.mark.docker

_SECONDS = 110


@pytest.fixture
def engine() -> Iterator[Engine]:
    with own_engine() as engine:
        yield engine


def factory(folder: Path, *words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "FACTORY_DATA": str(folder / "data"), "FACTORY_WORKER_HOST": "docker", **changes}
    command = [sys.executable, "-P", "-m", "factory.cli", *words]
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS)


def examined(folder: Path, **changes: str) -> Mapping[str, Any]:
    checks = json.loads(factory(folder, "doctor", "--json", **changes).stdout)["checks"]
    return {check["name"]: check for check in checks if check["group"] == "isolation"}


def test_an_image_is_built_by_one_command_and_the_doctor_knows_it(tmp_path: Path, engine: Engine) -> None:
    worker_image()  # has most of it in the engine's cache
    name = f"factory-worker-by-command:{tmp_path.name.replace('_', '-')}"
    changes = {"FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": name, "FACTORY_NETWORK": "egress"}
    assert "has no image" in examined(tmp_path, **changes)["image"]["why"]

    without = [] if claude_code.find(os.environ) else ["--no-claude"]
    done = factory(tmp_path, "image", "build", "--base", BASE, "--offline", *without, **changes)

    try:
        assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr
        found = examined(tmp_path, **changes)
        assert {each: found[each]["level"] for each in ("image", "profile")} == {"image": "ok", "profile": "ok"}
        assert found["docker"]["level"] in {"ok", "warn"}, "a warning is about the machine's engine"
        assert "of this version" in found["image"]["why"]
    finally:
        with engine._asked("an image cannot be removed") as client:
            client.remove_image(name)


def test_an_image_is_built_on_a_base_by_its_digest_and_one_by_a_tag_says_its_digest(tmp_path: Path, engine: Engine) -> None:
    name = f"factory-worker-by-digest:{tmp_path.name.replace('_', '-')}"
    tagged = f"{name}-base"
    changes = {"FACTORY_DOCKER_HOST": engine.address, "FACTORY_DOCKER_IMAGE": name}
    with registry_of(engine, BASE, tmp_path) as base:
        try:
            done = factory(tmp_path, "image", "build", "--offline", "--no-claude", FACTORY_DOCKER_BASE=base, **changes)
            assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr
            assert done.stderr.splitlines()[-1] == f"Built on {base}."

            with engine._asked("a name cannot be given") as client:
                client.tag(base, tagged)
            done = factory(tmp_path, "image", "build", "--offline", "--no-claude", "--base", tagged, **changes)
            assert (
                done.stderr.splitlines()[-1] == f'Built on {tagged}, which is {base}; docker_base = "{base}" builds on the same one again.'
            )
        finally:
            with engine._asked("an image cannot be removed") as client:
                for each in (name, tagged, base):
                    client.remove_image(each)


def test_a_base_that_is_not_there_is_one_sentence(tmp_path: Path, engine: Engine) -> None:
    done = factory(tmp_path, "image", "build", "--base", "nobody/nothing:0", "--offline", "--no-claude", FACTORY_DOCKER_HOST=engine.address)

    assert done.returncode != 0
    assert "The image cannot be built" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_without_an_engine_the_build_says_how_to_come_by_one(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/docker.sock"

    done = factory(tmp_path, "image", "build", "--offline", "--no-claude", FACTORY_DOCKER_HOST=address)

    assert done.returncode != 0
    assert f"The Docker engine at {address} does not answer: nothing listens there; start it" in done.stderr
