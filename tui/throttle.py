"""Work that is done when there is cause for it, at once, and yet not more often than so many times a second."""

import asyncio
from collections.abc import Callable


class Throttle:
    """For one event loop.

    Args:
        later: calls something after so many seconds, in the loop.
        seconds: between two times.
        work: what is done.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object], seconds: float, work: Callable[[], object]) -> None:
        self._later, self._seconds, self._work = later, seconds, work
        self._last = float("-inf")
        self._due = False

    def want(self) -> None:
        """There is cause. Said any number of times, the work is done once, and after the last of them."""
        if not self._due:
            self._due = True
            self._later(max(0.0, self._last + self._seconds - _now()), self._do)

    def _do(self) -> None:
        self._due, self._last = False, _now()
        _ = self._work()


def _now() -> float:
    return asyncio.get_running_loop().time()
