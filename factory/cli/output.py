"""What a person or a program sees: results on stdout, everything else on stderr."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from factory.domain.clean import clean, clean_line, cut, width

_GAP = "  "
_MIN_LAST = 10
"""Columns that the last field keeps on a terminal that is too narrow for all."""

_COLOURS = {
    "completed": "32",
    "in_review": "32",
    "running": "36",
    "assigned": "36",
    "publishing": "36",
    "parked": "33",
    "stuck": "33",
    "needs_approval": "33",
    "failed": "31",
    "ok": "32",
    "warn": "33",
    "fail": "31",
    "cancelled": "2",
}


def note(text: str) -> None:
    """One line for the person at the terminal; it may hold text from outside."""
    print(clean(text), file=sys.stderr, flush=True)


def show(text: str) -> None:
    """One line of a result, cleaned already where it holds text from outside."""
    print(text, flush=True)


def show_json(what: str, view: Mapping[str, Any]) -> None:
    """One object on one line, with a `schema` that names its form. JSON escapes control characters itself."""
    named = {**view, "schema": f"factory.{what}/{view.get('schema', 1)}"}
    print(json.dumps(named, default=str, ensure_ascii=True), flush=True)


def is_live(stream: IO[str]) -> bool:
    """Whether a picture may be repainted there."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(status: str, stream: IO[str] | None = None) -> str:
    """A status in its colour, where colours are wanted. The word says it all; the colour only helps to find it."""
    code = _COLOURS.get(status)
    return f"\x1b[{code}m{status}\x1b[0m" if code and _wants_colour(stream or sys.stdout) else status


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, status: int | None = None) -> list[str]:
    """Aligned lines, heads first. On a terminal the last column is cut so that no line wraps.

    Args:
        status: the column that holds a status, which is coloured.
    """
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(width(row[place]) for row in cells) for place in range(len(heads))]
    room = _room(widths)
    lines = []
    for number, row in enumerate(cells):
        row[-1] = cut(row[-1], room) if room else row[-1]
        padded = [cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)]
        if status is not None and number:
            padded[status] = padded[status].replace(row[status], coloured(row[status]), 1)
        lines.append(_GAP.join(padded).rstrip())
    return lines


def fields(pairs: Iterable[tuple[str, object]]) -> list[str]:
    """`name  value` lines; what is None or empty is left out, and a status is coloured."""
    told = [(name, clean_line(value)) for name, value in pairs if value not in (None, "")]
    size = max((len(name) for name, _ in told), default=0)
    return [f"{name:<{size}}{_GAP}{coloured(value) if name == 'status' else value}" for name, value in told]


def _cell(value: object) -> str:
    return "" if value is None else clean_line(value)


def _room(widths: Sequence[int]) -> int:
    if not sys.stdout.isatty():
        return 0
    rest = shutil.get_terminal_size().columns - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    return max(rest, _MIN_LAST)


def _wants_colour(stream: IO[str]) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_live(stream)
