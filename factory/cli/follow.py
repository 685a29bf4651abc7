"""Following items by the feed, and by asking where the feed is silent."""

import time
from collections.abc import Callable
from typing import Any

from factory.cli.board import Board, State
from factory.cli.client import view
from factory.cli.exits import TimedOut
from factory.cli.screens import Screen, screen
from factory.domain.durations import show_duration
from factory.errors import FactoryUnreachable, Retryable
from factory.paths import Paths, running_root

_TICK_SECONDS = 0.25
"""How often the picture is painted and the factory's life looked at."""
_LOOK_SECONDS = 5.0
"""The safety net under the feed: the items are asked for themselves so often."""
_GONE_SECONDS = 15.0
"""A factory that is being restarted comes back within it; the items are in its database meanwhile."""


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
            _watch(_Watched(paths, board, shown, alive or Patience(paths).check), feed, timeout)
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
        if time.monotonic() - watched.looked > _LOOK_SECONDS:
            watched.look([state.item for state in board.states if not state.ended])
        watched.shown.tick(board, watched.elapsed)
        watched.alive()
        if timeout is not None and watched.elapsed > timeout and not board.ended:
            raise TimedOut(f"Not done within {show_duration(timeout)}.")


class Patience:
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
