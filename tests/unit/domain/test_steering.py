"""An operator's word: legal moves only, and a sentence where it is declined."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.ids import Epoch, ItemId
from factory.domain.steering import Declined, Steered, steer
from factory.domain.work_item import LEASED, MOVES, TERMINAL, RetryPolicy, Standing, Status

VERBS = ["kill", "retry", "cancel", "approve", "reject"]
STANDING = Standing(ItemId("0123456789"), Epoch(2), Status.RUNNING, attempts=1, setbacks=4)
POLICY = RetryPolicy()

statuses = st.sampled_from(Status)


def said(verb: str, status: Status, *, has_result: bool = True, attempts: int = 1) -> Steered | Declined:
    standing = replace(STANDING, status=status, attempts=attempts)
    return steer(verb, standing, "me", POLICY, has_result=has_result)


def taken(verb: str) -> set[Status]:
    return {status for status in Status if isinstance(said(verb, status), Steered)}


@given(statuses, st.sampled_from(VERBS), st.booleans(), st.integers(0, 5))
def test_a_word_that_is_taken_is_a_legal_move_or_lets_the_item_stay(status: Status, verb: str, has_result: bool, attempts: int):
    answer = said(verb, status, has_result=has_result, attempts=attempts)

    # A queued item that is retried stays queued: what it gets is its attempts back, and its turn now.
    assert isinstance(answer, Declined) or answer.status in MOVES[status] or (verb, answer.status) == ("retry", status)


@given(statuses, st.sampled_from(VERBS), st.booleans())
def test_every_answer_has_a_sentence(status: Status, verb: str, has_result: bool):
    assert said(verb, status, has_result=has_result).reason


@given(statuses, st.sampled_from(VERBS), st.booleans())
def test_only_an_approval_approves(status: Status, verb: str, has_result: bool):
    answer = said(verb, status, has_result=has_result)

    assert isinstance(answer, Declined) or answer.approves == (verb == "approve")


def test_only_who_has_a_worker_can_be_killed():
    assert taken("kill") == LEASED


def test_only_what_has_not_ended_can_be_cancelled():
    assert taken("cancel") == set(Status) - TERMINAL


def test_only_what_needs_approval_can_be_approved_or_rejected():
    assert taken("approve") == taken("reject") == {Status.NEEDS_APPROVAL}


def test_a_rejection_says_who_and_why_where_a_reason_was_given():
    standing = replace(STANDING, status=Status.NEEDS_APPROVAL)

    told = [steer("reject", standing, "me", POLICY, has_result=True, why=why).reason for why in ("", "too large")]

    assert told == ["rejected by me", "rejected by me: too large"]


def test_what_is_under_way_or_completed_cannot_be_retried():
    assert taken("retry") == set(Status) - LEASED - {Status.PUBLISHING, Status.IN_REVIEW, Status.COMPLETED}


def test_a_kill_burns_an_attempt_and_the_last_one_fails_the_item():
    assert said("kill", Status.RUNNING) == Steered(Status.QUEUED, 2, 0, "killed by me")
    assert said("kill", Status.RUNNING, attempts=2) == Steered(Status.FAILED, 3, 0, "killed by me")


@pytest.mark.parametrize("status", [Status.FAILED, Status.STUCK, Status.CANCELLED, Status.PARKED])
def test_a_retry_gives_all_attempts_back(status: Status):
    assert said("retry", status, attempts=3) == Steered(Status.QUEUED, 0, 0, "retried by me")


def test_a_cancelled_item_keeps_its_counters():
    assert said("cancel", Status.PUBLISHING) == Steered(Status.CANCELLED, 1, 4, "cancelled by me")


def test_an_approval_needs_a_result_that_it_could_be_for():
    answer = said("approve", Status.NEEDS_APPROVAL, has_result=False)

    assert isinstance(answer, Declined)
    assert "no result" in answer.reason
    assert answer.conflict


def test_an_unknown_word_is_invalid_and_not_a_conflict():
    assert said("explode", Status.RUNNING) == Declined("there is no command 'explode'", conflict=False)
