"""The dispatcher's board, its sweep, and the sentence for a waiting item."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.dispatch import Board, Waiting, sweep, why_it_waits

A, B, C = "aaaaaaaaaa-1", "bbbbbbbbbb-1", "cccccccccc-1"
NOBODY = frozenset[str]()
AGE = 60.0


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
    board = Board("q1", 5, names(A, B), suspects={C: 7.0}).surveyed("q2", 0, names(B))

    assert board == Board("q2", 0, names(B), suspects={C: 7.0})


def test_an_ended_lease_frees_its_place_once():
    board = Board("q1", 2, names(A, B)).ended(A).ended(A)

    assert board.active == names(B)


def swept(board: Board, on_host: frozenset[str], cared_for: frozenset[str] = NOBODY, now: float = 0.0) -> tuple[Board, frozenset[str]]:
    return sweep(board, on_host, cared_for, now, AGE)


def test_a_worker_that_nothing_is_known_of_is_killed_once_it_was_seen_for_long_enough():
    board = Board("q1", active=names(A))
    kills = []
    for now in (0.0, AGE - 1, AGE):
        board, killed = swept(board, names(A, B), now=now)
        kills.append(killed)

    assert kills == [NOBODY, NOBODY, names(B)]


def test_a_board_says_when_somebody_will_have_been_unknown_for_long_enough():
    board, _ = swept(Board("q1", active=names(A)), names(A, B), now=5.0)

    assert [board.orphan_in(now, AGE) for now in (5.0, 5.0 + AGE - 1, 5.0 + AGE, 6.0 + AGE)] == [AGE, 1.0, 0.0, -1.0]
    assert Board("q1").orphan_in(1_000_000.0, AGE) == math.inf


def test_one_sighting_kills_nobody_however_long_ago_the_one_before_was():
    board, killed = sweep(Board("q1"), names(A), NOBODY, 1_000_000.0, 0.0)
    assert killed == NOBODY

    board, killed = sweep(board, names(A), NOBODY, 1_000_000.0, 0.0)
    assert killed == names(A)


def test_a_worker_whose_claim_was_under_way_at_the_first_sighting_lives():
    board, _ = swept(Board("q1"), names(A))

    board, killed = swept(board.claimed("q1", 1, names(A)), names(A), now=AGE)

    assert killed == NOBODY


def test_a_worker_whose_actor_looks_after_it_is_left_to_it():
    board, _ = swept(Board("q1"), names(A), names(A))
    board, killed = swept(board, names(A), names(A), now=AGE)

    assert killed == NOBODY


def test_sightings_with_a_lease_in_between_begin_anew():
    board, _ = swept(Board("q1"), names(A))
    board, _ = swept(board.surveyed("q1", 0, names(A)), names(A), now=AGE)
    board, killed = swept(board.ended(A), names(A), now=2 * AGE)

    assert killed == NOBODY


def test_only_a_sweep_reconciles_and_a_host_that_cannot_be_looked_at_undoes_it():
    board = Board().surveyed("q1", 0, names(A))
    assert not board.reconciled

    board, _ = swept(board, NOBODY)
    assert board.reconciled
    assert not board.unreconciled().reconciled


worker_sets = st.frozensets(st.sampled_from([A, B, C]))
times = st.floats(0.0, 30.0)


@given(st.lists(st.tuples(worker_sets, worker_sets, worker_sets, times), min_size=1))
def test_only_who_was_without_lease_and_actor_at_every_sighting_of_that_time_is_killed(sights: list[tuple[Any, ...]]):
    board, since, now = Board("q1"), dict[str, float](), 0.0
    for on_host, active, cared_for, later in sights:
        now += later
        board, killed = swept(board.surveyed("q1", 0, active), on_host, cared_for, now)

        orphans = on_host - active - cared_for
        assert killed == {worker for worker in orphans & since.keys() if now - since[worker] >= AGE}
        since = {worker: since.get(worker, now) for worker in orphans}


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
        (waiting("parked", condition="locks:/repo", reason="locked: a.py: x"), {}, "waits for files that others work on: a.py: x"),
        (waiting("parked", condition="hold:claude", reason="limit"), {}, "parked until it opens again: limit"),
        (waiting("running"), BUSY, ""),
        (waiting("completed"), BUSY, ""),
        (waiting(), {"reason": None}, "next to be claimed"),
        (Waiting("publishing", 0, -1.0, None, ""), {"reason": "paused by me"}, "its result is checked and published"),
        (Waiting("publishing", 0, -1.0, None, "", "", 1, "disk full"), {}, "tried once: disk full"),
        (Waiting("publishing", 0, -1.0, None, "", "", 7, "disk full"), {}, "tried 7 times: disk full"),
    ],
)
def test_a_waiting_item_says_why_it_waits(item: Waiting, dispatch: dict[str, object], sentence: str):
    assert why_it_waits(item, dispatch) == sentence


GPU = Waiting("queued", 2, -1.0, None, "", needs=("gpu",))
BOTH = Waiting("queued", 0, -1.0, None, "", needs=("big", "gpu"))


@pytest.mark.parametrize(
    ("item", "labels", "offered", "sentence"),
    [
        (GPU, (), (), "no host has the label gpu: `factory worker enroll NAME --label gpu` makes one"),
        (BOTH, (["gpu"], ["big"]), (), "no host has the labels big, gpu: `factory worker enroll NAME --label big --label gpu` makes one"),
        (BOTH, (["big", "gpu"],), (["big"],), "no place is free on a host with the labels big, gpu"),
        (GPU, (["gpu"],), (["big", "gpu"],), "2 ahead of it; all 2 workers are busy"),
    ],
)
def test_what_needs_labels_says_so_where_no_host_has_them(item: Waiting, labels: object, offered: object, sentence: str):
    assert why_it_waits(item, BUSY | {"labels": labels, "offered": offered}) == sentence


@pytest.mark.parametrize(
    ("labels", "offered", "sentence"),
    [
        ((), (), "waiting for hosts to reconnect"),
        ((["gpu"],), (), "waiting for hosts to reconnect"),
        ((["gpu"],), (["gpu"],), "2 ahead of it; all 2 workers are busy"),
        ((["big"],), (), "no host has the label gpu: `factory worker enroll NAME --label gpu` makes one"),
    ],
    ids=["nobody knows which hosts there are", "one has it", "one is back", "none has it"],
)
def test_while_hosts_come_back_no_label_is_said_to_be_missing_that_one_of_them_has(labels: object, offered: object, sentence: str):
    assert why_it_waits(GPU, BUSY | {"labels": labels, "offered": offered, "reconnecting": True}) == sentence


def test_a_host_that_has_the_labels_and_may_not_be_used_is_named_with_the_reason():
    dispatch = BUSY | {"labels": (["gpu"],), "offered": (), "barred": "old: workers cannot be kept from the network there"}

    told = why_it_waits(GPU, dispatch)

    assert told == "no place is free on a host with the label gpu; old: workers cannot be kept from the network there"
