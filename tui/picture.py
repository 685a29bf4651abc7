"""The text of a screen, from the drawing of it that Textual can make: the only public way to what is really shown. Pure."""

import html
import re

_LINE = re.compile(r'<text[^>]*\bx="(?P<x>[0-9.]+)"[^>]*\by="(?P<y>[0-9.]+)"[^>]*textLength="[0-9.]+"[^>]*>(?P<text>[^<]*)</text>')
_CELL = 12.2
"""Width of a column in the drawing."""


def text_of(svg: str) -> str:
    """The lines of a screen, without colours and without spaces at their ends."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for part in _LINE.finditer(svg):
        text = html.unescape(part["text"]).replace("\xa0", " ")
        lines.setdefault(float(part["y"]), []).append((float(part["x"]), text))
    return "\n".join(_joined(lines[y]) for y in sorted(lines))


def _joined(parts: list[tuple[float, str]]) -> str:
    line = ""
    for x, text in sorted(parts):
        line = line.ljust(round(x / _CELL)) + text
    return line.rstrip()
