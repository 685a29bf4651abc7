"""The rows of the list screens, without a terminal."""

from typing import Any

import pytest

from factory.domain.clean import width
from factory.protocol.commands import ReleaseLock, SteerActor
from factory.protocol.feed import Delta, Snapshot
from tests.tui.scenes import HOSTILE, PATCH, lock, node
from tui.columns import Cell, show_bytes
from tui.process_plans import release, restart
from tui.standing import Standing
from tui.states import patience
from tui.tables import Queue
from tui.tables_approvals import asked, shown_digest
from tui.tables_locks import Locks, held
from tui.tables_overview import event_line, last_hour, limits, shares, spark
from tui.tables_tree import Tree, branches, told
from tui.world import Seen, World
from tui.wrapping import kept, wrapped


def world(*items: dict[str, Any], **rows: Any) -> World:
    made = World()
    made.take(Snapshot("b", 1, list(items), rows.pop("workers", []), rows.pop("limits", {}), **rows), 0.0)
    return made


def item(name: str, status: str = "queued", **row: Any) -> dict[str, Any]:
    return {
        "id": name,
        "status": status,
        "epoch": 1,
        "priority": 2,
        "created_at": 0.0,
        "due_in": -1.0,
        "age": 5.0,
        "engine": "claude:opus",
        **row,
    }


# -- why it is not running --------------------------------------------------------------------------------------------

BUSY = {"dispatch": {"reason": "all 3 workers are busy"}}


@pytest.mark.parametrize(
    ("row", "limits_", "wall", "why"),
    [
        ({}, {}, 0.0, "next to be claimed"),
        ({}, BUSY, 0.0, "all 3 workers are busy"),
        ({"due_in": 30.0}, BUSY, 0.0, "starts in 30 s at the earliest"),
        ({"needs": ["gpu"]}, {"dispatch": {"labels": [["gpu"]], "offered": []}}, 0.0, "no place is free on a host with the label gpu"),
        ({}, {"hold:claude": {"reason": "no key", "until": None}}, 0.0, "its engine is held: no key"),
        ({}, {"hold:claude": {"reason": "limit", "until": 100.0}}, 99.0, "its engine is held: limit"),
        ({}, {"hold:claude": {"reason": "limit", "until": 100.0}}, 101.0, "next to be claimed"),
        ({"status": "parked", "condition": "locks:r", "reason": "locked: a: w"}, {}, 0.0, "waits for files that others work on: a: w"),
        ({"status": "failed", "reason": "the gate failed"}, {}, 0.0, "the gate failed"),
        ({"status": "in_review", "pr_url": "https://x"}, {}, 0.0, "https://x"),
    ],
)
def test_an_item_says_why_it_is_not_running(row: dict[str, Any], limits_: dict[str, Any], wall: float, why: str) -> None:
    seen = world(item("a", **row), limits=limits_)
    assert Standing(seen, 0.0, wall).why(seen.items["a"]) == why


def test_what_is_passed_over_for_its_labels_is_ahead_of_nobody() -> None:
    items = (item("a", needs=["gpu"]), item("b", created_at=1.0))
    waits = world(*items, limits={"dispatch": {"labels": [["gpu"]], "offered": []}})
    free = world(*items, limits={"dispatch": {"labels": [["gpu"]], "offered": [["gpu"]]}})

    assert [Standing(seen, 0.0, 0.0).why(seen.items["b"]) for seen in (waits, free)] == ["next to be claimed", "1 ahead of it"]


def test_why_follows_what_happens_to_others_and_the_passing_of_time() -> None:
    seen = world(item("a"), item("b", created_at=1.0), item("c", created_at=2.0, priority=0), item("d", due_in=30.0))
    table = Queue(seen)
    assert [table.why(seen.items[name], 0.0) for name in "cab"] == ["next to be claimed", "1 ahead of it", "2 ahead of it"]

    seen.take(Delta("x", 2, "item", "c", 2, item("c", "running")), 1.0)

    assert table.why(seen.items["b"], 1.0) == "1 ahead of it"
    assert table.why(seen.items["d"], 10.0) == "starts in 20 s at the earliest"
    assert table.why(seen.items["d"], 31.0) == "1 ahead of it"


def test_an_item_at_work_says_what_its_worker_does_and_one_that_cannot_be_published_why() -> None:
    seen = world(
        item("a", "running", holder="a-1"),
        item("b", "publishing"),
        item("c", "publishing"),
        workers=[{"id": "a-1", "item": "a", "phase": "gates", "iteration": 3}],
        outbox=[{"id": "b", "item": "b", "tries": 4, "last_error": "disk full"}],
    )
    told = [Standing(seen, 0.0, 0.0).why(seen.items[name]) for name in "abc"]
    assert told == ["gates, iteration 3", "tried 4 times: disk full", "its result is checked and published"]


def test_the_queue_stands_in_the_order_of_its_claims_below_what_needs_a_person() -> None:
    day = 86_400.0
    seen = world(
        item("old-failure", "failed", since_age=2 * day), item("last", created_at=10.0), item("first", created_at=9.0, priority=0),
        item("runs", "running"), item("asks", "needs_approval"), item("failed", "failed", since_age=1.0), item("done", "completed"),
    )  # fmt: skip
    names = [one.row["id"] for one in Queue(seen).ordered(seen.items.values(), 0.0)]
    assert names == ["asks", "failed", "runs", "first", "last", "done", "old-failure"]


def test_an_item_whose_worker_is_still_being_ended_is_killing() -> None:
    seen = world(item("a"), item("b", epoch=2), workers=[{"id": "a-1", "item": "a", "epoch": 1}, {"id": "b-1", "item": "b", "epoch": 1}])
    assert [Queue(seen).state(seen.items[name], 0.0) for name in "ab"] == ["killing", "queued"]


# -- locks ------------------------------------------------------------------------------------------------------------


def test_locks_that_somebody_waits_for_come_first_and_say_until_when_they_are_held() -> None:
    waits = item("w", "parked", condition="locks:/srv/api.git", reason="locked: z.py: b-1")
    workers = [{"id": "a-1", "item": "a", "beat_age": 1.0}, {"id": "b-1", "item": "b", "beat_age": 15.0}]
    seen = world(waits, workers=workers, locks=[lock("a.py", "a-1"), lock("p.py", "gone-1"), lock("z.py", "b-1")])
    rows = held(seen)
    expires = next(column for column in Locks(patience(5.0)).columns if column.title == "EXPIRES")

    assert [(one.seen.row["file_path"], len(one.waiters)) for one in rows] == [("z.py", 1), ("a.py", 0), ("p.py", 0)]
    assert [expires.cell(one, 0.0).text for one in rows] == ["lease 5.0s", "with its lease", "when published"]


def test_a_lock_is_taken_from_whom_it_was_seen_to_belong_to_and_only_by_typing() -> None:
    plan = release(lock("a.py", "a-1"), None, "me")
    assert (plan.typed, len(plan.requests)) == ("release", 1)
    request = plan.requests[0]
    assert isinstance(request, ReleaseLock)
    assert (request.repo, request.file, request.worker) == ("/srv/api.git", "a.py", "a-1")


# -- tree -------------------------------------------------------------------------------------------------------------

NODES = [node("worker-a-1", level="workers"), node("queue", restarts=2, reason="killed by SIGKILL"), node("journal", state="gave up")]


def test_processes_stand_below_their_levels_which_count_them() -> None:
    lines = branches(world(nodes=NODES))
    columns = Tree(plain=True).columns
    assert [[columns[place].cell(line, 0.0).text for place in (0, 1)] for _, line in lines] == [
        ["core", "1 of 2 up"], ["|- queue", "* running"], ["`- journal", "x gave up"], ["edge", "0 of 0 up"],
        ["workers", "1 of 1 up"], ["`- worker-a-1", "* running"],
    ]  # fmt: skip
    assert branches(world()) == []


def test_a_process_tells_its_last_end_and_its_memory() -> None:
    lines = dict(branches(world(nodes=NODES)))
    assert "last end: killed by SIGKILL" in [cell.text for cell in told(lines["node queue"])]
    assert [show_bytes(number) for number in (None, 0, 900, 6_000_000, 60_000_000, 3 * 2**30)] == ["?", "0", "900", "5.7M", "57M", "3.0G"]


def test_a_restart_asks_first_and_a_workers_actor_is_not_restarted() -> None:
    plan = restart(node("delivery"), "me")
    assert plan.question == "Restart delivery?"
    assert [(one.verb, one.actor) for one in plan.requests if isinstance(one, SteerActor)] == [("restart", "delivery")]
    assert restart(NODES[0], "me").requests == ()


# -- approvals --------------------------------------------------------------------------------------------------------

DIFF = {
    "epoch": 2,
    "approvable": True,
    "digest": "d" * 64,
    "base": "b" * 40,
    "commit": "c" * 40,
    "file_count": 1,
    "patch": PATCH,
    "size": 10,
    "next": 10,
}


def approval(**row: Any) -> Seen:
    return Seen(item("a", "needs_approval", **{"epoch": 2, "reason": "it is guarded", "title": "t", **row}), 0.0)


def test_a_digest_is_shown_only_for_the_result_that_waits() -> None:
    assert shown_digest(approval(), DIFF) == "d" * 64
    assert shown_digest(approval(epoch=3), DIFF) == ""
    assert shown_digest(approval(), {**DIFF, "approvable": False}) == ""
    assert shown_digest(approval(), None) == ""


def test_what_is_asked_shows_reason_evidence_digest_and_the_whole_patch() -> None:
    lines = [cell.text for cell in asked(approval(), {"item": {"evidence": "ci.yml is guarded"}}, DIFF, "")]
    for text in ("it is guarded", "  ci.yml is guarded", f"digest {'d' * 64}", "+   test: {runs-on: ubuntu-latest}"):
        assert text in lines


def test_a_patch_shows_characters_that_cannot_be_seen_and_says_where_it_goes_on() -> None:
    lines = [cell.text for cell in asked(approval(), None, {**DIFF, "patch": f"+{HOSTILE}", "size": 500_000, "next": 200_000}, "")]
    assert any(line.startswith("+\\x1b]2;owned\\x07") and "\\u202egnp.exe" in line for line in lines)
    assert "300000 more characters: D shows all of it" in lines
    assert not any("\x1b" in line or "\u202e" in line for line in lines)


def test_a_result_that_is_not_there_yet_says_so() -> None:
    assert "result: the result is being read" in [cell.text for cell in asked(approval(), None, None, "the result is being read")]


# -- lines ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 20, 44])
@pytest.mark.parametrize("text", ["", "word " * 20, "x" * 95, "日本語" * 30, "    indented " * 9, HOSTILE])
def test_wrapped_lines_lose_nothing_and_are_never_too_wide(text: str, size: int) -> None:
    lines = kept(text)
    parts = wrapped(lines, size)
    assert "".join(part.text for part in parts) == "".join(line.text for line in lines)
    assert all(width(part.text) <= max(size, 2) for part in parts)


def test_lines_break_between_words_where_they_can() -> None:
    assert [part.text for part in wrapped([Cell("the quick brown fox")], 10)] == ["the quick ", "brown fox"]


# -- overview ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", range(40))
def test_parts_of_the_screen_never_take_more_than_there_is(room: int) -> None:
    given = shares(room, (4, 3, 3, 3, 0), (12, 6, 30, 9, 7))
    assert sum(given) == min(room, 64)
    assert given[0] >= min(room, 4)


def test_limits_say_what_starts_nothing_and_until_when() -> None:
    rows = {
        "dispatch": {"active": 3, "max_workers": 3, "reason": "all 3 workers are busy"}, "pause": {"intake": {"by": "ann"}},
        "hold:x": {"reason": "usage limit", "until": 160.0}, "hold:y": {"reason": "no key", "until": None},
        "hold:z": {"reason": "", "until": 9.0},
    }  # fmt: skip
    assert [cell.text for cell in limits(world(limits=rows), 100.0)] == [
        "LIMITS", "workers 3 of 3", "starts none: all 3 workers are busy", "intake paused by ann; :resume", "x held for 1m: usage limit",
        "y held until somebody acts: no key",
    ]  # fmt: skip


def test_the_last_hour_is_figures_and_bars() -> None:
    assert spark([0.0, 1.0, 2.0, 4.0]) == "▁▃▅█"
    assert spark([]) == spark([0.0]).strip("▁") == ""
    assert [cell.text for cell in last_hour(None)] == ["LAST HOUR", "not known yet"]


def test_an_event_is_one_line_with_its_reason() -> None:
    row = {"at": 0.0, "stream": "item:aaa", "type": "WORK_ITEM.LEASE.EXPIRED", "data": {"reason": f"silent {HOSTILE}"}}
    cell = event_line(row)
    assert cell.tone == "bad"
    assert "aaa" in cell.text
    assert not any(letter < " " or letter == "\u202e" for letter in cell.text)
