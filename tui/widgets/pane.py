"""Lines beside or below a table: what is known of the row under the cursor. Paints what is seen and nothing else."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

from tui.columns import Cell, placed
from tui.glyphs import ascii_only
from tui.states import Tone
from tui.widgets.lines import text_of
from tui.wrapping import wrapped

_STYLES: dict[Tone, Style] = {
    "good": Style(color="green"), "busy": Style(color="cyan"), "warn": Style(color="yellow"), "bad": Style(color="red"),
    "dim": Style(dim=True), "head": Style(bold=True),
}  # fmt: skip


class Pane(ScrollView, can_focus=True):
    """Wraps its lines, and keeps its place while they change. Text in them was cleaned where it was made into a `Cell`."""

    DEFAULT_CSS = """
    Pane { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; scrollbar-gutter: stable; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "line(1)", "Down", show=False, id="pane.down"),
        Binding("k,up", "line(-1)", "Up", show=False, id="pane.up"),
        Binding("ctrl+d,pagedown,space", "page(1)", "Page down", show=False, id="pane.page_down"),
        Binding("ctrl+u,pageup", "page(-1)", "Page up", show=False, id="pane.page_up"),
        Binding("g,home", "edge(-1)", "First line", show=False, id="pane.first"),
        Binding("G,end", "edge(1)", "Last line", show=False, id="pane.last"),
    ]

    def __init__(self, *, plain: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._plain = plain
        self._lines: tuple[Cell, ...] = ()
        self._wrapped: list[Cell] = []

    def show(self, lines: Sequence[Cell], *, anew: bool = False) -> None:
        """Takes the lines. `anew`: they are about something else, so they are read from the top."""
        if tuple(lines) != self._lines:
            self._lines = tuple(lines)
            self._wrap()
        if anew:
            self.scroll_to(y=0, animate=False)

    def needed(self, columns: int) -> int:
        """Lines that it takes to show all in a pane of so many columns, the scroll bar's among them."""
        return len(wrapped(self._lines, columns - 2))

    def text(self) -> str:
        return "\n".join(line.text for line in self._lines)

    def on_resize(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        # One column is the margin on the left.
        self._wrapped = wrapped(self._lines, self.size.width - 1) if self.size.width > 1 else list(self._lines)
        self.virtual_size = Size(self.size.width, len(self._wrapped))
        self.refresh()

    def action_line(self, by: int) -> None:
        self.scroll_relative(y=by, animate=False)

    def action_page(self, side: int) -> None:
        self.scroll_relative(y=side * max(self.size.height - 1, 1), animate=False)

    def action_edge(self, side: int) -> None:
        self.scroll_to(y=0 if side < 0 else self.virtual_size.height, animate=False)

    def render_line(self, y: int) -> Strip:
        place = y + int(self.scroll_offset.y)
        line = self._wrapped[place] if place < len(self._wrapped) else Cell("")
        text = ascii_only(line.text) if self._plain else line.text
        style = self.rich_style + _STYLES.get(line.tone, Style())
        return Strip([Segment(placed(f" {text}", self.size.width), style)])


class Line(Static):
    """One line that is there only where it has something to say."""

    DEFAULT_CSS = "Line { height: 1; padding: 0 1; display: none; }"

    def __init__(self, *, plain: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(markup=False, id=id)
        self._plain, self._shown = plain, Cell("")

    def show(self, cell: Cell | None) -> None:
        """Says it; None: nothing."""
        self.display = cell is not None
        if cell is not None and cell != self._shown:
            self._shown = cell
            self.update(text_of([cell], plain=self._plain))
