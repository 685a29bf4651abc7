"""The list screens in front of a factory in fixed states: pictures at three widths, and what their keys send."""

from collections.abc import Callable
from typing import Any

import pytest

from factory.domain.delivery import digest
from factory.protocol.commands import ReleaseLock, Reply, Steer, SteerActor
from tests.fakes.clock import ManualClock
from tests.tui import scenes
from tests.tui.conftest import FakeFactory, Person
from tests.tui.pictures import Compare, compared, settled
from tui.widgets.frame_table import FrameTable
from tui.widgets.pane import Pane

Run = Callable[..., None]
SCREENS = ("overview", "queue", "workers", "approvals", "locks", "tree")


# -- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("scene", ["idle", "busy", "troubled"])
def test_a_screen_shows_a_factory_in_a_fixed_state(
    scene: str, screen: str, factory_feed: FakeFactory, dashboard: Run, snapshot: Compare
) -> None:
    getattr(scenes, scene)(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        await compared(person, snapshot, f"{screen}-{scene}")

    dashboard(test, screen=screen)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_without_its_factory_keeps_what_it_knew_and_says_how_old_that_is(
    screen: str, factory_feed: FakeFactory, dashboard: Run, snapshot: Compare, clock: ManualClock
) -> None:
    scenes.busy(factory_feed)
    scenes.beating(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        factory_feed.stop()
        await person.sees("DISCONNECTED")
        clock.advance(77.0)
        await person.sees("DISCONNECTED 1m")
        await compared(person, snapshot, f"{screen}-disconnected")

    dashboard(test, screen=screen)


@pytest.mark.parametrize("screen", SCREENS)
def test_in_ascii_a_screen_shows_nothing_else(screen: str, factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.troubled(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        shown = "".join(segment.text for line in person.app.screen._compositor.render_strips() for segment in line)
        # Its scroll bars are Textual's own.
        assert {character for character in shown if not character.isascii()} <= set("▁▂▃▄▅▆▇█")

    dashboard(test, screen=screen, size=(130, 30), plain=True)


@pytest.mark.parametrize("screen", SCREENS)
def test_what_comes_from_outside_steers_no_terminal_and_is_no_markup(screen: str, factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.hostile(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        scenes.hostile(factory_feed)
        await person.until(lambda: person.app.context.world.events, "an event")
        await settled(person)
        shown = "".join(segment.text for line in person.app.screen._compositor.render_strips() for segment in line)
        assert "[red]x[/red]" in shown
        assert not [
            character for character in shown if character < " " or "\x7f" <= character <= "\x9f" or "\u202a" <= character <= "\u202e"
        ]

    dashboard(test, screen=screen, size=(130, 30))


@pytest.mark.parametrize("screen", SCREENS)
def test_the_headline_counts_what_needs_you_on_every_screen(screen: str, factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.troubled(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        await person.sees("needs you 11")
        factory_feed.item("eee1", status="publishing", version=8)
        await person.sees("needs you 10")

    dashboard(test, screen=screen)


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_painted_while_nothing_changes(screen: str, factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.idle(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        tables = list(person.app.screen.query(FrameTable))
        before = [table.paints for table in tables]
        for _ in range(5):
            person.app.paint()
            await person.pilot.pause()
        assert [table.paints for table in tables] == before

    dashboard(test, screen=screen)


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_yes_carries_the_attempt_and_the_version_that_were_shown(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.approvable(factory_feed)
    factory_feed.item("eee1", status="needs_approval", epoch=3, version=9)

    async def test(person: Person) -> None:
        await person.sees(digest(scenes.BASE, scenes.COMMIT)[:20])
        await person.press("a")
        await person.until(lambda: factory_feed.commands, "a command")
        sent = factory_feed.commands[0]
        assert isinstance(sent, Steer)
        assert (sent.verb, sent.item, sent.expected_epoch, sent.expected_version) == ("approve", "eee1", 3, 9)

    dashboard(test, screen="approvals", size=(130, 30))


def test_a_yes_to_what_is_not_shown_yet_is_not_sent(factory_feed: FakeFactory, dashboard: Run) -> None:
    factory_feed.answers["diff"] = Reply("unavailable", "the result is being read; ask again")
    factory_feed.item("eee1", status="needs_approval")

    async def test(person: Person) -> None:
        await person.sees("the result is being read")
        await person.press("a")
        await person.until(lambda: person.notices, "a notice")
        assert person.notices == ["Not sent: the result is not shown yet, so nobody can have looked at it."]
        assert factory_feed.commands == []

    dashboard(test, screen="approvals", size=(130, 30))


def test_a_result_that_takes_the_place_of_the_shown_one_is_not_approved_by_the_same_key(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.approvable(factory_feed)
    factory_feed.item("eee1", status="needs_approval", epoch=3, version=9)

    async def test(person: Person) -> None:
        await person.sees(digest(scenes.BASE, scenes.COMMIT)[:20])
        factory_feed.answers["diff"] = Reply("unavailable", "the result is being read; ask again")
        factory_feed.item("eee1", status="needs_approval", epoch=4, version=12)
        await person.sees("attempt 4")
        await person.press("a")
        await person.until(lambda: person.notices, "a notice")
        assert factory_feed.commands == []

    dashboard(test, screen="approvals", size=(130, 30))


def test_a_process_is_restarted_after_a_yes_and_a_workers_actor_never(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.busy(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        await person.press("G", "ctrl+k")
        await person.until(lambda: person.notices, "a refusal")
        await person.press("g", "j", "ctrl+k")
        await person.sees("Restart queue?")
        assert factory_feed.commands == []
        await person.press("y")
        await person.until(lambda: factory_feed.commands, "a command")
        sent = factory_feed.commands[0]
        assert isinstance(sent, SteerActor)
        assert (sent.verb, sent.actor) == ("restart", "queue")

    dashboard(test, screen="tree")


def test_a_lock_is_taken_away_from_its_holder_by_typing_alone(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.busy(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        await person.press("ctrl+k")
        await person.sees("Take the lock on src/users.py away?")
        await person.press("y", "enter")
        assert factory_feed.commands == []
        await person.press("ctrl+k", *"release", "enter")
        await person.until(lambda: factory_feed.commands, "a command")
        sent = factory_feed.commands[0]
        assert isinstance(sent, ReleaseLock)
        assert (sent.file, sent.worker) == ("src/users.py", "aaa1-2")

    dashboard(test, screen="locks")


def test_enter_reads_on_beside_a_list_and_escape_goes_back_to_it(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.troubled(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        pane = person.app.screen.query_one(Pane)
        await person.press("enter", "G")
        assert (pane.has_focus, pane.scroll_offset.y > 0) == (True, True)
        await person.press("escape")
        assert person.app.screen.query_one(FrameTable).has_focus

    dashboard(test, screen="approvals")


def test_keys_on_the_overview_are_about_the_row_of_the_part_that_has_the_focus(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.busy(factory_feed)

    async def test(person: Person) -> None:
        await settled(person)
        chosen = [[seen.row["id"] for seen in person.app.chosen()]]
        await person.press("tab")
        chosen += [[seen.row["id"] for seen in person.app.chosen()]]
        assert chosen == [["aaa1"], ["bbb2"]]
        await person.press("plus")
        await person.until(lambda: person.notices or factory_feed.commands, "an answer")

    dashboard(test, screen="overview")


def test_only_troubled_rows_are_shown_where_that_is_asked_for(factory_feed: FakeFactory, dashboard: Run) -> None:
    scenes.troubled(factory_feed)
    shown: dict[str, Any] = {}

    for screen in ("workers", "tree", "locks"):

        async def test(person: Person, screen: str = screen) -> None:
            await settled(person)
            await person.press("exclamation_mark")
            shown[screen] = list(person.app.screen.query_one(FrameTable).keys)

        dashboard(test, screen=screen)

    assert shown == {
        "workers": ["aaa2-2", "aaa1-2"],
        "tree": ["node delivery", "node learner"],
        "locks": ["/srv/api.git src/pages.py", "/srv/api.git src/users.py"],
    }
