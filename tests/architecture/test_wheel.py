"""The wheel, built and installed as a user would have it, and looked at from there."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT

_BUILD_TIMEOUT_SECONDS = 90
_UV = Path(sys.executable).with_name("uv")

# Run inside the clean venv: what importlib.resources finds, through the packages and not through the file system.
_LIST_SQL = """
from importlib.resources import files
for package, folder in [("migrations", "."), ("factory.storage", "sql")]:
    for entry in files(package).joinpath(folder).iterdir():
        if entry.name.endswith(".sql"):
            print(package, entry.name, len(entry.read_text("utf-8")) > 0)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)])
    return next(folder.glob("*.whl"))


# What `factory image build` sends to the engine; in the repository they lie at its top.
_LOCKS = {"worker_agent/requirements-worker.lock", "worker_agent/requirements-claude.lock"}


def test_the_wheel_holds_every_file_of_the_five_packages_and_nothing_else(wheel: Path) -> None:
    ours = _LOCKS | {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*") if _ships(path)}

    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert names == ours


def test_the_sql_is_found_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "clean", with_pip=False)
    python = tmp_path / "clean" / "bin" / "python"
    _run([str(_UV), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)])

    found = _run([str(python), "-I", "-c", _LIST_SQL]).splitlines()

    expected = [("migrations", path.name) for path in (ROOT / "migrations").glob("*.sql")]
    expected += [("factory.storage", path.name) for path in (ROOT / "factory/storage/sql").glob("*.sql")]
    assert expected
    assert sorted(found) == sorted(f"{package} {name} True" for package, name in expected)


def _ships(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _run(command: list[str]) -> str:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_BUILD_TIMEOUT_SECONDS)
    assert result.returncode == 0, result.stderr
    return result.stdout
