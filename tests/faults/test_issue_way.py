"""Death between every two calls of GitHub's API: one pull request, one comment of each kind, and no other ref at the end."""

from pathlib import Path

import pytest

from tests.issue_kills import AFTER, BEFORE, Death, Point, walk
from tests.issue_way import scene

_WALKS = 13
"""Each has three deaths, far apart: as often an actor may die in a minute before the tree as a whole takes notice."""


@pytest.mark.faults
@pytest.mark.parametrize("nth", range(_WALKS))
def test_whoever_is_killed_between_two_calls_there_is_one_of_each_at_the_end(tmp_path: Path, nth: int) -> None:
    with scene(tmp_path / "github", {}) as way:
        way.factory.up()

        walk(way, *(Death(point) for point in BEFORE[nth::_WALKS]))


@pytest.mark.faults
@pytest.mark.parametrize("actors", [("intake", "delivery"), ()], ids=["actors", "everything"])
@pytest.mark.parametrize("point", AFTER, ids=str)
def test_whoever_is_killed_with_a_change_made_and_not_answered_there_is_one_of_each_at_the_end(
    tmp_path: Path, point: Point, actors: tuple[str, ...]
) -> None:
    with scene(tmp_path / "github", {}) as way:
        way.factory.up()

        walk(way, Death(point, actors))
