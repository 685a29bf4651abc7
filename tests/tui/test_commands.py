"""What each key sends: over the real socket, to what is on the screen, and never without the question."""

import pytest

from factory.protocol.commands import EmergencyStop, Reply, Steer, Switch
from tests.tui.conftest import FakeFactory


def said(factory_feed: FakeFactory) -> list[tuple[str, str, int | None, int | None, str]]:
    steered = [one for one in factory_feed.commands if isinstance(one, Steer)]
    return [(one.verb, one.item, one.expected_epoch, one.expected_version, one.argument) for one in steered]


@pytest.mark.parametrize(
    ("status", "keys", "command"),
    [
        ("running", ("ctrl+k", "y"), ("kill", "aaa", 2, None, "")),
        ("failed", ("r",), ("retry", "aaa", 2, 7, "")),
        ("running", ("X", "y"), ("cancel", "aaa", 2, 7, "")),
        ("queued", ("plus",), ("prioritise", "aaa", 2, None, "1")),
        ("queued", ("minus",), ("prioritise", "aaa", 2, None, "3")),
        ("running", ("m", *"hi there".replace(" ", "_"), "enter"), ("note", "aaa", 2, None, "hi_there")),
    ],
)
def test_a_key_sends_exactly_its_command_with_what_was_seen(factory_feed, dashboard, status, keys, command) -> None:
    factory_feed.item("aaa", status=status)

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press(*keys)
        await person.until(lambda: factory_feed.commands)
        await person.until(lambda: person.notices)
        assert ": done" in person.notices[0]

    dashboard(steps)
    assert said(factory_feed) == [command]
    assert factory_feed.commands[0].operator == "me"


@pytest.mark.parametrize("answer", ["enter", "n", "escape", "q", "ctrl+k"])
def test_nothing_but_y_kills(factory_feed, dashboard, answer) -> None:
    factory_feed.item("aaa")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("ctrl+k", answer, "escape")
        await person.press("plus")
        await person.until(lambda: factory_feed.commands)

    dashboard(steps)
    assert [command[0] for command in said(factory_feed)] == ["prioritise"]


def test_the_row_under_the_cursor_is_killed_though_it_moved_while_the_question_was_open(factory_feed, dashboard) -> None:
    for name in ("aaa", "bbb", "ccc"):
        factory_feed.item(name, age=100.0)

    async def steps(person) -> None:
        await person.sees("ccc")
        table = person.app.seen.table
        await person.press("g", "j")
        meant = table.cursor_key
        await person.press("ctrl+k")
        assert f"Kill {meant}?" in person.screen()
        for name in ("aaa", "bbb", "ccc"):
            factory_feed.item(name, status="queued" if name == meant else "running", priority=0, age=1.0, epoch=3)
        factory_feed.item("000", status="needs_approval", priority=0)
        await person.until(lambda: person.app.context.world.items["ccc"].row["epoch"] == 3)
        assert f"Kill {meant}?" in person.screen()
        await person.press("y")
        await person.until(lambda: factory_feed.commands)
        assert said(factory_feed) == [("kill", meant, 2, None, "")]

    dashboard(steps)


def test_several_rows_are_killed_only_by_typing_how_many(factory_feed, dashboard) -> None:
    for name in ("aaa", "bbb", "ccc"):
        factory_feed.item(name)

    async def steps(person) -> None:
        await person.sees("ccc")
        await person.press("g", "space", "space", "ctrl+k")
        assert "Kill 2 items?" in person.screen()
        await person.press("y", "enter")
        await person.press("ctrl+k", "3", "enter")
        assert not factory_feed.commands
        await person.press("ctrl+k", "2", "enter")
        await person.until(lambda: person.notices)
        assert "kill 2 items: done" in person.notices[-1]

    dashboard(steps)
    assert len(said(factory_feed)) == 2


def test_a_range_is_marked_and_escape_takes_the_marks_back(factory_feed, dashboard) -> None:
    for name in ("aaa", "bbb", "ccc", "ddd"):
        factory_feed.item(name)

    async def steps(person) -> None:
        await person.sees("ddd")
        await person.press("g", "space", "j", "ctrl+@")
        assert len(person.app.seen.table.marked) == 3
        await person.press("escape")
        assert not person.app.seen.table.marked

    dashboard(steps)


def test_a_refusal_is_told_in_the_factorys_words(factory_feed, dashboard) -> None:
    factory_feed.item("aaa")
    factory_feed.answers["kill"] = Reply("conflict", "aaa is at attempt 3 now")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("ctrl+k", "y")
        await person.until(lambda: person.notices)
        assert person.notices == ["kill aaa: aaa is at attempt 3 now"]

    dashboard(steps)


def test_a_priority_is_put_back_by_u(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", status="queued")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("plus", "u", "u")
        await person.until(lambda: len(factory_feed.commands) == 2 and len(person.notices) == 3)

    dashboard(steps)
    assert [command[4] for command in said(factory_feed)] == ["1", "2"]


def test_approve_acts_only_where_the_result_is_shown(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", status="needs_approval")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("a")
        await person.until(lambda: person.app._place.kind == "item")
        await person.press("escape")
        await person.until(lambda: not person.app._place.kind)

    dashboard(steps)
    assert not factory_feed.commands


@pytest.mark.parametrize(
    ("words", "verb", "parts"),
    [
        ("pause", "pause", ("intake", "dispatch")),
        ("resume intake", "resume", ("intake",)),
        ("drain", "drain", ("dispatch",)),
    ],
)
def test_words_switch_the_factory(factory_feed, dashboard, words, verb, parts) -> None:
    async def steps(person) -> None:
        await person.until(lambda: person.app.context.link.live)
        await person.press("colon", *words.replace(" ", "_"))
        person.app.focused.value = words
        await person.press("enter")
        await person.until(lambda: person.notices)

    dashboard(steps)
    assert [(one.verb, one.parts) for one in factory_feed.commands if isinstance(one, Switch)] == [(verb, parts)]


def test_no_key_acts_while_one_types(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", status="failed")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("slash", "a", "r", "X", "+", "ctrl+k", "ctrl+s", "m", "q", "1", "space", "p")
        assert person.app.is_running
        assert person.app.seen.what == "queue"
        assert person.app.seen.query_text == "arX+mq1 p"
        await person.press("escape")
        assert person.app.seen.query_text == ""
        await person.press("r")
        await person.until(lambda: factory_feed.commands)

    dashboard(steps)
    assert [command[0] for command in said(factory_feed)] == ["retry"]


def test_a_read_only_terminal_sends_nothing(factory_feed, dashboard) -> None:
    factory_feed.item("aaa", status="failed")

    async def steps(person) -> None:
        await person.sees("aaa")
        assert "read-only" in person.screen()
        await person.press("r", "plus", "ctrl+k")
        await person.until(lambda: len(person.notices) == 3)
        assert person.notices[0] == "Not sent: this terminal is read-only."

    dashboard(steps, read_only=True)
    assert not factory_feed.commands


def test_what_is_pressed_while_the_link_is_lost_is_refused_at_once_and_never_sent_later(factory_feed, dashboard, clock) -> None:
    factory_feed.item("aaa", status="failed")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("X")
        factory_feed.stop()
        await person.until(lambda: not person.app.context.link.live, seconds=60)
        await person.press("y", "r")
        await person.until(lambda: len(person.notices) == 2)
        assert person.notices == ["Not sent: the factory is not connected."] * 2
        clock.advance(17)
        await person.sees("DISCONNECTED 17s")
        assert "aaa" in person.screen()
        factory_feed.start()
        await person.until(lambda: person.app.context.link.live, seconds=60)
        await person.press("plus")
        await person.until(lambda: factory_feed.commands)

    dashboard(steps)
    assert [command[0] for command in said(factory_feed)] == ["prioritise"]


def test_all_is_stopped_after_one_question(factory_feed, dashboard) -> None:
    factory_feed.item("aaa")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("colon", *"stop", "space", *"all", "enter")
        assert "Stop all? 1 at work." in person.screen()
        assert not factory_feed.commands
        await person.press("y")
        await person.until(lambda: person.notices)

    dashboard(steps)
    assert [type(one) for one in factory_feed.commands] == [EmergencyStop]


@pytest.mark.parametrize(
    ("address", "notice"),
    [
        ("file:///etc/passwd", "Not opened: file:///etc/passwd is no web page."),
        ("javascript:alert(1)", "Not opened: javascript:alert(1) is no web page."),
        ("https://example.org/1", "There is no browser here; copied: https://example.org/1"),
        (None, "It has no pull request yet."),
    ],
)
def test_only_web_pages_are_opened(factory_feed, dashboard, monkeypatch, address, notice) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    factory_feed.item("aaa", pr_url=address)

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.press("o")
        assert person.notices == [notice]

    dashboard(steps)


@pytest.mark.parametrize(
    ("isolation", "notice"),
    [
        ("confined", "aaa-2 is confined: nobody else gets into its folder. Its log is on l, its changes are on D."),
        ("container", "aaa-2 is on another machine; there: docker exec -it c0ffee sh"),
        ("unconfined", "aaa-2 works on another machine: open a shell there."),
    ],
)
def test_a_shell_is_refused_with_the_reason(factory_feed, dashboard, isolation, notice) -> None:
    factory_feed.item("aaa", holder="aaa-2")
    factory_feed.worker("aaa-2", isolation=isolation, container_id="c0ffee")

    async def steps(person) -> None:
        await person.sees("aaa")
        await person.until(lambda: person.app.context.world.workers)
        await person.press("S")
        assert person.notices == [notice]

    dashboard(steps)
