"""When it would be unjust to let leases run out."""

from hypothesis import given
from hypothesis import strategies as st

from factory.domain.lease import ClockMarks, LeaseTerms, guard_at_start

TERMS = LeaseTerms(5.0)
H = TERMS.heartbeat


def test_every_bound_is_a_multiple_of_the_heartbeat():
    assert (TERMS.lease, TERMS.grace, TERMS.silence, TERMS.boot_grace) == (3 * H, H, 4 * H, 3 * H)
    assert (TERMS.start, LeaseTerms(5.0, 90.0).start) == (12 * H, 90.0)


def test_a_silent_worker_is_lost_when_its_lease_and_grace_are_over():
    assert TERMS.silence == TERMS.lease + TERMS.grace


def test_nothing_expires_in_the_first_three_heartbeats():
    guard = guard_at_start(100.0, TERMS)

    assert not guard.may_expire(100.0)
    assert not guard.may_expire(100.0 + 3 * H - 0.001)
    assert guard.may_expire(100.0 + 3 * H)


def test_regular_ticks_let_leases_expire_once_the_start_is_over():
    guard, now = guard_at_start(0.0, TERMS), 0.0
    while now < 3 * H:
        now += H / 2
        guard = guard.tick(now, TERMS)

    assert guard.may_expire(now)


def test_a_gap_in_the_ticks_begins_a_new_quiet_time():
    guard = guard_at_start(0.0, TERMS).tick(2 * H, TERMS).tick(4 * H, TERMS)
    assert guard.may_expire(4 * H)

    woken = guard.tick(500 * H, TERMS)

    assert not woken.may_expire(500 * H)
    assert not woken.may_expire(503 * H - 0.001)
    assert woken.may_expire(503 * H)


def test_a_tick_that_is_late_by_less_than_the_bound_is_no_gap():
    guard = guard_at_start(0.0, TERMS).tick(2 * H, TERMS).tick(4 * H, TERMS)

    assert guard.tick(6 * H, TERMS).may_expire(6 * H)


def test_a_second_gap_within_the_quiet_time_begins_it_anew():
    guard = guard_at_start(0.0, TERMS).tick(10 * H, TERMS).tick(12.5 * H, TERMS)

    assert guard.quiet_until == 15.5 * H


def test_the_first_look_at_the_stores_clock_begins_the_quiet_time_anew_since_it_may_have_jumped_before():
    guard = guard_at_start(0.0, TERMS).tick(1.9 * H, TERMS, 100_000.0)

    assert not guard.may_expire(4.9 * H - 0.001)
    assert guard.may_expire(4.9 * H)
    assert guard.tick(3.9 * H, TERMS, 100_000.0 + 2 * H).quiet_until == 4.9 * H, "only the first"


@given(st.lists(st.floats(0.0, 20.0 * H), min_size=1))
def test_whenever_leases_may_expire_time_was_seen_to_pass_for_a_whole_quiet_time(steps: list[float]):
    guard, now, seen_since = guard_at_start(0.0, TERMS), 0.0, 0.0
    for step in steps:
        before, now = now, now + step
        # Of the sums, as the guard sees them: a step of just the gap may come out a little longer.
        seen_since = now if now - before > TERMS.tick_gap else seen_since
        guard = guard.tick(now, TERMS)
        assert guard.may_expire(now) == (now >= seen_since + TERMS.boot_grace) or abs(now - seen_since - TERMS.boot_grace) < 1e-6


def test_a_clock_that_was_set_back_shows_by_the_mark_and_the_time_since():
    marks = ClockMarks().wrote(1_000.0, 5.0).read(1_000.0, 7.0)

    assert marks.step(10.0, TERMS, 1_005.0) == 0
    assert marks.step(10.0, TERMS, 1_005.0 - TERMS.tick_gap) == 0, "late, not set"
    assert marks.step(10.0, TERMS, -2_595.0) == -3_600
    assert marks.step(10.0, TERMS, 4_605.0) == 0, "set forward, or asleep"
    assert ClockMarks().step(5.0, TERMS, 1e9) == 0, "nothing to compare with"


def test_a_step_that_happened_while_nobody_was_there_shows_as_far_as_the_mark_is_ahead():
    assert ClockMarks().read(1_000.0, 5.0).step(5.0, TERMS, -2_600.0) == -3_600


def test_after_a_commit_without_an_answer_the_step_is_seen_again_only_where_it_was_not_made_up_for():
    marks = ClockMarks().wrote(10_000.0, 0.0).read(10_000.0, 100.0)
    tried = marks.wrote(6_500.0, 100.0)

    assert tried.read(6_500.0, 101.0).step(101.0, TERMS, 6_501.0) == 0
    assert tried.read(10_000.0, 101.0).step(101.0, TERMS, 6_501.0) == -3_600


def test_a_mark_is_written_at_first_and_then_again_whenever_it_is_as_old_as_a_gap():
    marks = ClockMarks().wrote(1_000.0, 5.0)

    assert ClockMarks().is_old(0.0, TERMS, 0.0)
    assert not marks.is_old(5.0 + TERMS.tick_gap - 0.001, TERMS, 1_000.0)
    assert marks.is_old(5.0 + TERMS.tick_gap, TERMS, 1_000.0)
    assert marks.is_old(5.0, TERMS, 1_000.0 + TERMS.tick_gap), "as after a suspend"
