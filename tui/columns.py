"""Rows into cells: what each table shows, and what it leaves out where the terminal is narrow. Pure; tested without a terminal.

Text from outside passes `clean_line` here, at its only way to a screen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

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
    """

    title: str
    width: int
    cell: Callable[[R, float], Cell]
    least: int = 0
    right: bool = False


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
    short = cut(text, size)
    room = " " * max(size - width(short), 0)
    return room + short if right else short + room


def show_age(seconds: float | None) -> str:
    """An age in at most four characters: `0.4s`, `59s`, `12m`, `3h`, `9d`."""
    if seconds is None:
        return ""
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"  # noqa: PLR2004 - a digit more where there is room


def show_count(number: float | None) -> str:
    """A number in at most five characters: `950`, `27k`, `1.2M`."""
    if not number:
        return "" if number is None else "0"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            short = number / size
            return f"{short:.1f}{unit}" if short < 10 else f"{short:.0f}{unit}"  # noqa: PLR2004 - as above
    return f"{number:.0f}"
