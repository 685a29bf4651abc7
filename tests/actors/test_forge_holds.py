"""A forge that answers nobody is found out once, and left alone."""

import pytest

from actors.forge_holds import ForgeHolds
from factory.domain.backoff import BackoffPolicy
from factory.errors import ForgeRefused, ForgeUnavailable, Unauthorized
from tests.fakes.clock import ManualClock

LATE = 1.0
"""The jitter that makes each distance as long as it can be."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def holds(clock: ManualClock) -> ForgeHolds:
    return ForgeHolds(clock, BackoffPolicy(2.0, 10.0))


def test_a_limit_is_about_all_repositories_and_anything_else_about_its_own(holds: ForgeHolds, clock: ManualClock) -> None:
    holds.failed("a/b", Unauthorized("no"), LATE)
    assert (holds.left("A/B"), holds.left("a/c")) == (2.0, 0.0)

    holds.failed("a/c", ForgeUnavailable("limit", 60.0), LATE)
    assert (holds.left("a/b"), holds.left("a/c")) == (62.0, 62.0)

    clock.advance(62.0)
    assert (holds.left("a/b"), holds.left("a/c")) == (0.0, 0.0)


def test_what_fails_at_the_same_time_counts_once_and_each_further_failure_doubles_the_distance(
    holds: ForgeHolds, clock: ManualClock
) -> None:
    distances = []
    for _ in range(4):
        for _ in range(30):
            holds.failed("a/b", ForgeUnavailable("502"), LATE)
        distances.append(holds.left("a/b"))
        clock.advance(distances[-1])

    assert distances == [2.0, 4.0, 8.0, 10.0]
    holds.went_well("a/b")
    holds.failed("a/b", ForgeUnavailable("502"), LATE)
    assert holds.left("a/b") == 2.0


def test_what_is_refused_for_good_is_about_one_issue_only(holds: ForgeHolds) -> None:
    holds.failed("a/b", ForgeRefused("gone"), LATE)

    assert holds.left("a/b") == 0.0
