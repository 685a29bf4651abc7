"""What is published: wheel and sdist, installed as a user would have them, doing the main job inside somebody's repository."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from factory.paths import fresh_folder
from tests.architecture.sources import ROOT

_BUILD_SECONDS = 90
_INSTALL_SECONDS = 300
"""From the cache a second; from a registry as long as the network needs for a hundred megabytes."""
_DEMO_SECONDS = 400
_UV = Path(sys.executable).with_name("uv")

# Whoever imports this instead of our package is found out at once.
_FOREIGN = "raise SystemExit('this is the factory of the target repository')\n"


@dataclass(frozen=True, slots=True)
class Installed:
    """A clean environment with the factory in it, and a repository that has a `factory` of its own."""

    python: Path
    repository: Path

    @property
    def factory(self) -> Path:
        return self.python.with_name("factory")

    def says(self, *words: str, seconds: float = _BUILD_SECONDS) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.factory), *words],
            cwd=self.repository, env=_environment(self.repository.parent), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=seconds,
        )  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Passable for the users that workers run as, which pytest's own are not."""
    made = fresh_folder("factory-package-")
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def sdist(folder: Path) -> Path:
    _run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder / "dist")], ROOT)
    return next((folder / "dist").glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(folder: Path, sdist: Path) -> Path:
    """Built from the sdist, which so has to be whole."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")], source)
    return next((folder / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(folder: Path, wheel: Path) -> Installed:
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    _install(python, "--require-hashes", "-r", str(ROOT / "requirements.lock"))
    # Compiled, as pip would: else each process of a confined worker, which may not write there, does it for itself.
    _install(python, "--offline", "--compile-bytecode", str(wheel))
    repository = folder / "repository"
    (repository / "factory").mkdir(parents=True)
    (repository / "factory" / "__init__.py").write_text(_FOREIGN)
    _run(["git", "init", "-q", str(repository)], folder)
    return Installed(python, repository)


def test_the_sdist_holds_what_is_needed_to_build_and_to_test(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"pyproject.toml", "README.md", "Makefile", "requirements.lock", "factory/wiring.py", "migrations/0001_initial.sql"} <= names
    assert [name for name in names if "__pycache__" in name or name.startswith((".venv", ".git/"))] == []


def test_the_installed_program_is_whole_where_it_is_called(installed: Installed) -> None:
    told = json.loads(installed.says("version", "--json").stdout)
    place = json.loads(installed.says("info", "--json").stdout)["package"]
    looked = json.loads(installed.says("doctor", "--json").stdout)

    assert told["schema"] == "factory.version/1"
    assert place.startswith(str(installed.python.parent.parent))
    assert [each["why"] for each in looked["checks"] if each["level"] == "fail"] == []
    assert next(each["why"] for each in looked["checks"] if each["group"] == "packages") == "`factory` is this package"


@pytest.mark.timeout(_DEMO_SECONDS + 60)
def test_the_installed_factory_does_its_job_inside_a_repository_with_a_factory_of_its_own(installed: Installed) -> None:
    done = installed.says("demo", seconds=_DEMO_SECONDS)

    assert done.returncode == 0, done.stderr[-4000:]
    assert "6 pull requests." in done.stdout
    remote = next(line.split()[2] for line in done.stdout.splitlines() if line.strip().startswith("git -C "))
    assert Path(remote).parent.name.startswith("factory-demo-")
    shutil.rmtree(Path(remote).parent)


def _environment(home: Path) -> dict[str, str]:
    """Nothing of this checkout, nor of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR", "LANG", "UV_CACHE_DIR"}}
    return {**kept, "HOME": str(home), "FACTORY_DATA": str(home / "data"), "FACTORY_RUN": str(home / "run")}


def _install(python: Path, *what: str) -> None:
    """From the cache that the set-up filled; from the registry where something is missing there."""
    command = [str(_UV), "pip", "install", "--quiet", "--no-deps", "--python", str(python)]
    cached = _tried([*command, "--offline", *what])
    if cached.returncode:
        loaded = _tried([*command, *what])
        if loaded.returncode:
            pytest.skip(f"neither the cache nor a registry has the dependencies: {loaded.stderr.strip()[-500:]}")


def _tried(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_BUILD_SECONDS)
    assert done.returncode == 0, done.stderr
