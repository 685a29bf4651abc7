"""Pictures of what is on top of the lists: a worker, questions, typing, the past, and what is shown where there is nothing."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from factory.protocol.commands import Reply
from tests.fakes.clock import ManualClock
from tests.tui import scenes
from tests.tui.conftest import FakeFactory, Person
from tests.tui.pictures import Compare, compared, settled
from tests.tui.test_detail import LOG, Log
from tests.tui.test_past import LEARNINGS, SERIES, event, trail_of
from tests.tui.test_replay import START, Store, life
from tui.context import Context
from tui.link import Link
from tui.replay_app import ReplayTui
from tui.replay_feed import Controls, ReplayFeed

Run = Callable[..., None]


# -- a worker ---------------------------------------------------------------------------------------------------------

WORKERS: dict[str, dict[str, Any]] = {
    "running": {},
    "waiting": {"phase": "waiting", "progress_age": 1.0},
    "stalled": {"progress_age": 4_000.0},
    "silent": {"beat_age": 40.0},
    "killing": {"status": "killing", "reason": "killed by ann"},
    "starting": {"status": "starting", "phase": "starting", "beat_age": None, "progress_age": None},
}


@pytest.mark.parametrize("state", WORKERS)
def test_a_worker_looks_so_in_each_of_its_states(factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, state: str) -> None:
    factory_feed.item("aaa", holder="aaa-2", title="Pagination bug")
    factory_feed.worker("aaa-2", **WORKERS[state])
    answers_log(factory_feed, "" if state == "starting" else LOG)

    async def steps(person: Person) -> None:
        await settled(person)
        person.app.look("worker", "aaa-2", "log")
        await person.sees("aaa-2")
        await compared(person, snapshot, f"worker-{state}")

    dashboard(steps)


def answers_log(factory: FakeFactory, text: str) -> None:
    answers: dict[str, Any] = factory.answers
    answers["log"] = Log(text)


def test_a_worker_that_is_gone_looks_so(factory_feed: FakeFactory, dashboard: Run, snapshot: Compare) -> None:
    factory_feed.item("aaa", holder="aaa-2", title="Pagination bug")
    factory_feed.worker("aaa-2")
    answers_log(factory_feed, LOG)

    async def steps(person: Person) -> None:
        await settled(person)
        person.app.look("worker", "aaa-2", "log")
        await person.sees("gave up")
        factory_feed.put("worker", "aaa-2", None)
        await person.sees("gone")
        await compared(person, snapshot, "worker-gone")

    dashboard(steps)


def test_what_was_read_of_a_worker_stays_while_its_factory_is_away(
    factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, clock: ManualClock
) -> None:
    factory_feed.item("aaa", holder="aaa-2", title="Pagination bug")
    factory_feed.worker("aaa-2", beat_at=1_000.0, progress_at=997.0)
    answers_log(factory_feed, LOG)

    async def steps(person: Person) -> None:
        await settled(person)
        person.app.look("worker", "aaa-2", "log")
        await person.sees("gave up")
        factory_feed.stop()
        await person.sees("DISCONNECTED")
        clock.advance(77.0)
        await person.sees("DISCONNECTED 1m")
        await compared(person, snapshot, "worker-disconnected")

    dashboard(steps)


# -- questions and typing ---------------------------------------------------------------------------------------------

TYPED = {
    "kill": ("ctrl+k",),
    "kill-many": ("space", "space", "ctrl+k", "2"),
    "cancel": ("X",),
    "note": ("m", *"use", "space", *"tabs"),
    "stop-all": ("colon", *"stop", "space", *"all", "enter"),
    "help": ("question_mark",),
    "filter": ("slash", *"state:running"),
    "filter-none": ("slash", *"nobody", "enter"),
    "command": ("colon", *"wor"),
    "sort": ("s",),
}


@pytest.mark.parametrize("name", TYPED)
def test_what_is_asked_and_typed_looks_so(factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, name: str) -> None:
    for number, title in enumerate(("Fix the pagination", "Rename a table", "Rotate the keys")):
        factory_feed.item(f"aaa{number}", holder=f"aaa{number}-2", title=title)

    async def steps(person: Person) -> None:
        await settled(person)
        await person.press("g", *TYPED[name])
        await compared(person, snapshot, f"asked-{name}")

    dashboard(steps)


def test_a_no_asks_for_its_reason_so(factory_feed: FakeFactory, dashboard: Run, snapshot: Compare) -> None:
    scenes.approvable(factory_feed)
    factory_feed.item("eee1", status="needs_approval", reason="guarded", title="Change the workflow")

    async def steps(person: Person) -> None:
        await settled(person)
        await person.press("x", *"too", "space", *"large")
        await compared(person, snapshot, "asked-reject")

    dashboard(steps, screen="approvals")


@pytest.mark.parametrize(("name", "changes"), [("read-only", {"read_only": True}), ("ascii", {"plain": True})])
def test_a_terminal_that_is_another_one_looks_so(
    factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, name: str, changes: dict[str, Any]
) -> None:
    scenes.troubled(factory_feed)

    async def steps(person: Person) -> None:
        await settled(person)
        await compared(person, snapshot, f"overview-{name}")

    dashboard(steps, screen="overview", **changes)


def test_a_screen_that_stands_still_says_for_how_long(
    factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, clock: ManualClock
) -> None:
    scenes.busy(factory_feed)

    async def steps(person: Person) -> None:
        await settled(person)
        await person.press("p")
        factory_feed.item("new")
        await person.until(lambda: "new" in person.app.context.world.items)
        clock.advance(38.0)
        await compared(person, snapshot, "queue-paused")

    dashboard(steps)


def test_where_there_is_no_factory_the_page_looks_so(dashboard: Run, snapshot: Compare, clock: ManualClock) -> None:
    async def steps(person: Person) -> None:
        clock.advance(2.0)
        await person.sees("factory up")
        await compared(person, snapshot, "no-factory")

    dashboard(steps)


# -- what the store knows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("screen", "said"), [("events", "No events in the last hour"), ("learnings", "None yet"), ("metrics", "No attempt in the last 24h")]
)
def test_a_screen_without_a_past_looks_so(factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, screen: str, said: str) -> None:
    answers: dict[str, Any] = factory_feed.answers
    answers["trail"] = trail_of([])

    async def steps(person: Person) -> None:
        await person.sees(said)
        await compared(person, snapshot, f"{screen}-idle")

    dashboard(steps, screen=screen)


READ = {"events": "handed in", "learnings": "exclusive", "metrics": "Throughput"}


@pytest.mark.parametrize("screen", READ)
def test_a_past_that_was_read_stays_while_the_factory_is_away(
    factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, clock: ManualClock, screen: str
) -> None:
    factory_feed.item("aaa")
    trail = trail_of([event("aaa", 1, -50.0, "WORK_ITEM.ENQUEUED.SUCCESS", title="Pagination"), event("aaa", 2, -40.0)])
    learnings = Reply("ok", data={"learnings": LEARNINGS})
    answers: dict[str, Any] = factory_feed.answers
    answers.update(trail=trail, series=Reply("ok", data=SERIES), learnings=learnings)

    async def steps(person: Person) -> None:
        await person.sees(READ[screen])
        await settled(person)
        factory_feed.stop()
        await person.sees("DISCONNECTED")
        clock.advance(77.0)
        await person.sees("DISCONNECTED 1m")
        await compared(person, snapshot, f"{screen}-disconnected")

    dashboard(steps, screen=screen)


# -- the past ---------------------------------------------------------------------------------------------------------


def replaying(factory: FakeFactory, made: Context, clock: ManualClock, controls: Controls) -> ReplayTui:
    store = Store([*life("aaa"), *life("bbb", 5.0)])
    answers: dict[str, Any] = factory.answers
    answers.update(trail=store, items=store, events=store)
    commands = made.link._open_commands
    made.link = Link(lambda: ReplayFeed(commands, controls, 100.0, wall=lambda: START + 100, clock=clock.monotonic), commands)
    return ReplayTui(made, controls)


@pytest.mark.parametrize("screen", ["overview", "queue", "workers", "events", "approvals", "locks", "learnings", "metrics", "tree"])
def test_the_past_is_marked_as_such_with_its_time_and_speed(
    factory_feed: FakeFactory, context: Callable[..., Context], clock: ManualClock, snapshot: Compare, screen: str
) -> None:
    controls = Controls()
    controls.pause()

    async def inside() -> None:
        app = replaying(factory_feed, context(read_only=True, quiet=True), clock, controls)
        async with app.run_test(size=(80, 24)) as pilot:
            person = Person(app, pilot)
            app.go(screen)
            await person.sees("REPLAY 11-14 22:13:20 x1 PAUSED")
            for _ in range(6):
                seen = len(app.context.world.events)
                await person.press("full_stop")
                await person.until(partial(more_than, app.context, seen), "a step")
            await person.press("f")
            await person.until(lambda: len(app.context.world.workers) == 2, "both at work")
            await compared(person, snapshot, f"replay-{screen}")

    asyncio.run(inside())
    assert not factory_feed.commands


def more_than(context: Context, seen: int) -> bool:
    return len(context.world.events) > seen
