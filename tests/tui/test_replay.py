"""What was is shown as it was: the fold of the events, forwards and back."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from factory.domain.events import LIFECYCLE, fold
from factory.protocol.commands import Query, Reply
from factory.protocol.feed import Delta, Snapshot
from tui.link import Link
from tui.replay import Replay, needing_history
from tui.replay_app import ReplayTui, standing
from tui.replay_feed import Controls, ReplayFeed
from tui.world import World

START = 1_700_000_000.0


def event(item: str, seq: int, at: float, kind: str, **data: object) -> dict[str, Any]:
    return {"stream": f"item:{item}", "seq": seq, "at": START + at, "type": kind, "epoch": data.get("epoch"), "data": data}


def life(item: str, at: float = 0.0) -> list[dict[str, Any]]:
    worker = f"{item}-1"
    return [
        event(item, 1, at, "WORK_ITEM.ENQUEUED.SUCCESS", status="queued", epoch=0, attempts=0, priority=2, holder=None, reason="",
              title=f"T {item}", repo="/srv/api.git"),
        event(item, 2, at + 10, "WORK_ITEM.CLAIMED.SUCCESS", status="assigned", epoch=1, holder=worker),
        event(item, 3, at + 11, "WORK_ITEM.STARTED.SUCCESS", status="running", epoch=1),
        event(item, 4, at + 20, "ATTEMPT.ITERATION.SUCCESS", agent={"iteration": 3, "tokens": 900}),
        event(item, 5, at + 60, "WORK_ITEM.RESULT.ACCEPTED", status="publishing", holder=None, reason="", epoch=1),
        event(item, 6, at + 70, "WORK_ITEM.PUBLISHED.SUCCESS", status="in_review", url="https://x/1", epoch=1),
    ]  # fmt: skip


def folded(events, item: str) -> dict[str, object]:
    return fold(row["data"] for row in sorted(events, key=lambda row: row["seq"]) if row["stream"] == f"item:{item}")


def statuses(world: World) -> dict[str, object]:
    return {key: seen.row["status"] for key, seen in world.items.items()}


def told(replay: Replay) -> World:
    world = World()
    world.take(replay.snapshot(), 0.0)
    return world


def test_the_end_is_the_fold_of_the_events_however_time_was_cut() -> None:
    for seed in range(30):
        dice = random.Random(seed)
        events = [row for number in range(8) for row in life(f"i{number}", dice.uniform(0, 300))]
        shuffled = dice.sample(events, len(events))
        replay = Replay(shuffled, {}, {}, START)
        world = told(replay)
        while not replay.over:
            updates: Sequence[Snapshot | Delta]
            match dice.choice("tsb"):
                case "t":
                    updates = replay.until(replay.at + dice.uniform(0, 80))
                case "s":
                    updates = replay.step()
                case _:
                    updates = [replay.back()]
            for update in updates:
                world.take(update, 0.0)
        for number in range(8):
            row = world.items[f"i{number}"].row
            assert {name: row[name] for name in LIFECYCLE} == folded(events, f"i{number}"), seed
        assert not world.workers


def test_in_the_middle_it_is_as_it_was_in_the_middle() -> None:
    events = life("aaa")
    replay = Replay(events, {}, {}, START)
    world = told(replay)
    assert not world.items
    for update in replay.until(START + 25):
        world.take(update, 0.0)
    row, worker = world.items["aaa"].row, world.workers["aaa-1"].row
    assert (row["status"], row["title"], row["repo"], row["age"]) == ("running", "T aaa", "/srv/api.git", 20.0)
    assert (worker["status"], worker["iteration"], worker["tokens"], worker["beat_age"]) == ("busy", 3, 900, None)


def test_a_step_back_is_the_state_before_the_step() -> None:
    replay = Replay([*life("aaa"), *life("bbb", 5)], {}, {}, START)
    states = [told(replay)]
    while replay.step():
        states.append(told(replay))
    for before in reversed(states[:-1]):
        snapshot = replay.back()
        assert isinstance(snapshot, Snapshot)
        after = World()
        after.take(snapshot, 0.0)
        assert statuses(after) == statuses(before)
        assert set(after.workers) == set(before.workers)
    assert replay.place == 0


def test_an_item_that_began_earlier_begins_as_what_it_was_then() -> None:
    whole = life("aaa")
    late = [row for row in whole if row["at"] >= START + 15]
    assert needing_history(late) == {"aaa": 4}
    replay = Replay(late, {"aaa": whole[:3]}, {}, START + 15)
    world = told(replay)
    assert world.items["aaa"].row["status"] == "running"
    assert "aaa-1" in world.workers


def test_what_no_event_is_about_is_as_it_is_today() -> None:
    replay = Replay(life("aaa"), {}, {"old": {"id": "old", "status": "completed", "created_at": START - 100, "age": 9_999.0}}, START)
    row = told(replay).items["old"].row
    assert (row["status"], row["age"]) == ("completed", 100.0)


class Store:
    """Answers as a factory does, a page at a time."""

    def __init__(self, events, page: int = 4) -> None:
        self.events, self.page = events, page

    def __call__(self, query: Query) -> Reply:
        if query.what == "trail":
            rows = [row for row in sorted(self.events, key=lambda row: row["at"]) if row["at"] >= query.since]
            start = int(query.place or 0)
            more = start + self.page < len(rows)
            return Reply("ok", data={"events": rows[start : start + self.page], "next": str(start + self.page) if more else ""})
        if query.what == "events":
            rows = [row for row in self.events if row["stream"] == f"item:{query.target}" and row["seq"] > query.offset]
            return Reply("ok", data={"events": rows[: self.page]})
        return Reply("ok", data={"items": []})

    def ask(self, query, timeout) -> Reply:
        return self(query)

    def close(self) -> None:
        pass


def feed_of(events, clock, controls, *, since: float = 100.0) -> ReplayFeed:
    store = Store(events)
    return ReplayFeed(lambda: store, controls, since, wall=lambda: START + 100, clock=clock.monotonic, wait=clock.advance)


def test_the_feed_reads_all_pages_and_tells_them_at_its_speed(clock) -> None:
    controls = Controls()
    feed, world = feed_of([*life("aaa"), *life("bbb", 20)], clock, controls), World()
    controls.faster()
    began = clock.monotonic()
    for _ in range(10_000):
        update = feed.poll(0.2)
        if update is not None:
            world.take(update, 0.0)
        elif controls.over:
            break
    assert controls.read == 12
    assert statuses(world) == {"aaa": "in_review", "bbb": "in_review"}
    # 90 seconds of events at four times their speed.
    assert clock.monotonic() - began == pytest.approx(90 / 4, abs=1.0)


def test_what_began_before_the_time_is_asked_for(clock) -> None:
    controls = Controls()
    feed = feed_of(life("aaa"), clock, controls, since=85.0)
    world = World()
    while not world.items:
        update = feed.poll(0.2)
        if update is not None:
            world.take(update, 0.0)
    assert world.items["aaa"].row["status"] == "running"


def test_stopped_time_moves_by_steps_only(clock) -> None:
    controls = Controls()
    feed, world = feed_of(life("aaa"), clock, controls), World()
    controls.pause()
    for _ in range(20):
        update = feed.poll(0.2)
        if update is not None:
            world.take(update, 0.0)
    assert not world.items
    controls.step(1)
    for _ in range(10):
        update = feed.poll(0.2)
        if update is not None:
            world.take(update, 0.0)
    assert world.items["aaa"].row["status"] == "queued"
    assert standing(controls).endswith("x1 PAUSED")


def test_keys_drive_it_and_nothing_can_be_changed(factory_feed, context, clock) -> None:
    import asyncio

    from tests.tui.conftest import Person

    factory_feed.answers["trail"] = factory_feed.answers["items"] = factory_feed.answers["events"] = Store(life("aaa"))
    controls = Controls()
    controls.pause()
    made = context(read_only=True, quiet=True)
    commands = made.link._open_commands
    made.link = Link(lambda: ReplayFeed(commands, controls, 100.0, wall=lambda: START + 100, clock=clock.monotonic), commands)

    async def inside() -> None:
        app = ReplayTui(made, controls)
        async with app.run_test(size=(100, 24)) as pilot:
            person = Person(app, pilot)
            app.go("queue")
            await person.sees("REPLAY 11-14 22:13:20 x1 PAUSED")
            for status in ("queued", "assigned", "running"):
                await person.press("full_stop")
                await person.sees(status)
            await person.press("space")
            assert not controls.paused
            await person.press("space")
            await person.sees("PAUSED")
            await person.press("comma")
            await person.sees("assigned")
            await person.press("f")
            await person.sees("x4")
            await person.press("r")
            await person.until(lambda: any("read-only" in note for note in person.notices))
            await person.press("slash", "space", "x", "enter")
            assert controls.paused

    asyncio.run(inside())
    assert not factory_feed.commands
