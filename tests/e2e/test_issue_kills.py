"""Intake, delivery, and all of the factory are killed on an issue's way. `make faults` does it between every two calls of the API."""

from pathlib import Path

from tests.issue_kills import Death, Point, walk
from tests.issue_way import scene


def test_whoever_is_killed_between_two_calls_there_is_one_of_each_at_the_end(tmp_path: Path) -> None:
    """F41: killed at each step; comment and label."""
    with scene(tmp_path / "github", {}) as way:
        way.factory.up()

        walk(
            way,
            Death(Point("POST comments", 0, "after")),
            Death(Point("POST pulls", 0, "after")),
            Death(Point("DELETE issue label", 1, "before"), actors=()),
        )
