"""What observers were told last, and so what is news to them. Pure.

Ages and memory move all the time: they travel with a row that has other news, and alone only when they moved far. An age that began
anew is news by itself: observers count ages on, and would take a worker whose beats they are not told of for silent.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]
News = tuple[str, Any]
"""An id, and its row or None where it is gone."""

_DRIFTS = frozenset({"uptime", "due_in", "rss", "private"})

_FAR = 0.1
"""Of memory: the part of it that is worth a message."""

_SECONDS = 0.05
"""By which two ages of one row differ although nothing happened: they are not read at quite the same instant."""


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
    return _essence(before) != _essence(row) or _is_far(before.get("rss"), row.get("rss")) or _begun_anew(before, row)


def _essence(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.endswith("age") and key not in _DRIFTS}


def _begun_anew(before: Row, row: Row) -> bool:
    """Whether one of the row's ages counts from another moment. Seen beside the age of the row itself, which always grows."""
    names = [name for name in row if name.endswith("_age") and row[name] is not None]
    if not isinstance(row.get("age"), int | float) or not isinstance(before.get("age"), int | float):
        return False
    return any(before.get(name) is None or abs((row["age"] - row[name]) - (before["age"] - before[name])) > _SECONDS for name in names)


def _is_far(before: Any, after: Any) -> bool:
    if not isinstance(before, int) or not isinstance(after, int):
        return before is not after
    return abs(after - before) > _FAR * before
