"""The frame around the screens: going places, typing, freezing, saving, being narrow, being alone, being lied to."""

import re
from pathlib import Path

import pytest

from factory.errors import InvalidInput
from tests.tui.conftest import FakeFactory
from tui.app import FactoryTui, known_keys
from tui.keys import keymap
from tui.pending import Notice
from tui.words import SCREENS


def test_each_number_opens_its_screen_and_the_brackets_go_back_and_forth(factory_feed, dashboard) -> None:
    async def steps(person) -> None:
        for number, name in enumerate(SCREENS, 1):
            await person.press(str(number))
            assert person.app._place.screen == name
        await person.press("left_square_bracket", "left_square_bracket")
        assert person.app._place.screen == SCREENS[-3]
        await person.press("right_square_bracket")
        assert person.app._place.screen == SCREENS[-2]

    dashboard(steps)


def test_a_word_is_said_after_a_colon_and_a_wrong_one_is_answered_with_the_nearest(factory_feed, dashboard) -> None:
    async def steps(person) -> None:
        await person.press("colon", *"workers", "enter")
        assert person.app._place.screen == "workers"
        await person.press("colon", *"wokers", "enter")
        assert person.notices == ["There is no :wokers; did you mean :workers?"]

    dashboard(steps)


@pytest.mark.parametrize(("typed", "whole"), [("wor", "workers"), ("pause i", "pause intake"), ("item pz", "item pz8q")])
def test_a_word_is_completed_by_tab(factory_feed, dashboard, typed, whole) -> None:
    factory_feed.item("pz8q")

    async def steps(person) -> None:
        await person.sees("pz8q")
        await person.press("colon", *("space" if letter == " " else letter for letter in typed))
        prompt = person.app.seen.query_one("Prompt")
        await person.until(lambda: prompt._suggestion == whole, "the suggestion")
        await person.press("tab")
        assert prompt.value == whole

    dashboard(steps)


def test_help_shows_the_keys_that_hold_with_the_ids_to_change_them(factory_feed, dashboard) -> None:
    async def steps(person) -> None:
        await person.press("question_mark")
        assert "Keys on queue" in person.screen()
        for _ in range(60):
            if "item.kill" in person.screen():
                break
            await person.press("j")
        assert re.search(r"\^x +Kill +item\.kill", person.screen())
        await person.press("escape")
        assert "Keys on" not in person.screen()

    dashboard(steps, keys={"item.kill": "ctrl+x"}, size=(80, 50))


def test_a_key_of_ones_own_acts_and_the_usual_one_no_longer_does(factory_feed, dashboard) -> None:
    factory_feed.item("aaa")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("ctrl+k")
        assert "Kill aaa?" not in person.screen()
        await person.press("ctrl+x")
        assert "Kill aaa?" in person.screen()
        await person.press("n")

    dashboard(steps, keys={"item.kill": "ctrl+x"})


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"item.kil": "k"}, "factory.toml: item.kil is nothing that has a key; did you mean item.kill?"),
        ({"item.kill": "j"}, "factory.toml: item.kill cannot have j, which table.down has; give that another key too."),
        ({"item.kill": ","}, 'factory.toml: item.kill has no key: write one as in "ctrl+k".'),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_one_sentence(asked, sentence) -> None:
    with pytest.raises(InvalidInput, match=re.escape(sentence)):
        _ = keymap(asked, known_keys(), "factory.toml")


def test_two_keys_can_change_places() -> None:
    assert keymap({"item.retry": "d", "item.describe": "r"}, known_keys()) == {"item.retry": "d", "item.describe": "r"}


def test_no_two_things_of_a_screen_have_one_key_from_the_start() -> None:
    assert keymap({name: binding.key for name, binding in known_keys().items()}, known_keys())


def test_each_binding_says_what_it_does() -> None:
    assert [name for name, binding in known_keys().items() if not binding.description] == []


def test_the_palette_finds_an_item_by_its_title_and_shows_it_as_it_stands(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", title="mend [@click=app.leave]the[/] parser\x1b]2;x\x07")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("ctrl+p", *"parser")
        await person.sees("item aaa mend [@click=app.leave]the[/] parser")
        await person.press("down", "enter")
        await person.until(lambda: person.app._place.id == "aaa")

    dashboard(steps, size=(100, 24))


def test_painting_stops_and_goes_on_and_nothing_is_lost_meanwhile(factory_feed, dashboard, clock) -> None:
    factory_feed.item("aaa")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("p")
        factory_feed.item("bbb")
        await person.until(lambda: "bbb" in person.app.context.world.items)
        clock.advance(38)
        await person.sees("PAUSED 38s behind")
        assert "bbb" not in person.screen()
        await person.press("p")
        await person.sees("bbb")

    dashboard(steps, size=(100, 24))


def test_nothing_is_painted_without_a_change(factory_feed, dashboard, clock) -> None:
    factory_feed.item("aaa", age=7_500.0)

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.until(lambda: person.app.context.link.live)
        person.app.paint()
        table = person.app.seen.table
        before = table.paints, person.app.paints
        for _ in range(20):
            clock.advance(0.3)
            person.app.pump()
            person.app.paint()
        # Ages were looked at each second, but two hours are two hours.
        assert person.app.paints > before[1]
        assert table.paints == before[0]
        clock.advance(3_600)
        person.app.paint()
        assert table.paints == before[0] + 1

    dashboard(steps)


def test_an_unseen_terminal_is_painted_each_five_seconds_and_at_once_when_it_is_looked_at(factory_feed, dashboard, clock) -> None:
    async def steps(person) -> None:
        await person.until(lambda: person.app.context.link.live)
        person.app.paint()
        person.app.app_focus = False
        factory_feed.item("aaa")
        await person.until(lambda: "aaa" in person.app.context.world.items)
        clock.advance(4)
        person.app.paint()
        await person.pilot.pause()
        assert "aaa" not in person.screen()
        clock.advance(1)
        await person.sees("aaa")

    dashboard(steps)


def test_without_a_factory_the_page_says_how_to_start_one_and_goes_when_there_is_one(dashboard, run_dir, clock) -> None:
    factory = FakeFactory(run_dir)
    factory.item("aaa")

    async def steps(person) -> None:
        assert "factory up" not in person.screen()
        clock.advance(2)
        await person.sees("factory up")
        assert "Tried: /run/factory" in person.screen()
        for name in SCREENS:
            person.app.go(name)
            await person.sees("factory up")
            assert len([line for line in person.screen().splitlines() if line.strip()]) == 7
        person.app.go("queue")
        await person.press("r")
        assert person.notices
        factory.start()
        await person.sees("aaa")
        assert "factory up" not in person.screen()

    try:
        dashboard(steps)
    finally:
        factory.close()


@pytest.mark.parametrize("size", [(44, 12), (80, 24), (120, 30), (160, 45), (20, 5), (3, 2)])
def test_every_screen_stands_in_every_size_and_can_be_left(factory_feed, dashboard, size) -> None:
    factory_feed.item("aaa")
    factory_feed.worker("aaa-2")

    async def steps(person) -> None:
        for name in SCREENS:
            person.app.go(name)
            await person.pilot.pause()
            person.app.pump()
            person.app.paint()
            await person.pilot.resize_terminal(*size)
            assert all(len(line) <= size[0] for line in person.screen().splitlines())
        await person.press("ctrl+k", "n", "q")
        assert not person.app.is_running or person.app._exit

    dashboard(steps)


def test_a_small_terminal_shows_link_rows_and_the_question_with_its_answers(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", title="A title that is much longer than this terminal is wide")

    async def steps(person) -> None:
        await person.sees("live")
        await person.sees("aaa")
        await person.press("ctrl+k")
        assert "Kill aaa?" in person.screen()
        assert "y yes" in person.screen()

    dashboard(steps, size=(44, 12))


HOSTILE = "\x1b]2;owned\x07\x1b[2J[@click=app.leave]click[/] [/x] [red]\u202e\x9b31m a\nb"


@pytest.mark.parametrize("screen", SCREENS)
def test_hostile_text_reaches_no_screen_as_anything_but_text(factory_feed, dashboard, screen) -> None:
    texts = dict.fromkeys(("title", "reason", "repo", "engine", "holder", "pr_url"), HOSTILE)
    factory_feed.item("aaa", status="needs_approval", **texts)
    factory_feed.worker("aaa-2", phase=HOSTILE, isolation=HOSTILE, host=HOSTILE)

    async def steps(person) -> None:
        await person.until(lambda: person.app.context.world.items)
        person.app.paint()
        await person.pilot.pause()
        await person.press("X")
        person.app.tell(Notice(HOSTILE))
        await person.pilot.pause()
        shown = person.app.export_screenshot()
        assert not any(bad in shown for bad in ("\x1b", "\x9b", "\u202e", "owned"))
        assert person.app.is_running

    dashboard(steps, screen=screen, size=(130, 40))


def test_a_view_is_saved_whole_and_for_its_owner_alone(factory_feed, dashboard, tmp_path: Path) -> None:
    for number in range(60):
        factory_feed.item(f"i{number:02}")

    async def steps(person) -> None:
        await person.sees("i00")
        await person.press("ctrl+s")
        await person.until(lambda: person.notices)

    dashboard(steps)
    [file] = tmp_path.glob("factory-queue-*.txt")
    assert file.stat().st_mode & 0o777 == 0o600
    assert all(f"i{number:02}" in file.read_text() for number in range(60))


def test_an_id_is_copied_through_the_terminal(factory_feed, dashboard) -> None:
    factory_feed.item("aaa")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("c")
        assert person.app.clipboard == "aaa"

    dashboard(steps)


def test_rows_are_sorted_by_the_column_of_a_letter_and_turned_round_by_the_same(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", title="x", attempts=2)
    factory_feed.item("bbb", title="y", attempts=10)
    factory_feed.item("ccc", title="z", attempts=1)

    async def steps(person) -> None:
        await person.sees("ccc")
        screen = person.app.seen
        screen.sort_by("TRY")
        assert list(screen.table.keys) == ["ccc", "aaa", "bbb"]
        await person.press("s")
        assert "sort by" in person.screen()
        await person.press("escape")
        screen.sort_by("TRY")
        assert list(screen.table.keys) == ["bbb", "aaa", "ccc"]

    dashboard(steps, size=(130, 24))


def test_only_what_needs_a_person_is_shown_and_all_again(factory_feed, dashboard) -> None:
    factory_feed.item("aaa")
    factory_feed.item("bbb", status="needs_approval")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("exclamation_mark")
        await person.until(lambda: "aaa" not in person.screen())
        assert "bbb" in person.screen()
        await person.press("exclamation_mark")
        await person.sees("aaa")

    dashboard(steps)


def test_the_terminal_in_ascii_shows_no_glyph_of_ours(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", title="t" * 200)
    factory_feed.worker("aaa-2")

    async def steps(person) -> None:
        await person.sees("live")
        for name in ("queue", "workers"):
            person.app.go(name)
            await person.pilot.pause()
            person.app.paint()
            await person.pilot.pause()
            assert person.screen().isascii(), person.screen()
        await person.press("ctrl+k")
        assert person.screen().isascii(), person.screen()

    dashboard(steps, plain=True)


def test_every_theme_is_one_that_there_is(factory_feed, dashboard) -> None:
    async def steps(person) -> None:
        first = person.app.theme
        themes = set()
        for _ in range(20):
            await person.press("z")
            themes.add(person.app.theme)
        assert {"textual-light", "ansi-light", first} <= themes

    dashboard(steps)


def test_the_picture_for_the_next_start_is_what_was_seen(factory_feed, dashboard) -> None:
    factory_feed.item("aaa")
    apps: list[FactoryTui] = []

    async def steps(person) -> None:
        apps.append(person.app)
        await person.sees("aaa")
        await person.press("q")

    dashboard(steps)
    assert "aaa" in apps[0].picture
