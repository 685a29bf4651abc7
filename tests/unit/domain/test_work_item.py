"""What becomes of an item after an attempt: legal moves only, and what each class costs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.ids import Epoch, ItemId
from factory.domain.work_item import (
    LEASED,
    MOVES,
    TERMINAL,
    WAITS_FOR_A_PERSON,
    Ending,
    Failed,
    FailureClass,
    GivenBack,
    RetryPolicy,
    Standing,
    Status,
    Stuck,
    Waits,
    after,
)

STANDING = Standing(ItemId("0123456789"), Epoch(2), Status.RUNNING, attempts=1, setbacks=4)
POLICY = RetryPolicy()
BURNING = [FailureClass.AGENT, FailureClass.GATE]
SETTING_BACK = [FailureClass.INFRA, FailureClass.AUTH, FailureClass.NO_SPACE]
ENDS = LEASED | {Status.PUBLISHING}
"""What an attempt can end from."""

endings: st.SearchStrategy[Ending] = st.one_of(
    st.builds(Failed, st.sampled_from(FailureClass), st.text(max_size=5)),
    st.builds(Stuck, st.text(max_size=5)),
    st.builds(GivenBack, st.text(max_size=5)),
    st.builds(Waits, st.just("locks:/repo"), st.text(max_size=5)),
)
policies = st.builds(RetryPolicy, st.integers(1, 5), st.integers(1, 12), st.booleans())
standings = st.builds(
    Standing, st.just(STANDING.item), st.integers(1, 9).map(Epoch), st.sampled_from(sorted(ENDS)), st.integers(0, 9), st.integers(0, 12)
)
jitters = st.floats(0.0, 1.0, exclude_max=True)


def failed(failure: FailureClass) -> Failed:
    return Failed(failure, "because")


def test_every_status_has_its_moves_and_no_move_leads_nowhere():
    assert MOVES.keys() == set(Status)
    assert all(target in MOVES for targets in MOVES.values() for target in targets)


def test_nothing_stays_where_it_is_for_ever_unless_it_has_ended():
    for status in set(Status) - TERMINAL:
        reached, before = {status}, set[Status]()
        while reached != before:
            before, reached = reached, reached.union(*(MOVES[one] for one in reached))
        assert Status.COMPLETED in reached, status


def test_a_person_can_end_whatever_has_not_ended():
    assert all(Status.CANCELLED in MOVES[status] for status in set(Status) - TERMINAL)


def test_what_is_completed_stays_so():
    assert MOVES[Status.COMPLETED] == frozenset()


@given(standings, endings, policies, jitters)
def test_the_end_of_an_attempt_is_always_a_legal_move(standing: Standing, ending: Ending, policy: RetryPolicy, jitter: float):
    assert after(standing, ending, policy, jitter).status in MOVES[standing.status]


@given(standings, endings, policies, jitters)
def test_the_counters_never_fall_but_for_setbacks_that_are_over(standing: Standing, ending: Ending, policy: RetryPolicy, jitter: float):
    following = after(standing, ending, policy, jitter)

    assert following.attempts in {standing.attempts, standing.attempts + 1}
    assert following.setbacks in {0, standing.setbacks, standing.setbacks + 1}
    assert following.attempts == standing.attempts or following.setbacks == 0


@given(standings, endings, policies, jitters)
def test_whoever_goes_on_has_what_it_needs_for_it(standing: Standing, ending: Ending, policy: RetryPolicy, jitter: float):
    following = after(standing, ending, policy, jitter)

    assert (following.condition is not None) == (following.status is Status.PARKED)
    longest = max(policy.attempt_backoff.cap, policy.setback_backoff.cap, policy.quota_pause)
    assert 0.0 <= following.delay <= longest


@given(standings, endings, policies, jitters)
def test_the_reason_is_the_one_that_was_given(standing: Standing, ending: Ending, policy: RetryPolicy, jitter: float):
    assert after(standing, ending, policy, jitter).reason == ending.reason


@pytest.mark.parametrize("failure", BURNING)
def test_a_failing_agent_or_gate_burns_an_attempt_and_is_tried_again(failure: FailureClass):
    following = after(STANDING, failed(failure), POLICY, 0.5)

    assert (following.status, following.attempts, following.setbacks) == (Status.QUEUED, 2, 0)
    assert following.delay == POLICY.attempt_backoff.delay(1, 0.5)


@pytest.mark.parametrize("failure", BURNING)
def test_the_last_attempt_fails_the_item(failure: FailureClass):
    following = after(replace(STANDING, attempts=2), failed(failure), POLICY, 0.5)

    assert (following.status, following.attempts) == (Status.FAILED, 3)


@pytest.mark.parametrize("failure", SETTING_BACK)
def test_an_outage_burns_no_attempt_and_waits_longer_each_time(failure: FailureClass):
    following = after(STANDING, failed(failure), POLICY, 0.5)

    assert (following.status, following.attempts, following.setbacks) == (Status.QUEUED, 1, 5)
    assert following.delay == POLICY.setback_backoff.delay(4, 0.5) > POLICY.setback_backoff.delay(3, 0.5)


@pytest.mark.parametrize("failure", SETTING_BACK)
def test_ten_setbacks_in_a_row_are_a_persons_to_look_at(failure: FailureClass):
    standing, rounds = replace(STANDING, setbacks=0), 0
    while standing.status in LEASED:
        following = after(standing, failed(failure), POLICY, 0.9)
        back = Status.RUNNING if following.status is Status.QUEUED else following.status
        standing, rounds = replace(standing, status=back, setbacks=following.setbacks), rounds + 1

    assert (rounds, standing.status, standing.attempts) == (10, Status.STUCK, 1)
    assert standing.status in WAITS_FOR_A_PERSON


@given(st.integers(0, 1_000), jitters)
def test_a_usage_limit_parks_without_limit_of_times_and_costs_nothing(setbacks: int, jitter: float):
    standing = replace(STANDING, setbacks=setbacks)

    following = after(standing, failed(FailureClass.QUOTA), POLICY, jitter)

    assert (following.status, following.attempts, following.setbacks) == (Status.PARKED, 1, setbacks)
    assert (following.condition, following.delay) == ("limit:provider", POLICY.quota_pause)


def test_what_only_a_person_may_allow_is_never_tried_again_blindly():
    following = after(STANDING, failed(FailureClass.POLICY), POLICY, 0.5)

    assert (following.status, following.attempts) == (Status.NEEDS_APPROVAL, 1)
    assert following.status in WAITS_FOR_A_PERSON


def test_an_agent_without_progress_is_tried_again_with_its_reason():
    following = after(STANDING, Stuck("no box ticked"), POLICY, 0.5)

    assert (following.status, following.attempts, following.reason) == (Status.QUEUED, 2, "no box ticked")


@pytest.mark.parametrize(
    ("attempts", "policy"), [(2, POLICY), (0, RetryPolicy(retry_stuck=False))], ids=["no attempts left", "stuck items are not retried"]
)
def test_an_agent_without_progress_waits_for_a_person_where_no_retry_is_left(attempts: int, policy: RetryPolicy):
    assert after(replace(STANDING, attempts=attempts), Stuck("no box ticked"), policy, 0.5).status is Status.STUCK


def test_work_given_back_unused_costs_nothing_and_may_start_at_once():
    following = after(STANDING, GivenBack("the factory was stopped"), POLICY, 0.5)

    assert (following.status, following.attempts, following.setbacks, following.delay) == (Status.QUEUED, 1, 4, 0.0)


def test_locked_files_park_an_item_until_they_are_free():
    following = after(STANDING, Waits("locks:/repo", "a.py: other"), POLICY, 0.5)

    assert (following.status, following.condition, following.attempts) == (Status.PARKED, "locks:/repo", 1)
