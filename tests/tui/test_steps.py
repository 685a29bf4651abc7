"""Steps of priority that come faster than their answers, and a no with its reason."""

from collections.abc import Callable
from typing import Any

import pytest

from factory.protocol.commands import AnyRequest, Reply, Steer
from tests.tui import scenes
from tests.tui.conftest import FakeFactory, Person
from tui import actions
from tui.pending import Wishes
from tui.world import Seen

Run = Callable[..., None]
SHOWN_LATER = Reply("ok", data={"version": 8})
"""It is done, and the feed has not told of it yet."""


def item(id_: str = "aaa", **row: Any) -> Seen:
    return Seen({"id": id_, "status": "queued", "priority": 2, "epoch": 1, "version": 7, **row}, 0.0)


def step(wishes: Wishes, seen: Seen, by: int = 1) -> Steer:
    (request,) = actions.prioritise([seen], by, "me", wishes.priority).requests
    wishes.sent([request])
    assert isinstance(request, Steer)
    return request


def arguments(factory_feed: FakeFactory) -> list[str]:
    return [one.argument for one in factory_feed.commands if isinstance(one, Steer)]


# -- steps ------------------------------------------------------------------------------------------------------------


def test_each_press_counts_though_no_row_has_shown_the_one_before(factory_feed: FakeFactory, dashboard: Run) -> None:
    factory_feed.item("aaa", status="queued")
    factory_feed.answers["prioritise"] = SHOWN_LATER

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        await person.press("plus", "plus", "minus", "plus")
        await person.until(lambda: len(factory_feed.commands) == 4)

    dashboard(steps)
    assert arguments(factory_feed) == ["1", "0", "1", "0"]


def test_a_press_beyond_the_end_of_what_was_asked_for_is_refused(factory_feed: FakeFactory, dashboard: Run) -> None:
    factory_feed.item("aaa", status="queued", priority=1)
    factory_feed.answers["prioritise"] = SHOWN_LATER

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        await person.press("plus", "plus")
        await person.until(lambda: "Its priority is at the end of the scale." in person.notices)

    dashboard(steps)
    assert arguments(factory_feed) == ["0"]


def test_each_step_is_put_back_by_itself_the_last_first(factory_feed: FakeFactory, dashboard: Run) -> None:
    factory_feed.item("aaa", status="queued")
    factory_feed.answers["prioritise"] = SHOWN_LATER

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        await person.press("plus", "plus", "u", "u", "u")
        await person.until(lambda: len(factory_feed.commands) == 4 and len(person.notices) == 5)
        assert "Nothing to undo: only priorities can be put back." in person.notices

    dashboard(steps)
    assert arguments(factory_feed) == ["1", "0", "1", "2"]


def test_once_the_row_shows_it_the_row_is_right_whoever_changed_it() -> None:
    wishes = Wishes()
    request = step(wishes, item())
    wishes.answered(request, Reply("ok", data={"version": 9}))

    assert wishes.priority(item(version=8)) == 1
    assert wishes.priority(item(version=9, priority=1)) == 1
    # Somebody else has put it back; what this terminal once asked for is over.
    assert wishes.priority(item(version=10, priority=3)) == 3
    assert wishes.priority(item(version=8)) == 2


@pytest.mark.parametrize("reply", [Reply("conflict", "no"), Reply("unavailable", "away"), Reply("ok", data={})], ids=str)
def test_what_was_refused_or_answered_without_a_version_is_forgotten(reply: Reply) -> None:
    wishes = Wishes()
    request = step(wishes, item())

    wishes.answered(request, reply)

    assert wishes.priority(item()) == 2


def test_the_answer_to_an_earlier_step_leaves_the_later_one() -> None:
    wishes = Wishes()
    first, second = step(wishes, item()), step(wishes, item())

    wishes.answered(first, Reply("conflict", "no"))
    assert wishes.priority(item(version=8, priority=1)) == 0
    wishes.answered(second, Reply("ok", data={"version": 9}))

    assert wishes.priority(item(version=8, priority=1)) == 0
    assert wishes.priority(item(version=9, priority=0)) == 0


def test_only_what_was_changed_is_put_back() -> None:
    rows = [item("aaa", priority=0), item("bbb")]

    plan = actions.prioritise(rows, 1, "me")
    back = actions.undone(plan, rows, "me")

    assert [(one.item, one.argument) for one in back.requests if isinstance(one, Steer)] == [("bbb", "2")]


# -- a no with its reason ---------------------------------------------------------------------------------------------


def test_a_no_asks_why_and_carries_it_with_what_was_seen(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.approvable(factory_feed)
    factory_feed.item("eee1", status="needs_approval", epoch=3, version=9)

    async def steps(person: Person) -> None:
        await person.sees("eee1")
        await person.press("x")
        assert "Reject eee1 for good: why?" in person.screen()
        await person.press("enter")
        await person.press("x", "escape")
        assert not factory_feed.commands
        await person.press("x", *"too", "space", *"large", "enter")
        await person.until(lambda: person.notices)
        assert person.notices == ["reject eee1: done"]

    dashboard(steps, screen="approvals", size=(130, 30))
    (sent,) = factory_feed.commands
    assert isinstance(sent, Steer)
    assert (sent.verb, sent.item, sent.argument, sent.expected_epoch, sent.expected_version) == ("reject", "eee1", "too large", 3, 9)


def test_several_are_rejected_for_one_reason_and_only_by_typing_how_many() -> None:
    rows = [item(name, status="needs_approval") for name in ("aaa", "bbb")]

    asked = actions.reject([*rows, item("ccc")], "me")
    assert asked.told is not None
    plan = asked.told("  not\nso \x1b[31m")

    assert (asked.asks, plan.question, plan.typed) == ("Reject 2 items for good: why?", "Reject 2 items?", "2")
    assert [_said(one) for one in plan.requests] == [("reject", "aaa", "not so"), ("reject", "bbb", "not so")]


@pytest.mark.parametrize("text", ["", " \x1b[2J ", "x" * 801])
def test_a_reason_is_some_words_and_not_a_book(text: str) -> None:
    told = actions.reject([item(status="needs_approval")], "me").told
    assert told is not None

    assert told(text) == actions.Plan(refusal="A reason has 1 to 800 characters.")


def _said(request: AnyRequest) -> tuple[str, str, str]:
    assert isinstance(request, Steer)
    return request.verb, request.item, request.argument
