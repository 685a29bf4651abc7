"""The order of rows, and where the cursor is after they changed. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tui.columns import Column
from tui.world import Seen

R = TypeVar("R")

_ATTENTION = ("needs_approval", "stuck", "silent", "stalled", "waiting", "failed", "gave up", "stopped by operator", "parked", "killing",
              "running", "publishing", "assigned", "starting", "queued", "in_review", "completed", "cancelled", "gone")  # fmt: skip
_RANK = {word: rank for rank, word in enumerate(_ATTENTION)}


def attention(state: str) -> int:
    """What needs a person comes first, then what works, then what is over."""
    return _RANK.get(state, len(_RANK))


def by_attention(rows: Iterable[Seen], state: Callable[[Seen], str]) -> list[Seen]:
    """Attention first, within it the oldest first; the id keeps equal ones where they are."""
    return sorted(rows, key=lambda seen: (attention(state(seen)), -float(seen.row.get("age") or 0), str(seen.row.get("id"))))


@dataclass(frozen=True, slots=True)
class Sorting:
    """By the column of this title."""

    title: str
    reverse: bool = False


def sorted_rows(rows: Sequence[tuple[str, R]], columns: Sequence[Column[R]], by: Sorting, now: float) -> list[tuple[str, R]]:
    """Rows by one column; equal ones stay in the order in which they came. Without such a column all do."""
    column = next((column for column in columns if column.title == by.title), None)
    if column is None:
        return list(rows)
    chosen = column
    return sorted(rows, key=lambda pair: chosen.rank(pair[1], now), reverse=by.reverse)


def letters(titles: Sequence[str]) -> list[tuple[str, str]]:
    """A key for each title: its first letter that no title before it has, else a digit."""
    taken: dict[str, str] = {}
    for title in titles:
        free = (key for key in (*title.lower(), *"0123456789") if key.isalnum() and key not in taken)
        taken[next(free, "")] = title
    return [(key, title) for key, title in taken.items() if key]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row by its key, with the place that it had: what a key press means must not change because rows moved."""

    key: str = ""
    place: int = 0


def kept(cursor: Cursor, keys: Sequence[str]) -> Cursor:
    """The cursor on the same row, wherever that is by now; on the one in its place where it is gone."""
    if not keys:
        return Cursor("", 0)
    if cursor.place < len(keys) and keys[cursor.place] == cursor.key:
        return cursor
    if cursor.key in keys:
        return Cursor(cursor.key, keys.index(cursor.key))
    place = min(max(cursor.place, 0), len(keys) - 1)
    return Cursor(keys[place], place)


def moved(cursor: Cursor, keys: Sequence[str], by: int) -> Cursor:
    """The cursor so many rows further, not beyond the ends."""
    if not keys:
        return Cursor("", 0)
    place = min(max(kept(cursor, keys).place + by, 0), len(keys) - 1)
    return Cursor(keys[place], place)
