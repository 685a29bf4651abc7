"""Fixtures of the suites of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standin import StandIn, stand_in


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    """A GitHub on this machine, in a process of its own."""
    with stand_in(tmp_path / "github") as standin:
        yield standin
