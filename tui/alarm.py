"""When the terminal's bell rings: for what needs a person, and not more often than a person can bear. Pure."""

from collections.abc import Collection

BETWEEN_SECONDS = 10.0


class Alarm:
    """Knows what was rung for.

    Args:
        quiet: never rings.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._known: frozenset[str] | None = None
        self._new: set[str] = set()
        self._rung_at: float | None = None

    def rings(self, waiting: Collection[str], now: float) -> bool:
        """Whether to ring, once for all that came since the last ring.

        Args:
            waiting: a key for each thing that waits; a second wait of the same item has another one.
            now: monotonic seconds.
        """
        there = frozenset(waiting)
        # What waits already when the terminal is opened is on the screen that one has just opened.
        self._new = (self._new | (there - (there if self._known is None else self._known))) & there
        self._known = there
        due = self._rung_at is None or now - self._rung_at >= BETWEEN_SECONDS
        if not self._new or not due or self._quiet:
            return False
        self._new, self._rung_at = set(), now
        return True
