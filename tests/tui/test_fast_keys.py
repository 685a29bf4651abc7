"""Keys that come faster than screens open: pasted, sent by a program, or kept back by a busy machine."""

from collections.abc import Callable

import pytest
from textual.events import Key

from tests.tui.conftest import FakeFactory, Person

_CHARACTERS = {"slash": "/", "colon": ":", "space": " ", "enter": "\r"}


def at_once(person: Person, keys: list[str]) -> None:
    """All in one read of the terminal."""
    for key in keys:
        person.app.post_message(Key(key, _CHARACTERS.get(key, key if len(key) == 1 else None)))


@pytest.mark.parametrize("opens", ["slash", "colon"])
def test_what_is_typed_behind_the_key_that_opens_the_line_is_text_and_does_nothing_else(
    dashboard: Callable[..., None], factory_feed: FakeFactory, opens: str
) -> None:
    factory_feed.item("aaa")
    factory_feed.item("pz8q")

    async def steps(person: Person) -> None:
        await person.sees("pz8q")
        at_once(person, [opens, *"pz8q"])
        await person.until(lambda: person.app.seen and person.app.seen.query_one("Prompt").value == "pz8q")  # type: ignore[attr-defined]
        assert (person.app.paused, person.notices) == (False, [])
        if opens == "slash":
            await person.until(lambda: "Title of aaa" not in person.screen(), "the filter holds")
        await person.press("escape")
        await person.sees("aaa")

    dashboard(steps, size=(120, 24))


@pytest.mark.parametrize("opens", ["slash", "colon"])
def test_what_is_typed_behind_enter_acts_and_all_before_it_was_text(
    dashboard: Callable[..., None], factory_feed: FakeFactory, opens: str
) -> None:
    factory_feed.item("aaa")
    factory_feed.item("pz8q")
    words = {"slash": "pz8q", "colon": "workers"}[opens]

    async def steps(person: Person) -> None:
        await person.sees("pz8q")
        at_once(person, [opens, *words, "enter", "p"])
        await person.until(lambda: person.app.paused, "the key behind Enter has acted")
        await person.press("p")
        if opens == "slash":
            await person.until(lambda: "Title of aaa" not in person.screen(), "the filter holds")
            assert "pz8q" in person.screen()
        else:
            await person.sees("WORKER")

    dashboard(steps, size=(120, 24))


def test_screens_that_are_left_before_they_stand_break_nothing(dashboard: Callable[..., None], factory_feed: FakeFactory) -> None:
    factory_feed.item("aaa")

    async def steps(person: Person) -> None:
        await person.sees("aaa")
        for keys in ("p123456789p", "8p7p6p5p", "2ldDl3", "123456789z"):
            for key in keys:
                at_once(person, [key])
                person.app.pump()
                person.app.paint()
            await person.pilot.pause()
        await person.press("escape", "escape", "1")
        await person.sees("live")

    dashboard(steps, size=(120, 24))
