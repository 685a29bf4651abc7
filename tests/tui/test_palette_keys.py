"""Keys that come before the palette stands."""

from collections.abc import Callable

import pytest

from tests.tui.conftest import FakeFactory, Person
from tests.tui.test_fast_keys import at_once
from tui.app import THEMES


@pytest.mark.parametrize("keys", ["escape", "down", "down escape", "pageup", "x escape", "escape ctrl+p escape"])
def test_a_key_that_comes_before_the_palette_stands_breaks_nothing(
    dashboard: Callable[..., None], factory_feed: FakeFactory, keys: str
) -> None:
    factory_feed.item("aaa")

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        for _ in range(5):
            at_once(person, ["ctrl+p", *keys.split()])
            await person.pilot.pause()
            await person.until(lambda: person.app.dialog_open() == ("escape" not in keys), "the palette is as it was asked for")
            await person.press("escape")
            await person.until(lambda: not person.app.dialog_open(), "the palette is closed")

    dashboard(steps, size=(120, 24))


def test_keys_break_nothing_where_nothing_is_found(dashboard: Callable[..., None], factory_feed: FakeFactory) -> None:
    factory_feed.item("aaa")

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        await person.press("ctrl+p", *"qqqq")
        await person.sees("No matches")
        await person.press("pageup", "pagedown", "down", "up", "home", "end", "enter", "backspace", "pageup", "escape")
        await person.until(lambda: not person.app.dialog_open(), "the palette is closed")

    dashboard(steps, size=(120, 24))


def test_it_does_not_open_over_a_question(dashboard: Callable[..., None], factory_feed: FakeFactory) -> None:
    factory_feed.item("aaa")

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        await person.press("ctrl+k", "ctrl+p")
        await person.sees("Kill aaa?")
        await person.press("q")
        await person.until(lambda: not person.app.dialog_open(), "the question is answered")

    dashboard(steps, size=(120, 24))


@pytest.mark.parametrize("enters", [2, 3, 5])
def test_what_is_picked_runs_once_however_many_enters_come_in_one_read(
    dashboard: Callable[..., None], factory_feed: FakeFactory, enters: int
) -> None:
    factory_feed.item("aaa")

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        before = person.app.theme
        await person.press("ctrl+p", *"next")
        await person.until(lambda: "next theme" in person.screen() and "go to" not in person.screen(), "the one command is found")
        await person.press("down")
        at_once(person, ["enter"] * enters)
        await person.until(lambda: not person.app.dialog_open() and person.notices, "the palette is closed, and the command has run")
        await person.pilot.pause()
        assert before == THEMES[0]
        assert person.notices == [f"theme: {THEMES[1]}"]

    dashboard(steps, size=(120, 24))
