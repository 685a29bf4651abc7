"""What waits for a person, without a terminal."""

from typing import Any

import pytest

from factory.protocol.feed import Delta, Snapshot
from tests.tui.scenes import lock, node
from tui.lock_waits import cycles, waiters, waiting_for
from tui.needs_you import needs_you
from tui.states import patience
from tui.world import World

PATIENCE = patience(5.0)


def world(**rows: Any) -> World:
    made = World()
    made.take(Snapshot("b", 1, rows.pop("items", []), rows.pop("workers", []), rows.pop("limits", {}), **rows), 0.0)
    return made


def item(name: str = "aaa", status: str = "needs_approval", **row: Any) -> dict[str, Any]:
    return {"id": name, "status": status, "epoch": 2, "priority": 2, "reason": "because", "age": 100.0, **row}


def worker(**row: Any) -> dict[str, Any]:
    return {"id": "aaa-2", "item": "aaa", "status": "busy", "phase": "running", "beat_age": 1.0, "progress_age": 1.0, **row}


HOLD = {"kind": "login", "reason": "no key", "until": None}


@pytest.mark.parametrize(
    ("rows", "kind", "subject"),
    [
        ({"items": [item()]}, "approval", "aaa"),
        ({"items": [item(status="stuck")]}, "stuck", "aaa"),
        ({"items": [item(status="failed")]}, "failed", "aaa"),
        ({"workers": [worker(progress_age=301.0)]}, "stalled", "aaa-2"),
        ({"workers": [worker(phase="stalled")]}, "stalled", "aaa-2"),
        ({"workers": [worker(beat_age=11.0)]}, "silent", "aaa-2"),
        ({"limits": {"hold:claude": HOLD}}, "hold", "claude"),
        ({"limits": {"settings": {"problem": "x is wrong"}}}, "settings", "settings"),
        ({"nodes": [node("delivery", state="gave up")]}, "actor", "delivery"),
        ({"nodes": [node("delivery", state="stopped by operator", stopped_by="ann")]}, "stopped", "delivery"),
        ({"nodes": [node("delivery", state="waiting", restarts=3)]}, "crashes", "delivery"),
        ({"outbox": [{"id": "aaa", "item": "aaa", "epoch": 1, "tries": 3, "last_error": "no"}]}, "outbox", "aaa"),
    ],
)
def test_each_trouble_needs_a_person(rows: dict[str, Any], kind: str, subject: str) -> None:
    assert [(need.kind, need.subject) for need in needs_you(world(**rows), PATIENCE, 0.0)] == [(kind, subject)]


@pytest.mark.parametrize(
    "rows",
    [
        {"items": [item(status=status) for status in ("queued", "running", "publishing", "parked", "in_review", "completed", "cancelled")]},
        {"items": [item(status="failed", since_age=90_000.0)]},
        {
            "workers": [
                worker(),
                worker(status="starting", beat_age=None),
                worker(phase="waiting", progress_age=9_999.0),
                worker(status="killing"),
            ]
        },
        {"limits": {"hold:claude": {**HOLD, "kind": "account", "until": 5e9}, "settings": {"problem": ""}, "dispatch": {"reason": "busy"}}},
        {"nodes": [node("queue", restarts=9), node("delivery", state="waiting", restarts=2)]},
        {"outbox": [{"id": "aaa", "item": "aaa", "epoch": 1, "tries": 2, "last_error": "no"}]},
    ],
)
def test_what_the_factory_mends_by_itself_or_what_is_long_over_needs_nobody(rows: dict[str, Any]) -> None:
    assert needs_you(world(**rows), PATIENCE, 0.0) == []


def test_a_worker_gets_to_need_a_person_by_time_alone() -> None:
    seen = world(workers=[worker(beat_at=1.0)])
    assert not needs_you(seen, PATIENCE, 5.0)
    assert [need.kind for need in needs_you(seen, PATIENCE, 12.0)] == ["silent"]


def test_a_row_that_is_not_told_with_each_beat_makes_no_healthy_worker_silent() -> None:
    assert not needs_you(world(workers=[worker()]), PATIENCE, 1_000.0)


def test_what_keeps_all_waiting_comes_before_what_keeps_one_and_the_longest_wait_first() -> None:
    rows = world(
        items=[item("failed", "failed"), item("young", since_age=1.0), item("old", since_age=60.0), item("stuck", "stuck")],
        limits={"hold:claude": HOLD},
        nodes=[node("delivery", state="gave up")],
    )
    assert [need.subject for need in needs_you(rows, PATIENCE, 0.0)] == ["delivery", "claude", "old", "young", "stuck", "failed"]


def test_the_next_wait_of_the_same_item_is_another_one() -> None:
    seen = world(items=[item()])
    first = needs_you(seen, PATIENCE, 0.0)[0].key
    seen.take(Delta("b", 2, "item", "aaa", 8, item(epoch=3)), 1.0)
    assert needs_you(seen, PATIENCE, 1.0)[0].key != first


def test_a_wait_grows_between_two_messages() -> None:
    assert needs_you(world(items=[item(since_age=60.0)]), PATIENCE, 30.0)[0].since == 90.0


def waits(name: str, file: str, holder: str, **row: Any) -> dict[str, Any]:
    return item(name, "parked", condition="locks:/srv/api.git", reason=f"locked: {file}: {holder}", **row)


def test_who_waits_for_a_lock_is_listed_in_the_order_in_which_they_get_it() -> None:
    seen = world(
        items=[waits("late", "a.py", "x-1", age=1.0), waits("urgent", "a.py", "x-1", priority=0, age=0.0), waits("early", "a.py", "x-1"),
               waits("other", "b.py", "x-1"), item("over", "failed", condition="locks:/srv/api.git", reason="locked: a.py: x-1")],
        locks=[lock("a.py", "x-1")],
    )  # fmt: skip
    names = [one.row["id"] for one in waiting_for(lock("a.py", "x-1"), waiters(seen))]
    assert names == ["urgent", "early", "late"]


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_circle_of_any_length_is_told_once(length: int) -> None:
    names = [f"i{number}" for number in range(length)]
    items = [waits(name, f"{following}.py", f"{following}-1") for name, following in zip(names, names[1:] + names[:1], strict=True)]
    items += [waits("outside", "i0.py", "i0-1")]
    seen = world(items=items, locks=[lock(f"{name}.py", f"{name}-1") for name in names])

    assert cycles(seen) == [(*names, "i0")]
    assert "cycle" in {need.kind for need in needs_you(seen, PATIENCE, 0.0)}


def test_a_chain_of_those_who_wait_is_no_circle() -> None:
    seen = world(items=[waits("a", "b.py", "b-1"), waits("b", "c.py", "c-1")], locks=[lock("b.py", "b-1"), lock("c.py", "c-1")])
    assert cycles(seen) == []
