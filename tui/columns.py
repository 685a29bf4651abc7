"""Rows into cells: what each table shows, and what it leaves out where the terminal is narrow. Pure; tested without a terminal.

Text from outside passes `clean_line` here, at its only way to a screen.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from factory.domain.clean import clean_line, cut, width
from tui.states import Tone

R = TypeVar("R")

GAP = 1
"""Columns between two columns."""


class Cell(NamedTuple):
    """Text that a terminal may be given, and how it is to look."""

    text: str
    tone: Tone = ""


def said(value: object, tone: Tone = "") -> Cell:
    """A cell of text from outside."""
    return Cell("" if value is None else clean_line(value), tone)


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column.

    Attributes:
        width: columns of the terminal; 0 takes what the others leave, for one column of a table.
        cell: from a row, at a monotonic time.
        least: width of the screen from which on it is shown.
        right: whether it ends at its right edge.
        order: what rows are sorted by; without it by the number, the age or the text that the cell shows.
    """

    title: str
    width: int
    cell: Callable[[R, float], Cell]
    least: int = 0
    right: bool = False
    order: Callable[[R, float], Any] | None = None

    def rank(self, row: R, now: float) -> tuple[int, float, str]:
        """Where a row stands when sorted by this column: numbers first, then words, then rows that have nothing to show."""
        return rank(self.cell(row, now).text if self.order is None else self.order(row, now))


_NUMBER = re.compile(r"\D{0,2}(\d+(?:\.\d+)?) ?([a-zA-Z%]?)(?![\w-])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "k": 1e3, "M": 1e6, "G": 1e9, "": 1.0, "%": 1.0}


def rank(value: object) -> tuple[int, float, str]:
    """Any values of one column in an order: 9 before 10, `59s` before `12m`, `950` before `27k`; nothing comes last."""
    if value is None or value == "":
        return (2, 0.0, "")
    if isinstance(value, int | float):
        return (0, float(value), "")
    text = str(value)
    found = _NUMBER.fullmatch(text)
    if found and found[2] in _UNITS:
        return (0, float(found[1]) * _UNITS[found[2]], text)
    return (1, 0.0, text.casefold())


def fitting(columns: Sequence[Column[R]], screen: int) -> list[tuple[Column[R], int]]:
    """The columns that are shown on a screen of this width, each with its own. The last ones go first where even these are too many."""
    shown = [column for column in columns if screen >= column.least]
    while len(shown) > 1 and _least_width(shown) > screen:
        shown.pop()
    rest = max(screen - sum(column.width + GAP for column in shown) + GAP, 0)
    return [(column, column.width or max(rest, 1)) for column in shown]


def _least_width(columns: Sequence[Column[R]]) -> int:
    return sum(max(column.width, 1) + GAP for column in columns) - GAP


def placed(text: str, size: int, *, right: bool = False) -> str:
    """The text in exactly so many columns."""
    taken = width(text)
    if taken > size:
        text = cut(text, size)
        taken = width(text)
    room = " " * (size - taken)
    return room + text if right else text + room


def show_age(seconds: float | None) -> str:
    """An age in at most four characters: `0.4s`, `59s`, `12m`, `3h`, `9d`."""
    if seconds is None:
        return ""
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"  # noqa: PLR2004 - a digit more where there is room


def show_bytes(number: object) -> str:
    """Bytes in at most five characters: `62M`, `1.2G`."""
    if not isinstance(number, int | float):
        return "?"
    for size, unit in ((2**30, "G"), (2**20, "M"), (2**10, "k")):
        if number >= size:
            short = number / size
            return f"{short:.1f}{unit}" if short < 10 else f"{short:.0f}{unit}"  # noqa: PLR2004 - a digit more where there is room
    return f"{number:.0f}"


def show_count(number: float | None) -> str:
    """A number in at most five characters: `950`, `27k`, `1.2M`."""
    if not number:
        return "" if number is None else "0"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            short = number / size
            return f"{short:.1f}{unit}" if short < 10 else f"{short:.0f}{unit}"  # noqa: PLR2004 - as above
    return f"{number:.0f}"
