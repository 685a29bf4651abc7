"""Long lines in the width that there is: nothing that somebody has to judge may be out of sight to the right. Pure."""

from collections.abc import Iterable, Iterator

from factory.domain.clean import clean, width
from tui.columns import Cell
from tui.states import Tone

TAB = 4
"""Columns."""
_LOOK_BACK = 24
"""Columns before the edge in which a space is looked for to break at."""


def kept(text: object, tone: Tone = "") -> list[Cell]:
    """Text of several lines from outside, with its indentation."""
    lines = clean(text).split("\n")
    return [Cell(line.expandtabs(TAB).rstrip(), tone) for line in (lines[:-1] if lines[-1] == "" else lines)]


def wrapped(lines: Iterable[Cell], size: int) -> list[Cell]:
    """Each line in as many as it needs."""
    return [Cell(part, line.tone) for line in lines for part in _parts(line.text, max(size, 1))]


def _parts(text: str, size: int) -> Iterator[str]:
    # Most lines fit, and of ASCII a character is a column.
    while len(text) > size or (not text.isascii() and width(text) > size):
        at = _break(text, size)
        yield text[:at]
        text = text[at:]
    yield text


def _break(text: str, size: int) -> int:
    room, at = size, 0
    while at < len(text) and (room := room - width(text[at])) >= 0:
        at += 1
    space = text.rfind(" ", max(at - _LOOK_BACK, 1), at)
    return max(space + 1 if space > 0 and text[:space].strip() else at, 1)
