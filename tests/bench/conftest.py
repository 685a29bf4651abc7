"""One folder, one warm factory's data and one table for the whole run."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.cli.own_factory import OwnFactory
from factory.paths import Paths, fresh_folder
from tests.bench.measures import Table

_SETTINGS = {
    "FACTORY_HEARTBEAT": "1s",
    "FACTORY_COOLDOWN": "0s",
    "FACTORY_MIN_FREE_DISK": "1m",
    "FACTORY_MAX_WORKERS": "2",
    "FACTORY_DAILY_ITERATIONS": "1000000",
}


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """Printed when all has been measured."""
    table = Table()
    yield table
    print("", *table.lines(), sep="\n")


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Short enough for sockets, passable for workers of another user."""
    folder = fresh_folder("bench-")
    (folder / "home").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def environ(folder: Path) -> dict[str, str]:
    """The user's own settings are not for measuring."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FACTORY_", "DATABASE_URL", "XDG_"))}
    return {**kept, **_SETTINGS, "HOME": str(folder / "home"), "FACTORY_DATA": str(folder / "data"), "FACTORY_RUN": str(folder / "run")}


@pytest.fixture(scope="session")
def paths(folder: Path, environ: dict[str, str]) -> Paths:
    """The folders of a factory that has run before: its database is made, and it is down."""
    paths = Paths(folder / "data", folder / "run")
    with OwnFactory(paths, environ, folder=folder):
        return paths


@pytest.fixture(scope="module")
def running(paths: Paths, environ: dict[str, str], folder: Path) -> Iterator[Paths]:
    """The same factory, up."""
    with OwnFactory(paths, environ, folder=folder):
        yield paths
