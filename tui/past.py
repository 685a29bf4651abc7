"""Events of before this terminal was opened, window by window, from the store. Pure: queries out, answers in."""

from collections.abc import Mapping
from typing import Any

from factory.protocol.commands import Query
from tui.world import Row

FIRST_SECONDS = 3_600.0
_LONGEST_SECONDS = 64 * 86_400.0
_PAGE = 500
MOST = 20_000
"""Events that are held; who looks for older ones asks for an item's timeline, or reads `factory feed`."""


def key_of(row: Row) -> str:
    """Unique for each event."""
    return f"{row.get('stream')} {row.get('seq')}"


class Past:
    """Goes back through the trail, each window twice as long as the one before it.

    Attributes:
        rows: by `key_of`.
        start: from this time on, in Unix seconds, all events are known; None before the first window.
        over: nothing further back is asked for.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.start: float | None = None
        self.over = False
        self._since = self._until = 0.0
        self._window = FIRST_SECONDS / 2
        self._query: Query | None = None

    @property
    def query(self) -> Query | None:
        """What is to be asked; None where nothing is."""
        return self._query

    def back(self, now: float) -> None:
        """Asks for the window before; `now` in Unix seconds. Without effect while one is on its way."""
        if self._query is None and not self.over:
            self._until = now if self.start is None else self.start
            self._window *= 2
            self._since = max(self._until - self._window, 0.0)
            self._query = Query("trail", since=self._since, limit=_PAGE)

    def take(self, data: Mapping[str, Any]) -> None:
        """The answer to `query`."""
        if self._query is None:
            return
        rows = list(data.get("events") or ())
        first_time = self.start is None
        self.rows.update((key_of(row), row) for row in rows if first_time or float(row["at"]) <= self._until)
        place = str(data.get("next") or "")
        beyond = bool(rows) and not first_time and float(rows[-1]["at"]) > self._until
        if place and rows and not beyond and len(self.rows) < MOST:
            self._query = Query("trail", since=self._since, place=place, limit=_PAGE)
            return
        self._query, self.start = None, self._since
        self.over = self._window >= _LONGEST_SECONDS or not self._since or len(self.rows) >= MOST
