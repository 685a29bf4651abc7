"""Events, learnings and metrics: what the feed tells, what the store has, and what is said where there is nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from factory.protocol.commands import Query, Reply
from tests.tui.pictures import steady
from tui.metrics import lines
from tui.past import Past
from tui.widgets.sparkline import spark

NOW = 1_700_000_000.0
HOSTILE = "\x1b]2;owned\x07[@click=app.boom]x[/] [/path] \x9b31m\u202egnp.exe"
SIZES = ((44, 16), (130, 24), (80, 24))


def event(item: str, seq: int, at: float, kind: str = "WORK_ITEM.STARTED.SUCCESS", **data: object) -> dict[str, Any]:
    return {"stream": f"item:{item}", "seq": seq, "at": NOW + at, "type": kind, "epoch": 1, "data": data}


def trail_of(events: list[dict[str, Any]]) -> Callable[[Query], Reply]:
    def answer(query: Query) -> Reply:
        rows = [row for row in sorted(events, key=lambda row: row["at"]) if row["at"] >= query.since]
        start = int(query.place or 0)
        more = start + query.limit < len(rows)
        return Reply("ok", data={"events": rows[start : start + query.limit], "next": str(start + query.limit) if more else ""})

    return answer


def test_going_back_finds_every_event_once() -> None:
    events = [event(f"i{n}", 1, -60.0 * n) for n in range(3_000)]
    past, answer = Past(), trail_of(events)
    while not past.over:
        past.back(NOW)
        while past.query is not None:
            past.take(answer(past.query).data)
        assert len(past.rows) == sum(row["at"] >= past.start for row in events)
    assert len(past.rows) == 3_000


def test_events_follow_the_newest_and_the_first_move_up_ends_that(factory_feed, dashboard) -> None:
    factory_feed.item("aaa")
    factory_feed.answers["trail"] = trail_of([event("old", n, -100.0 + n) for n in range(1, 60)])

    async def steps(person) -> None:
        await person.sees("old")
        assert person.app.seen.follow
        factory_feed.event(**event("aaa", 1, 1.0, "WORK_ITEM.ENQUEUED.SUCCESS", title="Brand new"))
        await person.sees("Brand new")
        await person.press("k")
        for n in range(2, 30):
            factory_feed.event(**event("aaa", n, float(n), "WORK_ITEM.NOTED.SUCCESS", text=f"note {n}", by="me"))
        await person.until(lambda: len(person.app.context.world.events) == 29)
        await person.until(lambda: len(person.app.seen.table.keys) == 88)
        assert "note 29" not in person.screen()
        await person.press("G")
        await person.sees("note 29")
        await person.press("slash", *"item:old", "enter")
        await person.until(lambda: len(person.app.seen.table.keys) == 59)
        await person.press("escape", "G", "enter")
        await person.sees('"text": "note 29"')

    dashboard(steps, screen="events")


TOTALS: dict[str, Any] = {
    "claims": 19, "published": 14, "failed": 2, "tokens": 1_200_000, "tokens_per_hour": 50_000, "wait_p50": 120.0, "wait_p90": 900.0,
    "run_p50": 660.0, "run_p90": 2_280.0, "failures": {"agent": 3, "infra": 1}, "gate_rate": 0.875,
    "gates": [{"name": "tests", "passed": 7, "failed": 1, "rate": 0.875}],
}  # fmt: skip
POINTS = [
    {"at": NOW + n, "ended": n % 3, "published": n % 2, "failed": int(n == 7), "tokens": 1_000 * n, "iterations": n} for n in range(24)
]
SERIES = {"window": "24h", "bucket": 3_600, "from": NOW - 86_400, "to": NOW, "points": POINTS, "totals": TOTALS}
LEARNINGS = [
    {"id": 2, "content": "Run the tests with make check.", "repo": "/srv/api.git", "item": "aaa", "use_count": 3, "active": True},
    {"id": 1, "content": "The cursor is exclusive.", "repo": "/srv/web.git", "item": "bbb", "use_count": 0, "active": False},
]


@pytest.mark.parametrize(("screen", "seen"), [("events", "handed in"), ("learnings", "exclusive"), ("metrics", "Throughput")])
def test_a_screen_looks_so_at_each_width(factory_feed, dashboard, snapshot, screen, seen) -> None:
    factory_feed.item("aaa")
    events = [event("aaa", 1, -50.0, "WORK_ITEM.ENQUEUED.SUCCESS", title="Pagination"), event("aaa", 2, -40.0),
              event("aaa", 3, -10.0, "GATE.VERIFICATION.FAILED", gate="tests", seconds=3.0)]  # fmt: skip
    factory_feed.answers.update(trail=trail_of(events), series=Reply("ok", data=SERIES))
    factory_feed.answers["learnings"] = Reply("ok", data={"learnings": LEARNINGS})

    async def steps(person) -> None:
        for width, height in SIZES:
            await person.pilot.resize_terminal(width, height)
            await person.sees(seen)
            await steady(person)
            snapshot(person, f"{screen}-{width}")

    dashboard(steps, screen=screen)


@pytest.mark.parametrize(
    ("screen", "said"), [("events", "No events in the last hour"), ("learnings", "None yet"), ("metrics", "No attempt in the last 24h")]
)
def test_an_empty_screen_says_what_fills_it(factory_feed, dashboard, screen, said) -> None:
    factory_feed.answers.update(trail=trail_of([]))

    async def steps(person) -> None:
        await person.sees(said)

    dashboard(steps, screen=screen)


@pytest.mark.parametrize("screen", ["events", "learnings", "metrics"])
def test_nothing_of_what_agents_write_reaches_the_terminal(factory_feed, dashboard, screen) -> None:
    totals = {**TOTALS, "failures": {HOSTILE: 1}, "gates": [{**TOTALS["gates"][0], "name": f"seen {HOSTILE}"}]}
    factory_feed.answers.update(
        trail=trail_of([event("aaa", 1, -5.0, "WORK_ITEM.ENQUEUED.SUCCESS", title=f"seen {HOSTILE}")]),
        learnings=Reply("ok", data={"learnings": [{**LEARNINGS[0], "content": f"seen {HOSTILE}"}]}),
        series=Reply("ok", data={**SERIES, "totals": totals}),
    )

    async def steps(person) -> None:
        await person.sees("seen")
        await person.press("enter")
        shown = person.screen()
        assert not [letter for letter in shown if (ord(letter) < 32 and letter != "\n") or 0x7F <= ord(letter) < 0xA0 or letter == "\u202e"]

    dashboard(steps, screen=screen)


def test_a_text_is_looked_for_by_the_learner_when_it_has_settled(factory_feed, dashboard, clock) -> None:
    def answer(query: Query) -> Reply:
        found = [{"id": 9, "content": "Found by meaning.", "repo": "r", "item": "aaa", "use_count": 1, "similarity": 0.91}]
        return Reply("ok", data={"learnings": found if query.text else LEARNINGS})

    factory_feed.answers["learnings"] = answer

    async def steps(person) -> None:
        await person.sees("exclusive")
        await person.press("slash", *"tests")
        await person.until(lambda: "exclusive" not in person.screen())
        assert all(not query.text for query in factory_feed.queries)
        clock.advance(2.0)
        await person.sees("91%")
        assert [query.text for query in factory_feed.queries if query.text] == ["tests"]

    dashboard(steps, screen="learnings")


def test_bars_say_how_much_and_nothing_is_a_space() -> None:
    assert spark([0, 1, 8], 10) == " ▂█"
    assert spark([0, 0], 10) == "  "
    assert len(spark([1.0] * 500, 40)) == 40
    assert spark([-1.0, 1.0], 5) == " █"


@pytest.mark.parametrize("size", [10, 40, 200])
def test_metrics_fit_whatever_is_missing(size) -> None:
    assert lines({}, size)
    assert all(len(line.text) <= max(size, 60) for line in lines({"points": POINTS, "totals": TOTALS}, size)[:5])
