"""The dispatcher's board, its sweep, and the sentence for a waiting item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.dispatch import Board, Waiting, sweep, why_it_waits

A, B, C = "aaaaaaaaaa-1", "bbbbbbbbbb-1", "cccccccccc-1"
NOBODY = frozenset[str]()


def names(*workers: str) -> frozenset[str]:
    return frozenset(workers)


def test_claims_add_to_what_is_active_and_raise_the_count():
    board = Board("q1", 3, names(A)).claimed("q1", 5, names(B, C))

    assert board == Board("q1", 5, names(A, B, C))


def test_a_claim_that_was_overtaken_does_not_lower_the_count():
    assert Board("q1", 5, names(A)).claimed("q1", 4, names(B)).made == 5


def test_claims_of_a_new_queue_count_all_the_same_and_from_its_start():
    assert Board("q1", 5, names(A)).claimed("q2", 1, names(B)) == Board("q2", 1, names(A, B))


def test_a_survey_is_the_truth_whatever_was_known_before():
    board = Board("q1", 5, names(A, B), suspects=names(C)).surveyed("q2", 0, names(B))

    assert board == Board("q2", 0, names(B), suspects=names(C))


def test_an_ended_lease_frees_its_place_once():
    board = Board("q1", 2, names(A, B)).ended(A).ended(A)

    assert board.active == names(B)


def test_a_worker_without_a_lease_is_killed_at_the_second_sighting():
    board = Board("q1", active=names(A))

    board, first = sweep(board, names(A, B), NOBODY)
    board, second = sweep(board, names(A, B), NOBODY)

    assert (first, second) == (NOBODY, names(B))


def test_a_worker_whose_claim_was_under_way_at_the_first_sighting_lives():
    board, killed = sweep(Board("q1"), names(A), NOBODY)
    assert killed == NOBODY

    board, killed = sweep(board.claimed("q1", 1, names(A)), names(A), NOBODY)

    assert killed == NOBODY


def test_a_worker_whose_actor_looks_after_it_is_left_to_it():
    board, _ = sweep(Board("q1"), names(A), names(A))
    board, killed = sweep(board, names(A), names(A))

    assert killed == NOBODY


def test_two_sightings_with_a_lease_in_between_are_no_two_sightings():
    board, _ = sweep(Board("q1"), names(A), NOBODY)
    board, _ = sweep(board.surveyed("q1", 0, names(A)), names(A), NOBODY)

    board, killed = sweep(board.ended(A), names(A), NOBODY)

    assert killed == NOBODY


worker_sets = st.frozensets(st.sampled_from([A, B, C]))


@given(st.lists(st.tuples(worker_sets, worker_sets, worker_sets), min_size=1))
def test_only_who_was_without_lease_and_actor_at_two_sightings_running_is_killed(sights: list[tuple[frozenset[str], ...]]):
    board, orphans_before = Board("q1"), NOBODY
    for on_host, active, cared_for in sights:
        board, killed = sweep(board.surveyed("q1", 0, active), on_host, cared_for)

        orphans = on_host - active - cared_for
        assert killed == orphans & orphans_before
        orphans_before = orphans


def waiting(status: str = "queued", ahead: int = 0, due_in: float = -1.0, condition: str | None = None, reason: str = "") -> Waiting:
    return Waiting(status, ahead, due_in, condition, reason)


BUSY = {"reason": "all 2 workers are busy"}


@pytest.mark.parametrize(
    ("item", "dispatch", "sentence"),
    [
        (waiting(), {}, "next to be claimed"),
        (waiting(), BUSY, "all 2 workers are busy"),
        (waiting(ahead=3), {}, "3 ahead of it"),
        (waiting(ahead=3), BUSY, "3 ahead of it; all 2 workers are busy"),
        (waiting(due_in=12.4), BUSY, "starts in 12 s at the earliest"),
        (waiting(due_in=12.4, reason="tests are red"), {}, "starts in 12 s at the earliest after: tests are red"),
        (waiting("parked", condition="locks:/repo", reason="a.py: x"), {}, "parked until locks:/repo opens: a.py: x"),
        (waiting("running"), BUSY, ""),
        (waiting("completed"), BUSY, ""),
        (waiting(), {"reason": None}, "next to be claimed"),
    ],
)
def test_a_waiting_item_says_why_it_waits(item: Waiting, dispatch: dict[str, object], sentence: str):
    assert why_it_waits(item, dispatch) == sentence
