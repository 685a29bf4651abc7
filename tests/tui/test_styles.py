"""Styles cost their parsing once, and a screen that is opened for the first time none of what the others have."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from textual.css import parse as css_parse
from textual.css import stylesheet

from tests.tui.conftest import FakeFactory, Person
from tui import words


def test_no_style_is_parsed_twice_however_many_screens_are_opened(
    factory_feed: FakeFactory, dashboard: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    factory_feed.item()
    parsed, parse = Counter[tuple[str, str]](), css_parse.parse

    def counted(scope: str, css: str, *more: Any, **named: Any) -> Any:
        parsed[scope, css] += 1
        return parse(scope, css, *more, **named)

    monkeypatch.setattr(stylesheet, "parse", counted)

    async def looks(person: Person) -> None:
        parsed.clear()
        for screen in words.SCREENS:
            person.app.go(screen)
            await person.pilot.pause()

    dashboard(looks)

    assert {source: times for source, times in parsed.items() if times > 1} == {}


def test_another_theme_is_seen_on_screens_that_were_open_before(factory_feed: FakeFactory, dashboard: Callable[..., None]) -> None:
    factory_feed.item()

    async def looks(person: Person) -> None:
        themes = sorted({"textual-light", "textual-dark"} - {person.app.theme})
        before = person.app.screen.styles.background
        person.app.go(words.SCREENS[1])
        await person.pilot.pause()

        person.app.theme = themes[0]
        await person.pilot.pause()
        person.app.go(words.SCREENS[0])

        await person.until(lambda: person.app.screen.styles.background != before, "the first screen has the new theme's background")

    dashboard(looks)
