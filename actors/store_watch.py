"""Whether the store is there, for an actor that has to answer people while it is not."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from actors.background import Background
from factory.errors import Retryable
from factory.ports import Clock
from factory.transport.loop import Source

log = logging.getLogger(__name__)

T = TypeVar("T")


class StoreWatch(Generic[T]):
    """Remembers since when the store is away, and reaches for it in a thread: one that hangs takes seconds to say nothing.

    Args:
        reach: opens a connection of its own and returns it.
        who: named in the log.
    """

    def __init__(self, reach: Callable[[], T], clock: Clock, who: str) -> None:
        self._reach, self._clock, self._who = reach, clock, who
        self._since: float | None = None
        self._reaching = False
        # Made at the first outage: most processes never have one.
        self._background: Background | None = None

    @property
    def away(self) -> bool:
        return self._since is not None

    def sentence(self) -> str:
        """For operators."""
        since = datetime.fromtimestamp(self._since or self._clock.now(), UTC)
        return f"the store has been away since {since:%H:%M:%S} UTC; the same may be said again when it is back"

    def lost(self, error: Exception) -> None:
        """It did not answer."""
        if self._since is None:
            self._since = self._clock.now()
            log.warning("%s waits for the store: %s", self._who, error)
        self.reach()

    def reach(self) -> None:
        """Begins a try to reach it, unless one is under way."""
        if self._reaching:
            return
        self._background = self._background or Background(1)
        self._reaching = self._background.submit(self._who, self._reach)

    def sources(self) -> list[Source]:
        """Readable when a try is over."""
        return [] if self._background is None else [self._background]

    def reached(self) -> T | None:
        """What the last try has opened; the store is back then."""
        found: T | None = None
        for _, result in self._background.drain() if self._background else ():
            self._reaching = False
            if isinstance(result, Retryable):
                continue
            if isinstance(result, Exception):
                raise result
            found, self._since = result, None
            log.warning("%s has reached the store again", self._who)
        return found

    def close(self) -> None:
        if self._background is not None:
            self._background.close()
