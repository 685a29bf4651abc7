"""Following items by the feed: repainted on a terminal, a line for each change in a pipe."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from factory.cli.board import Board, State
from factory.cli.clean import clean_line
from factory.cli.client import view
from factory.cli.exits import TimedOut
from factory.cli.output import coloured, is_live, note
from factory.domain.durations import show_duration
from factory.errors import FactoryUnreachable, Retryable
from factory.paths import Paths, running_root

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_TICK_SECONDS = 0.25
"""How often the picture is painted and the factory's life looked at."""
_LOOK_SECONDS = 5.0
"""The safety net under the feed: the items are asked for themselves so often."""
_GONE_SECONDS = 15.0
"""A factory that is being restarted comes back within it; the items are in its database meanwhile."""
_PAINTS_PER_SECOND = 4
_RULE_COLUMNS = 8


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

    def changed(self, state: State, elapsed: float) -> None:
        note(f"{show_duration(elapsed):>{_RULE_COLUMNS}}  {state.item}  {state.describe()}  {self._names[state.item]}")

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

        table = Table(box=None, pad_edge=False, title=f"{show_duration(elapsed)}", title_justify="left")
        for head in ("item", "status", "doing", "iterations", "commits", "title"):
            table.add_column(head, no_wrap=True, overflow="ellipsis")
        for state in board.states:
            doing = state.phase or state.reason
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


def follow(
    paths: Paths,
    names: dict[str, str],
    *,
    alive: Callable[[], None] | None = None,
    timeout: float | None = None,
    heartbeat: float = 5.0,
) -> Board:
    """Shows the items until nothing more happens to any of them, and returns where they are.

    Args:
        alive: called each tick; raises when it makes no sense to go on. By default the factory may be away for a while.
        timeout: seconds; None: as long as it takes.
        heartbeat: the factory's, in seconds.

    Raises:
        TimedOut: the timeout is over.
        FactoryUnreachable: the factory has gone.
    """
    from factory.transport.feed_subscriber import FeedSubscriber

    board = Board(names)
    feed = FeedSubscriber(paths.run, heartbeat)
    try:
        with screen(names) as shown:
            _watch(_Watched(paths, board, shown, alive or _Patience(paths).check), feed, timeout)
    finally:
        feed.close()
    return board


class _Watched:
    """What one turn of the loop works on."""

    def __init__(self, paths: Paths, board: Board, shown: Screen, alive: Callable[[], None]) -> None:
        self.paths = paths
        self.board = board
        self.shown = shown
        self.alive = alive
        self.began = time.monotonic()
        self.looked = self.began

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def tell(self, states: list[State]) -> None:
        for state in states:
            self.shown.changed(state, self.elapsed)

    def look(self, items: list[str]) -> None:
        """Asks for the items themselves."""
        self.looked = time.monotonic()
        for item in items:
            try:
                row = view(self.paths, "item", item)["item"]
            except Retryable:
                return
            state = self.board.take_item(row)
            self.tell([state] if state else [])


def _watch(watched: _Watched, feed: Any, timeout: float | None) -> None:  # noqa: ANN401 - imported late
    board = watched.board
    while not board.ended:
        update = feed.poll(_TICK_SECONDS)
        if update is not None:
            watched.tell(board.take(update))
            watched.look(board.missing(update))
        elif time.monotonic() - watched.looked > _LOOK_SECONDS:
            watched.look([state.item for state in board.states if not state.ended])
        watched.shown.tick(board, watched.elapsed)
        watched.alive()
        if timeout is not None and watched.elapsed > timeout and not board.ended:
            raise TimedOut(f"Not done within {show_duration(timeout)}.")


class _Patience:
    """Lets a factory that somebody else runs be away for a while."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._seen = time.monotonic()

    def check(self) -> None:
        now = time.monotonic()
        if running_root(self._paths) is not None:
            self._seen = now
        elif now - self._seen > _GONE_SECONDS:
            raise FactoryUnreachable("The factory was stopped; what was handed in goes on when it runs again.")
