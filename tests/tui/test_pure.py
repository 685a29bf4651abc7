"""The dashboard's rules, without a terminal."""

import pytest

from factory.domain.clean import width
from factory.protocol.commands import Reply, Steer
from factory.protocol.feed import Delta, Snapshot
from tui import actions, pages
from tui.columns import Cell, Column, fitting, placed, said, show_age, show_count
from tui.order import Cursor, by_attention, kept, moved
from tui.pending import Pending
from tui.query import matches, parse
from tui.states import patience, worker_state
from tui.world import Seen, World

H = 5.0


def item(name: str = "aaa", **changes: object) -> Seen:
    return Seen({"id": name, "status": "running", "epoch": 2, "priority": 2, "title": "Say hello", "attempts": 0, **changes}, 0.0)


def worker(**changes: object) -> Seen:
    row = {"id": "aaa-2", "item": "aaa", "status": "busy", "phase": "running", "beat_age": 1.0, "progress_age": 1.0}
    return Seen({**row, **changes}, 0.0)


# -- the world --------------------------------------------------------------------------------------------------------


def test_a_snapshot_takes_the_place_of_what_was_known_and_deltas_follow() -> None:
    world = World()
    world.take(Snapshot("b", 1, [{"id": "a"}], [{"id": "w"}], {"pause": {}}), 1.0)
    world.take(Delta("b", 2, "item", "c", 1, {"id": "c"}), 2.0)
    world.take(Delta("b", 3, "item", "a", 2, None), 3.0)
    world.take(Delta("b", 4, "limit", "pause", 0, None), 3.0)
    assert (list(world.items), list(world.workers), world.limits, world.heard_at) == (["c"], ["w"], {}, 3.0)

    world.take(Snapshot("b2", 1, [], [], {}), 4.0)

    assert not world.items


def test_ages_grow_between_two_messages() -> None:
    assert Seen({"age": 3.0}, 10.0).age("age", 12.5) == 5.5
    assert Seen({"age": None}, 10.0).age("age", 12.5) is None


# -- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({}, "running"),
        ({"status": "starting"}, "starting"),
        ({"beat_age": 11.0}, "silent"),
        ({"progress_age": 301.0}, "stalled"),
        ({"progress_age": 301.0, "phase": "gates"}, "running"),
        ({"progress_age": 901.0, "phase": "gates"}, "stalled"),
        ({"phase": "waiting", "progress_age": 999.0}, "waiting"),
        ({"status": "stopping"}, "stopping"),
        ({"beat_age": None}, "running"),
    ],
)
def test_a_worker_has_two_clocks_and_limits_by_step(row: dict[str, object], state: str) -> None:
    assert worker_state(worker(**row), patience(H), 0.0) == state


def test_what_needs_a_person_comes_first_and_then_the_oldest() -> None:
    rows = [item("q", status="queued"), item("young", age=1.0), item("old", age=9.0), item("ask", status="needs_approval")]
    assert [seen.row["id"] for seen in by_attention(rows, lambda seen: str(seen.row["status"]))] == ["ask", "old", "young", "q"]


# -- cursor -----------------------------------------------------------------------------------------------------------


def test_the_cursor_stays_on_its_row_when_rows_move_and_in_its_place_when_that_row_goes() -> None:
    assert kept(Cursor("b", 1), ["c", "d", "b"]) == Cursor("b", 2)
    assert kept(Cursor("b", 1), ["c", "d"]) == Cursor("d", 1)
    assert kept(Cursor("b", 5), ["c"]) == Cursor("c", 0)
    assert kept(Cursor("b", 5), []) == Cursor()
    assert moved(Cursor("b", 1), ["a", "b"], 5) == Cursor("b", 1)


# -- columns ----------------------------------------------------------------------------------------------------------

COLUMNS: tuple[Column[int], ...] = (
    Column("A", 4, lambda n, _: Cell(str(n))),
    Column("B", 6, lambda n, _: Cell(str(n)), least=30),
    Column("C", 0, lambda n, _: Cell(str(n))),
)


@pytest.mark.parametrize("screen", range(1, 60))
def test_columns_never_take_more_than_the_screen_has(screen: int) -> None:
    shown = fitting(COLUMNS, screen)
    assert shown
    assert sum(size for _, size in shown) + len(shown) - 1 <= max(screen, 4)
    assert any(column.title == "B" for column, _ in shown) == (screen >= 30)


def test_a_cell_has_exactly_its_width_and_nothing_that_a_terminal_obeys() -> None:
    assert width(placed("日本語", 5)) == 5
    assert placed("7", 3, right=True) == "  7"
    assert said("a\x1b]2;title\x07b\n\u202ec").text == "ab c"


def test_ages_and_counts_are_short() -> None:
    assert [show_age(value) for value in (None, 0.42, 12.3, 90, 7200, 200_000)] == ["", "0.4s", "12s", "2m", "2h", "2d"]
    assert [show_count(value) for value in (None, 0, 950, 1_500, 27_300, 2_500_000)] == ["", "0", "950", "1.5k", "27k", "2.5M"]


# -- filter -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", True), ("hello", True), ("HELLO", True), ("!hello", False), ("state:run", True), ("state:queued", False),
        ("!state:queued hello", True), ("repo:api hello", True), ("repo:web", False), ("http://x", False), ("!", True),
    ],
)  # fmt: skip
def test_a_query_shows_what_matches_all_of_its_terms(text: str, shown: bool) -> None:
    assert matches(parse(text), {"state": "running", "title": "Say hello", "repo": "/srv/api.git"}) is shown


# -- actions ----------------------------------------------------------------------------------------------------------


def test_a_kill_asks_first_and_names_the_attempt_that_was_seen() -> None:
    plan = actions.kill([item()], "me")

    assert plan.question == "Kill aaa?"
    assert [(one.verb, one.item, one.expected_epoch) for one in plan.requests if isinstance(one, Steer)] == [("kill", "aaa", 2)]


def test_a_kill_of_what_nobody_works_on_says_so_and_sends_nothing() -> None:
    plan = actions.kill([item(status="queued")], "me")
    assert (plan.requests, plan.refusal) == ((), "Nothing works on it.")


def test_many_rows_are_one_question_that_counts_them() -> None:
    plan = actions.cancel([item(f"i{number}", title="x") for number in range(7)], "me")
    assert (plan.question, plan.facts[-1], len(plan.requests)) == ("Cancel 7 items?", "and 2 more", 7)


def test_priorities_move_by_one_step_within_the_scale_and_can_be_put_back() -> None:
    plan = actions.prioritise([item(priority=1)], 1, "me")
    back = actions.undone(plan, [item(priority=1)], "me")

    assert [one.argument for one in (*plan.requests, *back.requests) if isinstance(one, Steer)] == ["0", "1"]
    assert actions.prioritise([item(priority=0)], 1, "me").refusal


def test_the_answers_to_one_plan_are_one_notice() -> None:
    pending = Pending()
    key = pending.sent("kill 2 items", 2)

    assert pending.answered(key, Reply("ok")) is None
    notice = pending.answered(key, Reply("conflict", "it is at another epoch"))

    assert notice is not None
    assert (notice.text, notice.bad) == ("kill 2 items: 1 done, 1 refused: it is at another epoch", True)
    assert pending.answered(key, Reply("ok")) is None


# -- one worker -------------------------------------------------------------------------------------------------------


def test_what_a_worker_uses_is_said_in_its_own_units_and_left_out_while_it_is_not_known() -> None:
    known = worker(cpu=1.5, memory=3 * 2**20, memory_limit=4 * 2**30, pids=12)

    told = [" ".join(line.text.split()) for line in pages.about_worker(known.row, 80)]
    unknown = [line.text.split()[0] for line in pages.about_worker(worker(cpu=None, memory=None).row, 80)]

    assert told[-4:] == ["cpu 1.50 processors", "memory 3.0M", "memory limit 4.0G", "pids 12"]
    assert not {"cpu", "memory"} & set(unknown)
