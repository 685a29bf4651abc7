"""Text as lines of a page: cleaned, and as wide as there is room. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from factory.domain.clean import clean, cut, width
from tui.states import Tone

MOST_CHARACTERS = 4_000
"""Of a line that is shown; nobody reads further, and a line of megabytes would hold up the painting of all others."""

_TAB = 4
_LEAST = 10


class Line(NamedTuple):
    """One line of the screen. `block`: the number of what it belongs to, where that can be folded; else -1."""

    text: str
    tone: Tone = ""
    block: int = -1


def shown(text: object) -> str:
    """One line of outside text as a terminal may be given it; its spaces stay where they are."""
    whole = str(text)
    if whole.isascii() and whole.isprintable() and len(whole) <= MOST_CHARACTERS:
        # Most lines of a log: nothing in them is for a terminal to obey.
        return whole
    short = whole[:MOST_CHARACTERS]
    line = clean(short).replace("\n", " ").expandtabs(_TAB)
    return f"{line}…" if len(whole) > MOST_CHARACTERS else line


def wrapped(text: str, size: int, indent: str = "", *, exact: bool = False) -> list[str]:
    """The line in as many as it takes, broken at spaces where there are some; `indent` goes before all but the first.

    Args:
        exact: no space is left out at a break.
    """
    size = max(size, _LEAST)
    # Each line must take more than the indent of the next, or there would be no end.
    indent = indent[: size // 2]
    if len(text) <= size and (text.isascii() or width(text) <= size):
        return [text]
    lines: list[str] = []
    rest = text
    while width(rest) > size:
        kept = _fitting(rest, size)
        space = kept.rfind(" ")
        # A break far to the left would leave half of the line empty.
        place = space + 1 if space > size // 2 else max(len(kept), len(indent) + 1)
        first, more = rest[:place], rest[place:]
        lines.append(first if exact else first.rstrip())
        rest = indent + (more if exact else more.lstrip())
    return [*lines, rest]


def paragraphs(text: object, size: int, tone: Tone = "", indent: str = "") -> list[Line]:
    """Outside text of several lines."""
    return [
        Line(indent + part, tone)
        for line in str(text).replace("\r\n", "\n").split("\n")
        for part in wrapped(shown(line), size - len(indent))
    ]


def fields(pairs: Iterable[tuple[str, object]], size: int) -> list[Line]:
    """Names and values in two columns, without those that have no value."""
    there = [(name, shown(value)) for name, value in pairs if value is not None and value != ""]
    room = max((len(name) for name, _ in there), default=0) + 2
    lines: list[Line] = []
    for name, value in there:
        first, *more = wrapped(value, size - room)
        lines.append(Line(f"{name:<{room}}{first}"))
        lines.extend(Line(" " * room + part) for part in more)
    return lines


def _fitting(text: str, size: int) -> str:
    """As much of the text as fits, at least one character."""
    if text.isascii():
        return text[:size]
    # `cut` keeps a column for its ellipsis, hence one more; where nothing was to be cut, all of it fits.
    short = cut(text, size + 1)
    return (short[:-1] if len(short) < len(text) or short != text else short) or text[:1]
