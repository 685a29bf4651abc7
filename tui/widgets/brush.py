"""The lines of a table as Textual wants them: segments of text with a style each, as few as there are changes of style."""

from collections.abc import Sequence
from typing import Any, Literal

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.columns import GAP, Cell, Column, placed
from tui.glyphs import ascii_only
from tui.states import Tone

Look = Literal["usual", "here", "focused"]
"""A row that the cursor is not on, one that it is on, and one that it is on while the table has the focus."""

_MARK = "▌"
_GAP = " " * GAP
# Named colours are the terminal's own, which its owner chose to be readable.
_TONES: dict[Tone, Style] = {
    "": Style(), "dim": Style(dim=True), "head": Style(bold=True), "good": Style(color="green"), "busy": Style(color="cyan"),
    "warn": Style(color="yellow"), "bad": Style(color="red"),
}  # fmt: skip
_LOOKS: dict[Look, Style] = {"usual": Style(underline=False), "here": Style(underline=True), "focused": Style(reverse=True)}


class Brush:
    """Draws the lines of one frame.

    Styles are added up once for a frame and not once for a cell: an addition costs more than the cell's text.

    Args:
        base: the style of the table.
        width: columns of a line.
        stale: rows are dimmed.
        plain: ASCII instead of glyphs.
    """

    def __init__(self, base: Style, width: int, *, stale: bool, plain: bool) -> None:
        self._base, self._width, self._stale, self._plain = base, width, Style(dim=stale), plain
        self._looks: dict[Look, dict[Tone, Style]] = {}

    def row(self, cells: Sequence[tuple[Cell, int, bool]], look: Look, *, marked: bool) -> Strip:
        """Cells with their widths, and whether they end at their right edges."""
        styles = self._styles(look)
        style = styles[""]
        text, gap = _MARK if marked else " ", ""
        segments = []
        for cell, size, right in cells:
            wanted = styles[cell.tone]
            if wanted is not style:
                segments.append(Segment(self._said(text), style))
                text, style = "", wanted
            text += gap + placed(cell.text, size, right=right)
            gap = _GAP
        segments.append(Segment(self._said(text), style))
        return Strip(segments).adjust_cell_length(self._width, styles[""])

    def heads(self, columns: Sequence[tuple[Column[Any], int]]) -> Strip:
        text = _GAP.join(placed(column.title, size, right=column.right) for column, size in columns)
        return self._line(f" {text}", "head").adjust_cell_length(self._width, self._base)

    def words(self, text: str) -> Strip:
        """A line that is no row."""
        return self._line(placed(f" {text}", self._width), "dim")

    def _line(self, text: str, tone: Tone) -> Strip:
        return Strip([Segment(self._said(text), self._base + _TONES[tone])])

    def _styles(self, look: Look) -> dict[Tone, Style]:
        if look not in self._looks:
            base = self._base + _LOOKS[look] + self._stale
            # One object for each style, so that neighbours of the same one are told by identity. Under the cursor there is but one.
            self._looks[look] = {tone: base if not tone or look == "focused" else base + style for tone, style in _TONES.items()}
        return self._looks[look]

    def _said(self, text: str) -> str:
        return ascii_only(text) if self._plain else text
