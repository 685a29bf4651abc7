"""What observers were told last, and so what is news to them. Pure.

Ages and memory move all the time: they travel with a row that has other news, memory also alone where it moved far. Observers count ages
on; an age that can begin anew has the time of that beside it (`beat_age` and `beat_at`), and that time is news.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]
News = tuple[str, Any]
"""An id, and its row or None where it is gone."""

_DRIFTS = frozenset({"uptime", "due_in", "rss", "private"})

_FAR = 0.1
"""Of memory: the part of it that is worth a message."""


class Shown:
    """By kind and id, the rows as they were told."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def news(self, kind: str, rows: Mapping[str, Any], *, whole: bool = True) -> Iterator[News]:
        """Ids whose row is to be told, with it. `whole`: what is not among the rows is gone."""
        shown = self._rows.setdefault(kind, {})
        for name, row in rows.items():
            if name not in shown or differ(shown[name], row):
                shown[name] = row
                yield name, row
        if whole:
            for name in shown.keys() - rows.keys():
                del shown[name]
                yield name, None

    def note(self, kind: str, rows: Mapping[str, Any]) -> None:
        """These are told otherwise, or known from a snapshot."""
        self._rows.setdefault(kind, {}).update(rows)

    def keep(self, kind: str, known: set[str]) -> None:
        """Forgets what is not among these, without a word: it was told otherwise."""
        shown = self._rows.get(kind, {})
        for name in shown.keys() - known:
            del shown[name]


def differ(before: Any, row: Any) -> bool:
    """Whether a row says more than that time went by."""
    if not isinstance(before, Mapping) or not isinstance(row, Mapping):
        return bool(before != row)
    return _essence(before) != _essence(row) or _is_far(before.get("rss"), row.get("rss"))


def _essence(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.endswith("age") and key not in _DRIFTS}


def _is_far(before: Any, after: Any) -> bool:
    if not isinstance(before, int) or not isinstance(after, int):
        return before is not after
    return abs(after - before) > _FAR * before
