"""What is done for a frame, and when: at once where there is news, and no more than what is seen."""

import asyncio
from collections.abc import Callable
from typing import Any

from textual.app import App, ComposeResult

from factory.domain.clean import clean_line, cut, width
from tests.waiting import eventually
from tui import shell
from tui.columns import Cell, Column
from tui.throttle import Throttle
from tui.widgets.frame_table import FrameTable


def test_work_is_done_at_once_and_then_not_before_its_time() -> None:
    asked: list[tuple[float, Callable[[], None]]] = []
    done: list[str] = []

    async def inside() -> None:
        throttle = Throttle(lambda seconds, work: asked.append((seconds, work)), 3_600, lambda: done.append("done"))
        throttle.want()
        throttle.want()
        (first,) = asked
        assert first[0] == 0
        first[1]()
        assert done == ["done"]
        throttle.want()
        throttle.want()
        assert len(asked) == 2
        assert 3_000 < asked[1][0] <= 3_600

    asyncio.run(inside())


def test_cause_that_comes_during_the_work_has_it_done_again() -> None:
    asked: list[Callable[[], None]] = []
    throttle: list[Throttle] = []

    async def inside() -> None:
        throttle.append(Throttle(lambda _, work: asked.append(work), 60, lambda: throttle[0].want() if len(asked) == 1 else None))
        throttle[0].want()
        asked[0]()
        assert len(asked) == 2

    asyncio.run(inside())


def test_the_link_tells_of_news_once_until_it_is_taken(factory_feed, context) -> None:
    factory_feed.item("aaa")
    link = context().link
    told: list[str] = []
    link.on_news = lambda: told.append("news")
    link.start()
    try:
        eventually(lambda: told, what="the snapshot is told of")
        factory_feed.item("bbb")
        # Nobody took the first, so nobody is told of the second; both are there.
        eventually(lambda: len(link._updates) == 2, what="the change is heard")
        assert len(told) == 1
        assert len(link.updates()) == 2
        factory_feed.item("ccc")
        eventually(lambda: len(told) == 2, what="the next change is told of")
    finally:
        link.close()


def test_news_is_painted_without_waiting_for_the_next_second(factory_feed, dashboard, monkeypatch) -> None:
    monkeypatch.setattr(shell, "_AGE_SECONDS", 3_600)
    factory_feed.item("aaa")

    async def sees(person: Any, text: str) -> None:
        for _ in range(2_000):
            if text in person.screen():
                return
            await person.pilot.pause(0.01)
        raise AssertionError(person.screen())

    async def steps(person: Any) -> None:
        await sees(person, "aaa")
        factory_feed.item("bbb")
        await sees(person, "bbb")
        factory_feed.stop()
        await sees(person, "DISCONNECTED")

    dashboard(steps)


class _Counted(App[None]):
    """A table of a thousand rows that counts the cells that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        yield FrameTable((Column("A", 10, self._cell),), lambda: 0.0)

    def _cell(self, row: str, _: float) -> Cell:
        self.asked.append(row)
        return Cell(row)


def _rows(version: int) -> dict[str, str]:
    return {f"k{number}": f"v{version}-{number}" for number in range(1_000)}


def test_of_all_changed_rows_those_on_the_screen_are_made_into_cells_once() -> None:
    async def inside() -> None:
        app = _Counted()
        async with app.run_test(size=(40, 20)) as pilot:
            table = app.query_one(FrameTable)
            table.show(_rows(1))
            await pilot.pause()
            app.asked.clear()
            table.show(_rows(2))
            await pilot.pause()
            assert app.asked == [f"v2-{number}" for number in range(19)]
            assert "v2-18" in app.export_screenshot()

    asyncio.run(inside())


def test_a_line_that_was_drawn_for_another_place_is_not_painted_there() -> None:
    async def inside() -> None:
        app = _Counted()
        async with app.run_test(size=(40, 20)) as pilot:
            table = app.query_one(FrameTable)
            table.show(_rows(1))
            await pilot.pause()
            # Both before the next frame: the rows of the top change, and the table is scrolled away from them.
            table.show(_rows(2))
            table.scroll_to(y=500, animate=False, immediate=True)
            await pilot.pause()
            shown = app.export_screenshot()
            assert "v2-500" in shown
            assert "v2-3<" not in shown

    asyncio.run(inside())


def test_plain_text_is_measured_and_cut_as_any_other() -> None:
    for text in ("", "abc", "a b  c ", "tab\there", "x" * 50):
        assert width(text) == len(text)
        assert clean_line(text) == " ".join(text.split())
        for limit in (0, 1, 3, 60):
            short = cut(text, limit)
            assert short == text if len(text) <= limit else short.endswith("…")
            assert width(short) <= max(limit, 1)
