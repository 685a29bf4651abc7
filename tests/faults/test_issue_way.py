"""Death between every two calls of GitHub's API: one pull request, one comment of each kind, and no other ref at the end.

Which call it comes at is all there is to choose, so there is one run of each and no seed.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.issue_kills import AFTER, BEFORE, Death, Point, walk
from tests.issue_way import scene

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_WALKS, _ANSWERS = 13, 4
"""Each has at most three deaths, far apart: as often an actor may die in a minute before the tree as a whole takes notice."""
_POWER_CUTS = 3
"""So many that each has early and late ones: what comes before the first review has one bound, however often it is begun anew."""


def _dealt(points: Sequence[Point], walks: int) -> list[Sequence[Point]]:
    """Every point is in one of them, and none has two of a route, which the GitHub of this machine has room for one of."""
    dealt = [points[nth::walks] for nth in range(walks)]
    assert all(len({point.route for point in some}) == len(some) for some in dealt), dealt
    return dealt


def _walked(folder: Path, *deaths: Death) -> None:
    with scene(folder / "github", {}) as way:
        way.factory.up()

        walk(way, *deaths)


@pytest.mark.parametrize("points", _dealt(BEFORE, _WALKS), ids=range(_WALKS))
def test_whoever_is_killed_between_two_calls_there_is_one_of_each_at_the_end(tmp_path: Path, points: Sequence[Point]) -> None:
    """F41: killed at each step; comment and label."""
    _walked(tmp_path, *map(Death, points))


@pytest.mark.parametrize("points", _dealt(AFTER, _ANSWERS), ids=range(_ANSWERS))
def test_whoever_is_killed_with_a_change_made_and_not_answered_there_is_one_of_each_at_the_end(
    tmp_path: Path, points: Sequence[Point]
) -> None:
    """F41: killed at each step; comment and label."""
    _walked(tmp_path, *map(Death, points))


@pytest.mark.parametrize("points", _dealt(AFTER, _POWER_CUTS), ids=range(_POWER_CUTS))
def test_after_a_power_cut_with_a_change_made_and_not_answered_there_is_one_of_each_at_the_end(
    tmp_path: Path, points: Sequence[Point]
) -> None:
    """F41: killed at each step; comment and label."""
    _walked(tmp_path, *(Death(point, actors=()) for point in points))
