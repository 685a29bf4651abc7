"""What issues and pull requests do to items: only legal moves, and the same word twice is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain import outside
from factory.domain.ids import Epoch, ItemId
from factory.domain.outside import SPEC_CONDITION, Redirected, Unmoved
from factory.domain.work_item import LEASED, MOVES, Standing, Status

WORDS = ("merged", "closed", "rework", "hands_off")


def standing(status: Status, attempts: int = 1) -> Standing:
    return Standing(ItemId("0123456789"), Epoch(2), status, attempts, 0)


def words(status: Status, condition: str | None, *, has_spec: bool) -> list[Redirected | Unmoved]:
    stands = standing(status)
    return [
        outside.specified(stands, condition, has_spec=has_spec),
        outside.questioned(stands, condition, "?"),
        outside.reopened(stands, condition, "ann", has_spec=has_spec),
        outside.reworded(stands, "edited"),
        *(outside.followed(stands, 1, word, "why", 3) for word in WORDS),
    ]


@given(st.sampled_from(Status), st.booleans(), st.booleans())
def test_every_word_moves_an_item_as_the_table_allows_or_not_at_all(status: Status, waits: bool, has_spec: bool) -> None:
    condition = SPEC_CONDITION if status is Status.PARKED and waits else None
    for answer in words(status, condition, has_spec=has_spec):
        # An attempt that is under way is ended first, which leads to the same place.
        same = isinstance(answer, Redirected) and answer.status is status
        assert isinstance(answer, Unmoved) or answer.status in MOVES[status] or same, (status, answer)
        assert not isinstance(answer, Redirected) or (answer.status is Status.PARKED) == (answer.condition is not None)


def test_a_written_spec_queues_what_waited_for_it_and_nothing_else() -> None:
    assert outside.specified(standing(Status.PARKED), SPEC_CONDITION, has_spec=False) == Redirected(Status.QUEUED, "", attempts=1)
    assert isinstance(outside.specified(standing(Status.PARKED), "locks:/repo", has_spec=True), Unmoved)
    assert outside.specified(standing(Status.RUNNING), None, has_spec=True) == Unmoved(
        "0123456789 is running, and waits for no spec", known=True
    )


@pytest.mark.parametrize("status", sorted(LEASED | {Status.QUEUED, Status.PARKED, Status.STUCK}))
def test_a_changed_issue_asks_a_person_and_its_spec_no_longer_holds(status: Status) -> None:
    answer = outside.reworded(standing(status), "edited")

    assert answer == Redirected(Status.NEEDS_APPROVAL, "edited", attempts=1, drops_spec=True)


@pytest.mark.parametrize("status", [Status.PUBLISHING, Status.IN_REVIEW, Status.COMPLETED])
def test_a_result_that_is_there_is_not_undone_by_an_edit(status: Status) -> None:
    assert isinstance(outside.reworded(standing(status), "edited"), Unmoved)


def test_reworks_are_counted_and_then_a_person_is_asked() -> None:
    for before in range(3):
        answer = outside.followed(standing(Status.IN_REVIEW, 2), before, "rework", "a check failed", 3)
        assert answer == Redirected(Status.QUEUED, "a check failed", attempts=0, reworks=before + 1)
    answer = outside.followed(standing(Status.IN_REVIEW), 3, "rework", "a check failed", 3)
    assert answer == Redirected(Status.STUCK, "a check failed (after 3 reworks)", reworks=3)


REWORKED = sorted(LEASED | {Status.QUEUED, Status.PARKED})


@pytest.mark.parametrize("status", [*REWORKED, Status.STUCK, Status.NEEDS_APPROVAL, Status.FAILED])
def test_an_item_whose_pull_request_is_over_is_too_wherever_it_is(status: Status) -> None:
    assert outside.followed(standing(status), 1, "merged", "merged by ann", 3) == Redirected(
        Status.COMPLETED, "merged by ann", attempts=1, reworks=1
    )
    assert outside.followed(standing(status), 1, "closed", "closed by ann", 3) == Redirected(
        Status.CANCELLED, "closed by ann", attempts=1, reworks=1
    )


@pytest.mark.parametrize("status", [*REWORKED, Status.FAILED, Status.PUBLISHING])
@pytest.mark.parametrize("word", ["rework", "hands_off"])
def test_an_item_that_is_not_in_review_is_not_reworked_once_more(status: Status, word: str) -> None:
    assert isinstance(outside.followed(standing(status), 1, word, "red", 3), Unmoved)


@pytest.mark.parametrize("word", ["merged", "closed"])
def test_a_result_that_is_being_published_finds_the_end_of_its_pull_request_itself(word: str) -> None:
    assert isinstance(outside.followed(standing(Status.PUBLISHING), 1, word, "over", 3), Unmoved)
