"""How many workers may start now, and the sentence that says why not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.limits import FULL_SECONDS, Limits, Pause, Room, Usage, fullness, paused_intake, room, switched

LIMITS = Limits(max_workers=2, daily_iterations=200, cooldown=60.0)
_GIGABYTE = 2**30
NO_COOLDOWN = replace(LIMITS, cooldown=0.0)
IDLE = Usage(iterations_today=0, since_start=None, until_midnight=3_600.0)


def test_where_nothing_was_started_yet_one_worker_may_start_at_once():
    assert room(LIMITS, IDLE, 0) == Room(1)


def test_the_budget_comes_before_all_else_and_opens_at_midnight():
    usage = Usage(iterations_today=200, since_start=1.0, until_midnight=3_600.0)

    assert room(LIMITS, usage, active=2) == Room(0, "the daily budget of 200 iterations is used up", 3_600.0)


def test_money_is_a_budget_of_the_day_like_iterations_f48():
    """F48: for all attempts together."""
    limits, spent = replace(LIMITS, daily_micros=5_000_000), replace(IDLE, micros_today=4_999_999)

    assert room(limits, spent, 0) == room(LIMITS, replace(IDLE, micros_today=9_000_000), 0) == Room(1)
    assert room(limits, replace(IDLE, micros_today=5_000_000), 0) == Room(0, "the daily budget of $5.00 is used up", 3_600.0)


def test_busy_workers_come_before_the_cooldown_and_no_time_opens_them():
    assert room(LIMITS, replace(IDLE, since_start=1.0), active=2) == Room(0, "all 2 workers are busy")


def test_the_cooldown_says_how_long_it_lasts():
    assert room(LIMITS, replace(IDLE, since_start=45.0), active=1) == Room(0, "cooldown between two workers, 15 s left", 15.0)


def test_after_the_cooldown_one_worker_may_start_although_more_places_are_free():
    assert room(LIMITS, replace(IDLE, since_start=60.0), active=0) == Room(1)


def test_without_a_cooldown_all_free_places_are_given_at_once():
    assert room(NO_COOLDOWN, replace(IDLE, since_start=0.0), active=0) == Room(2)


def test_more_workers_than_allowed_leave_no_room_instead_of_a_negative_one():
    assert room(NO_COOLDOWN, IDLE, active=5).free == 0


usages = st.builds(Usage, st.integers(0, 300), st.none() | st.floats(0, 200), st.floats(0, 86_400))
limits = st.builds(Limits, st.integers(0, 5), st.integers(0, 300), st.sampled_from([0.0, 60.0]))


@given(limits, usages, st.integers(0, 8))
def test_where_no_worker_may_start_there_is_a_reason(allowed: Limits, usage: Usage, active: int):
    answer = room(allowed, usage, active)

    assert bool(answer.reason) == (answer.free == 0)
    assert 0 <= answer.free <= max(allowed.max_workers - active, 0)


@given(limits, usages, st.integers(0, 8))
def test_a_time_to_ask_again_is_given_only_where_time_alone_may_help(allowed: Limits, usage: Usage, active: int):
    answer = room(allowed, usage, active)

    assert answer.retry_in is None or (answer.free == 0 and answer.retry_in >= 0.0)


def test_an_operators_pause_comes_before_all_else():
    usage = Usage(iterations_today=200, since_start=1.0, until_midnight=3_600.0, pause=Pause("ann"))

    assert room(LIMITS, usage, active=2) == Room(0, "paused by ann; `factory resume` goes on")


def test_a_drain_tells_whether_something_still_runs():
    usage = replace(IDLE, pause=Pause("ann", draining=True))

    assert room(LIMITS, usage, active=1).reason == "draining for ann: 1 still at work"
    assert room(LIMITS, usage, active=0).reason == "drained by ann; `factory resume` goes on"


def test_switching_changes_the_parts_that_are_named_and_twice_is_once():
    paused = switched({}, "pause", ("intake", "dispatch"), "ann")
    drained = switched(paused, "drain", ("dispatch",), "bob")

    assert switched(paused, "pause", ("intake", "dispatch"), "ann") == paused
    assert drained == {"intake": {"by": "ann", "draining": False}, "dispatch": {"by": "bob", "draining": True}}
    assert switched(drained, "resume", ("dispatch",), "cyd") == {"intake": {"by": "ann", "draining": False}}
    assert switched(drained, "resume", ("intake", "dispatch"), "cyd") == {}


def test_only_a_paused_intake_refuses_new_items():
    assert paused_intake({}) is None
    assert paused_intake(switched({}, "pause", ("dispatch",), "ann")) is None
    assert paused_intake(switched({}, "pause", ("intake",), "ann")) == (
        "taking in new items is paused by ann; `factory resume intake` goes on"
    )


def test_a_host_that_is_away_is_told_before_what_only_time_would_open() -> None:
    usage = replace(IDLE, iterations_today=10_000)

    assert room(LIMITS, usage, 0, "The engine does not answer: start it.") == Room(
        0, "no worker can be made now: The engine does not answer: start it"
    )  # fmt: skip
    assert room(LIMITS, replace(usage, pause=Pause("ann")), 0, "away").reason.startswith("paused by ann")


@pytest.mark.parametrize(
    ("free", "total", "is_full"),
    [
        (_GIGABYTE, 100 * _GIGABYTE, False),
        (_GIGABYTE - 1, 100 * _GIGABYTE, True),
        # Of a small disk a tenth is enough.
        (_GIGABYTE // 10, _GIGABYTE, False),
        (_GIGABYTE // 10 - 1, _GIGABYTE, True),
    ],
)
def test_a_disk_is_full_below_what_is_wanted_or_a_tenth_of_a_small_one(free: int, total: int, *, is_full: bool) -> None:
    assert bool(fullness(free, total, _GIGABYTE)) == is_full


def test_nothing_is_wanted_where_nobody_asked_for_it() -> None:
    assert fullness(0, _GIGABYTE, 0) == ""


def test_a_full_disk_is_told_with_its_figures_and_looked_at_again() -> None:
    told = room(LIMITS, Usage(0, None, 3600.0), 0, full=fullness(3 * 2**20, 100 * _GIGABYTE, _GIGABYTE))

    assert told == Room(0, "the disk of the workers is nearly full: 3 MB free, and 1,024 MB are wanted for another one", FULL_SECONDS)
