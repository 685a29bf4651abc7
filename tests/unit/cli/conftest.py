"""Folders of a factory for commands."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.paths import Paths, fresh_folder, prepare


@pytest.fixture
def folder() -> Iterator[Path]:
    made = fresh_folder("factory-cli-")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def paths(folder: Path) -> Paths:
    found = Paths(folder / "data", folder / "run")
    prepare(found)
    return found
