"""What can wait until those who were restarted have had the processor: log lines about them, and a spare in place of the used one.

A line takes a third of a millisecond and a spare several, maybe on the very processor on which the replacement is about to begin.
"""

import math
from collections.abc import Callable

from factory.ports import Clock

REST_SECONDS = 0.05
"""From the start of a process until it answers, on a busy machine. Lines are at most so late."""


class Afterwards:
    """Puts things off.

    Args:
        refill: makes the spares that are missing; called once, however often it was wished for.
    """

    def __init__(self, clock: Clock, refill: Callable[[], None]) -> None:
        self._clock, self._refill = clock, refill
        self._lines: list[Callable[[], None]] = []
        self._refills = False
        self._due = math.inf

    def tell(self, line: Callable[[], None]) -> None:
        """Writes a log line, or does what is as small, in the order of the calls."""
        self._lines.append(line)
        self._wait()

    def refill(self) -> None:
        """Wishes for spares."""
        self._refills = True
        self._wait()

    def due(self) -> float:
        """When `go_on` has something to do, in monotonic seconds."""
        return self._due

    def go_on(self) -> None:
        """Does what is due."""
        if self._clock.monotonic() < self._due:
            return
        self.tell_all()
        refills, self._refills, self._due = self._refills, False, math.inf
        if refills:
            self._refill()

    def tell_all(self) -> None:
        """Writes the lines now: what is told next comes after them."""
        lines, self._lines = self._lines, []
        for line in lines:
            line()

    def _wait(self) -> None:
        self._due = min(self._due, self._clock.monotonic() + REST_SECONDS)
