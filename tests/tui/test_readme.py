"""The picture and the keys of the dashboard in README.md are those of the dashboard. UPDATE_SNAPSHOTS=1 writes both."""

import os
from collections.abc import Callable

from tests.architecture.sources import ROOT
from tests.tui import readme
from tests.tui.conftest import FakeFactory, Person

_README, _PICTURE = ROOT / "README.md", ROOT / "tui" / "overview.svg"
_WRITE = bool(os.environ.get("UPDATE_SNAPSHOTS"))


def test_the_readme_has_the_keys_of_today() -> None:
    written = _README.read_text("utf-8")
    today = readme.with_keys(written)
    if _WRITE:
        _README.write_text(today, "utf-8")
    assert _WRITE or written == today, "UPDATE_SNAPSHOTS=1 pytest tests/tui/test_readme.py writes it"


def test_the_picture_in_the_readme_is_the_overview(dashboard: Callable[..., None], factory_feed: FakeFactory) -> None:
    readme.scene(factory_feed)

    async def steps(person: Person) -> None:
        await person.sees("1 ahead of it")
        await person.sees("published 14")
        readme.happens(factory_feed)
        await person.sees("c2b5n8m1v4")
        await person.until(lambda: len(person.app.context.world.events) == readme.HAPPENED, "the events have come")
        await person.until(lambda: "none since" not in person.screen(), "the events are shown")
        picture = readme.drawn(person.app.export_screenshot(title="factory-tui"))
        if _WRITE:
            _PICTURE.write_text(picture, "utf-8")
        assert _PICTURE.read_text("utf-8") == picture, "UPDATE_SNAPSHOTS=1 pytest tests/tui/test_readme.py draws it"
        assert "url(http" not in picture.replace(chr(34), ""), "it would be fetched from elsewhere"

    dashboard(steps, size=(100, 21), screen="overview")
    assert _PICTURE.name in _README.read_text("utf-8")
