"""What a follower knows of its items after each message of the feed."""

from typing import Any

import pytest

from factory.cli.board import Board, State
from factory.protocol.feed import Delta, Snapshot


def item(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "status": status, "iterations": 0, "commits": 0, "reason": None, "why": "", **more}


def delta(kind: Any, data: dict[str, Any] | None) -> Delta:
    return Delta("boot", 1, kind, "x", 1, data)


def snapshot(items: list[dict[str, Any]], workers: list[dict[str, Any]] | None = None) -> Snapshot:
    return Snapshot("boot", 1, items, workers or [], {})


def test_items_of_others_are_left_out() -> None:
    board = Board(["a"])

    assert board.take(delta("item", item("b", "running"))) == []
    assert board.take(snapshot([item("b", "running"), item("a", "running")])) == [State("a", "running")]
    assert [state.item for state in board.states] == ["a"]


def test_only_what_is_different_is_told() -> None:
    board = Board(["a"])

    assert board.take(delta("item", item("a", "assigned"))) == [State("a", "assigned")]
    assert board.take(delta("item", item("a", "assigned"))) == []


def test_a_worker_tells_its_phase_and_the_iteration_that_is_under_way() -> None:
    board = Board(["a"])
    board.take(delta("item", item("a", "running")))

    (state,) = board.take(delta("worker", {"item": "a", "phase": "gates", "iteration": 2}))

    assert state.describe() == "running, gates, 2 iterations"


def test_a_worker_that_is_still_there_says_nothing_of_an_item_that_went_on() -> None:
    board = Board(["a"])
    board.take(delta("item", item("a", "publishing", iterations=2, commits=1)))

    assert board.take(delta("worker", {"item": "a", "phase": "running", "iteration": 9})) == []
    assert board.states[0].describe() == "publishing, 2 iterations, 1 commit"


def test_the_reason_of_before_is_not_told_while_it_is_worked_on() -> None:
    board = Board(["a"])

    (queued,) = board.take(delta("item", item("a", "queued", reason="the gate was red", why="starts in 3 s")))
    (running,) = board.take(delta("item", item("a", "running", reason="the gate was red")))

    assert queued.describe() == "queued, the gate was red"
    assert running.describe() == "running"


def test_without_a_reason_it_is_told_why_it_waits() -> None:
    board = Board(["a"])

    (state,) = board.take(delta("item", item("a", "queued", why="2 ahead of it")))

    assert state.describe() == "queued, 2 ahead of it"


def test_items_that_a_snapshot_does_not_hold_are_to_be_asked_for() -> None:
    board = Board(["a", "b"])

    assert board.missing(snapshot([item("b", "running")])) == ["a"]
    assert board.missing(delta("item", item("b", "running"))) == []


@pytest.mark.parametrize("status", ["completed", "in_review", "failed", "cancelled", "stuck", "needs_approval"])
def test_it_is_over_when_nothing_more_happens_by_itself(status: str) -> None:
    board = Board(["a", "b"])
    board.take_item(item("a", status))
    assert not board.ended

    board.take_item(item("b", status))
    assert board.ended


def test_what_it_does_not_know_does_not_disturb_it() -> None:
    board = Board(["a"])

    assert board.take(delta("event", {"type": "X"})) == []
    assert board.take(delta("worker", None)) == []
    assert board.take(delta("item", {"id": "a", "status": "polished", "new": 1})) == [State("a", "polished")]


@pytest.mark.parametrize("phase", ["assigned", "done", "starting", "running"])
def test_a_phase_that_is_of_before_or_after_the_status_is_not_shown_beside_it(phase: str) -> None:
    assert State("a", "running", phase).describe() == "running"
