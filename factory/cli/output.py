"""What a person or a program sees: results on stdout, everything else on stderr."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, NoReturn, Self

from factory.domain.clean import clean, clean_line, cut, width
from factory.errors import FactoryError

_GAP = "  "
_MIN_LAST = 10
"""Columns that the last field keeps on a terminal that is too narrow for all."""
_GOOD_LAST = 40
"""Columns of the last field for which others are left out: it is what says why."""

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
    "passed": "32",
    "cancelled": "2",
}


class CannotWrite(FactoryError):
    """What was asked for cannot be printed."""

    @classmethod
    def of(cls, error: OSError) -> Self:
        return cls(f"The output cannot be written: {error.strerror or error}.")


def note(text: str) -> None:
    """One line for the person at the terminal; it may hold text from outside. Where nobody can be told, nobody is."""
    try:
        print(clean(text), file=sys.stderr, flush=True)
    except BrokenPipeError:
        _hang_up()
    except OSError:
        shut(sys.stderr)


def show(text: str, end: str = "\n") -> None:
    """One line of a result, cleaned already where it holds text from outside.

    Ends the command where nobody reads it any more, as `head` does with those before it.

    Raises:
        CannotWrite: the disk is full.
    """
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        _hang_up()
    except OSError as error:
        shut(sys.stdout)
        raise CannotWrite.of(error) from error


def _hang_up() -> NoReturn:
    shut(sys.stdout, sys.stderr)
    # What a shell calls the end by SIGPIPE. No exception of its own: the parser would take it for a failure.
    sys.exit(128 + signal.SIGPIPE)


def shut(*streams: IO[str]) -> None:
    """Takes them out of use: what is left in their buffers would fail again when the process ends, with a traceback."""
    for stream in streams:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def show_json(what: str, view: Mapping[str, Any]) -> None:
    """One object on one line, with a `schema` that names its form. JSON escapes control characters itself."""
    named = {**view, "schema": f"factory.{what}/{view.get('schema', 1)}"}
    show(json.dumps(named, default=str, ensure_ascii=True))


def is_live(stream: IO[str]) -> bool:
    """Whether a picture may be repainted there."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(status: str, stream: IO[str] | None = None) -> str:
    """A status in its colour, where colours are wanted. The word says it all; the colour only helps to find it."""
    code = _COLOURS.get(status)
    return painted(status, code, stream or sys.stdout) if code else status


def painted(text: str, code: str, stream: IO[str]) -> str:
    """Text in a colour of the terminal, where colours are wanted there."""
    return f"\x1b[{code}m{text}\x1b[0m" if _wants_colour(stream) else text


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, status: int | None = None, spare: Sequence[str] = ()) -> list[str]:
    """Aligned lines, heads first. On a terminal the last column is cut so that no line wraps.

    Args:
        status: the column that holds a status, which is coloured.
        spare: heads of columns that a narrow terminal does without, the first of them first.
    """
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(width(row[place]) for row in cells) for place in range(len(heads))]
    for head in spare:
        if not sys.stdout.isatty() or _rest(widths) >= min(_GOOD_LAST, widths[-1]):
            break
        place = cells[0].index(head)
        del widths[place]
        for row in cells:
            del row[place]
        status = status if status is None or place > status else status - 1
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
    return max(_rest(widths), _MIN_LAST)


def _rest(widths: Sequence[int]) -> int:
    return shutil.get_terminal_size().columns - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)


def _wants_colour(stream: IO[str]) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_live(stream)
