"""A table that paints what is on the screen and nothing else: a row that nobody sees costs nothing, however often it changes.

Textual's DataTable renders each changed cell when it is told of it; at ten thousand rows that is ten times the work of a frame. Here the
model is asked for the visible lines when a frame is painted (`show` marks them), so the rate of changes does not matter.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from factory.domain.clean import clean_line
from tui.columns import GAP, Column, fitting, placed
from tui.order import Cursor, kept, moved
from tui.widgets.brush import Brush, Look

R = TypeVar("R")


class FrameTable(ScrollView, Generic[R], can_focus=True):
    """Rows by key, a cursor that stays on its row, and marks for what is done to several.

    Args:
        columns: what each row shows.
        clock: monotonic seconds, for ages.
        plain: ASCII instead of glyphs.

    Attributes:
        frozen: rows keep their order while it is set: a dialog is open.
        stale: rows are shown dimmed: what is known may be old.
        empty: what stands there without rows.
        paints: frames in which at least one line was painted anew, for tests of idleness.
    """

    DEFAULT_CSS = """
    FrameTable { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="table.down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="table.up"),
        Binding("g,home", "edge(-1)", "First", show=False, id="table.first"),
        Binding("G,end", "edge(1)", "Last", show=False, id="table.last"),
        Binding("ctrl+d,pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("ctrl+u,pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
        Binding("ctrl+space,ctrl+@", "mark_range", "Mark up to here", show=False, id="table.mark_range"),
        Binding("enter", "choose", "Open", show=False, id="table.open"),
    ]

    class Moved(Message):
        """The cursor is on another row."""

    class Chosen(Message):
        """The row under the cursor was clicked again or entered."""

    class Headed(Message):
        """A column's head was clicked."""

        def __init__(self, title: str) -> None:
            super().__init__()
            self.title = title

    def __init__(
        self,
        columns: Sequence[Column[R]],
        clock: Callable[[], float],
        *,
        plain: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's word
    ) -> None:
        super().__init__(id=id)
        self.columns, self._clock, self._plain = tuple(columns), clock, plain
        self._keys: list[str] = []
        self._rows: dict[str, R] = {}
        self._cursor = Cursor()
        self._marked_last = ""
        self._shown: list[Strip] = []
        self._drawn: dict[int, Strip] = {}
        self._drawn_for = (0, 0)
        self._brush: Brush | None = None
        self.marked: set[str] = set()
        self.frozen = self.stale = False
        self.empty = ""
        self.paints = 0

    # -- the model ----------------------------------------------------------------------------------------------------

    @property
    def cursor_key(self) -> str:
        """The key of the row under the cursor, empty where there is none."""
        return self._cursor.key

    @property
    def cursor_row(self) -> R | None:
        return self._rows.get(self._cursor.key)

    def chosen(self) -> Sequence[R]:
        """The marked rows in their order, else the one under the cursor."""
        keys = [key for key in self._keys if key in self.marked] or [self.cursor_key]
        return [self._rows[key] for key in keys if key in self._rows]

    @property
    def keys(self) -> Sequence[str]:
        return self._keys

    def text(self) -> str:
        """All rows as text, as wide as the table: to be saved, not to be shown."""
        columns, now = fitting(self.columns, self.size.width - 1), self._clock()
        heads = " ".join(placed(column.title, size, right=column.right) for column, size in columns)
        rows = (
            " ".join(placed(column.cell(self._rows[key], now).text, size, right=column.right) for column, size in columns)
            for key in self._keys
        )
        return "\n".join(line.rstrip() for line in (heads, *rows))

    def show(self, rows: Mapping[str, R] | Sequence[tuple[str, R]]) -> None:
        """Takes the rows by key, in the order in which they are to stand, and paints what of them is on the screen."""
        self._rows = dict(rows)
        if self.frozen:
            there = [key for key in self._keys if key in self._rows]
            known = set(there)
            self._keys = [*there, *(key for key in self._rows if key not in known)]
        else:
            self._keys = list(self._rows)
        if self.marked:
            self.marked &= self._rows.keys()
        self._put(kept(self._cursor, self._keys))
        size = Size(self.size.width, len(self._keys) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self.repaint()

    def repaint(self) -> None:
        """Paints those of the visible lines that differ from what is on the screen: nothing, where nothing does."""
        if not self.size.height:
            return
        self._brush = None
        top, (width, height) = int(self.scroll_offset.y), self.size
        lines = [self._draw(y, top, width) for y in range(height)]
        same_place = len(lines) == len(self._shown)
        changed = [y for y, line in enumerate(lines) if not (same_place and line == self._shown[y])]
        self._shown = lines
        if changed:
            self.paints += 1
            self._drawn, self._drawn_for = {y: lines[y] for y in changed}, (top, width)
            self.refresh(*_joined(changed, width))

    def select(self, key: str) -> None:
        """Puts the cursor on a row, if it is there."""
        if key in self._rows:
            self._put(Cursor(key, self._keys.index(key)))
            self._follow()
            self.repaint()

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._put(moved(self._cursor, self._keys, by))
        self._follow()
        self.repaint()

    def action_edge(self, side: int) -> None:
        self.action_move(side * len(self._keys))

    def action_page(self, side: int) -> None:
        self.action_move(side * max(self.size.height - 2, 1))

    def action_mark(self) -> None:
        self._marked_last = self.cursor_key
        self.marked ^= {self.cursor_key} - {""}
        self.action_move(1)

    def action_mark_range(self) -> None:
        """Marks all from the row that was marked last to the one under the cursor."""
        start = self._keys.index(self._marked_last) if self._marked_last in self._keys else self._cursor.place
        first, last = sorted((start, self._cursor.place))
        self.marked |= set(self._keys[first : last + 1])
        self.repaint()

    def action_choose(self) -> None:
        if self.cursor_key:
            self.post_message(self.Chosen())

    def unmark(self) -> bool:
        """Takes all marks away; False where there was none."""
        had, self.marked = bool(self.marked), set()
        self.repaint()
        return had

    def on_focus(self) -> None:
        self.repaint()

    def on_blur(self) -> None:
        self.repaint()

    def on_resize(self) -> None:
        self._follow()
        self.repaint()

    def on_click(self, event: Click) -> None:
        if event.y == 0:
            title = self._head_at(event.x)
            if title:
                self.post_message(self.Headed(title))
            return
        line = event.y - 1 + int(self.scroll_offset.y)
        if line < len(self._keys):
            again = self._keys[line] == self.cursor_key
            self._put(Cursor(self._keys[line], line))
            self.repaint()
            if again:
                self.post_message(self.Chosen())

    def _head_at(self, x: int) -> str:
        """The title of the column at this place of the line; its first place is the marks'."""
        start = 1
        for column, size in fitting(self.columns, self.size.width - 1):
            if start <= x < start + size:
                return column.title
            start += size + GAP
        return ""

    def _put(self, cursor: Cursor) -> None:
        before, self._cursor = self._cursor, cursor
        if before.key != cursor.key:
            self.post_message(self.Moved())

    def _follow(self) -> None:
        top, height = int(self.scroll_offset.y), max(self.size.height - 1, 1)
        if self._cursor.place < top:
            self.scroll_to(y=self._cursor.place, animate=False)
        elif self._cursor.place >= top + height:
            self.scroll_to(y=self._cursor.place - height + 1, animate=False)

    # -- painting -----------------------------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual's own way to the lines: all of one frame are drawn with the same brush."""
        self._brush = None
        lines = super().render_lines(crop)
        self._drawn.clear()
        return lines

    def notify_style_update(self) -> None:
        """Another theme, another focus: what was drawn for the next frame has the colours of before."""
        self._drawn.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """The heads on the first line of the screen, whatever is scrolled; rows below."""
        top, width = int(self.scroll_offset.y), self.size.width
        line = self._drawn.get(y)
        # Drawn a moment ago, to see whether it differs; unless the frame is another one by now.
        return line if line is not None and self._drawn_for == (top, width) else self._draw(y, top, width)

    def _draw(self, y: int, top: int, width: int) -> Strip:
        brush = self._brush = self._brush or Brush(self.rich_style, width, stale=self.stale, plain=self._plain)
        columns = fitting(self.columns, width - 1)
        if y == 0:
            return brush.heads(columns)
        place = y - 1 + top
        if place >= len(self._keys):
            return brush.words(self._instead(y))
        key = self._keys[place]
        look: Look = ("focused" if self.has_focus else "here") if key == self._cursor.key else "usual"
        now, row = self._clock(), self._rows[key]
        cells = [(column.cell(row, now), size, column.right) for column, size in columns]
        return brush.row(cells, look, marked=key in self.marked)

    def _instead(self, y: int) -> str:
        """A line of what stands there without rows."""
        lines = _wrapped(self.empty, self.size.width - 2) if not self._keys else []
        return lines[y - 2] if 0 <= y - 2 < len(lines) else ""


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(clean_line(text), max(columns, 10))


def _joined(lines: Sequence[int], width: int) -> list[Region]:
    """The regions of these lines, neighbours in one: Textual's work grows with their number."""
    regions: list[Region] = []
    for y in lines:
        if regions and regions[-1].bottom == y:
            regions[-1] = regions[-1].grow((0, 0, 1, 0))
        else:
            regions.append(Region(0, y, width, 1))
    return regions
