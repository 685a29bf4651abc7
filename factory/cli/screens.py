"""Where progress is shown: repainted on a terminal, a line for each change in a pipe."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from factory.cli.board import Board, State
from factory.cli.output import coloured, is_live, note
from factory.domain.clean import clean_line
from factory.domain.durations import show_duration

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_PAINTS_PER_SECOND = 4
_TIME_COLUMNS = 8


class Screen(Protocol):
    """Where progress is shown."""

    def changed(self, state: State, elapsed: float) -> None:
        """An item is in a new state, `elapsed` seconds after the beginning."""
        ...

    def tick(self, board: Board, elapsed: float) -> None:
        """Time has passed."""
        ...


class Lines:
    """A line for each change: what a pipe or a log wants."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._said: dict[str, State] = {}

    def changed(self, state: State, elapsed: float) -> None:
        news = replace(state, why="", phase=state.doing)
        if self._said.get(state.item) != news:
            self._said[state.item] = news
            time = f"{show_duration(elapsed):>{_TIME_COLUMNS}}"
            note(f"{time}  {state.item}  {state.describe()}  ({self._names[state.item]})")

    def tick(self, board: Board, elapsed: float) -> None:
        """Nothing: time alone is no news."""


class Picture:
    """One line per item, repainted in place."""

    def __init__(self, live: "Live", names: dict[str, str]) -> None:
        self._live = live
        self._names = names

    def changed(self, state: State, elapsed: float) -> None:
        """Shown with the next tick."""

    def tick(self, board: Board, elapsed: float) -> None:
        self._live.update(self._table(board, elapsed))

    def _table(self, board: Board, elapsed: float) -> "Table":
        from rich.table import Table
        from rich.text import Text

        done = sum(state.ended for state in board.states)
        title = f"{done} of {len(board.states)} done, {show_duration(elapsed)}"
        heads = "none" if os.environ.get("NO_COLOR") else "bold"
        table = Table(box=None, pad_edge=False, title=title, title_style="none", title_justify="left", header_style=heads)
        for head, least in (("item", 10), ("status", 14), ("doing", 8), ("iter", 4), ("commits", 7), ("title", None)):
            # Whatever the width, what an item is and how it is stays whole; the title and what it is at are cut.
            table.add_column(head, no_wrap=True, overflow="ellipsis", min_width=least)
        for state in board.states:
            doing = state.doing or state.why or state.reason
            told = [state.item, coloured(state.status, sys.stderr), doing, str(state.iterations), str(state.commits)]
            # The colour is ours, everything else may be somebody's text and must not be read as markup.
            cells = [Text.from_ansi(cell) if place == 1 else Text(clean_line(cell)) for place, cell in enumerate(told)]
            table.add_row(*cells, Text(clean_line(self._names[state.item])))
        return table


@contextmanager
def screen(names: dict[str, str]) -> Iterator[Screen]:
    """The screen that fits stderr.

    Args:
        names: item → what a person calls it.
    """
    if not is_live(sys.stderr):
        yield Lines(names)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
    with Live(console=console, refresh_per_second=_PAINTS_PER_SECOND, transient=False) as live:
        yield Picture(live, names)
