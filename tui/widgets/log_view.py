"""Lines that grow at the end: follows until somebody scrolls up, searches, and paints only what is on the screen.

Textual's logs were measured and left: RichLog jumps to the end while one reads further up, and both give what a terminal obeys to the
terminal. Here a line is rendered when it is seen, so that a thousand a second cost what forty do.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from factory.domain.clean import cut
from tui.folding import found, next_of
from tui.glyphs import ascii_only
from tui.page import Line
from tui.states import Tone
from tui.widgets.lines import TONES


class LogView(ScrollView, can_focus=True):
    """Shows lines by reference: who changes them calls `show`.

    Args:
        follows: the end is kept in sight as lines come.
        plain: ASCII instead of our own glyphs.

    Attributes:
        follow: whether it does so now: an upward move ends it, `G` begins it again.
        cursor: the line that `enter` is about.
        sought: what is searched for.
        empty: what stands there without lines.
        stale: dimmed: what is known may be old.
    """

    DEFAULT_CSS = """
    LogView { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; overflow-y: scroll; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="log.down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="log.up"),
        Binding("g,home", "top", "First line", show=False, id="log.first"),
        Binding("G,end", "bottom", "Last line, and follow", show=False, id="log.last"),
        Binding("ctrl+d,pagedown", "page(1)", "Page down", show=False, id="log.page_down"),
        Binding("ctrl+u,pageup", "page(-1)", "Page up", show=False, id="log.page_up"),
        Binding("n", "found(1)", "Next match", show=False, id="log.next"),
        Binding("N", "found(-1)", "Match before", show=False, id="log.previous"),
        Binding("enter", "choose", "Fold, unfold", show=False, id="log.fold"),
    ]

    class Changed(Message):
        """It follows or does not, or what is found is another."""

    class Chosen(Message):
        """Enter, on a line."""

        def __init__(self, line: Line) -> None:
            super().__init__()
            self.line = line

    def __init__(self, *, follows: bool = False, plain: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._follows, self._plain = follows, plain
        self.follow = follows
        self.lines: Sequence[Line] = ()
        self.cursor = 0
        self.sought = ""
        self.places: list[int] = []
        self.empty = ""
        self.stale = False
        self._moving = False
        self._base: Style | None = None

    def say_empty(self, text: str) -> None:
        """What stands there without lines."""
        if text != self.empty:
            self.empty = text
            self.refresh()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def show(self, lines: Sequence[Line], removed: int = 0) -> None:
        """Takes the lines, of which so many went away at the top since the last time."""
        self.lines = lines
        self.places = found(lines, self.sought)
        size = Size(self.size.width, len(lines))
        top = max(int(self.scroll_offset.y) - removed, 0)
        self.cursor = min(max(self.cursor - removed, 0), max(len(lines) - 1, 0))
        if size != self.virtual_size:
            self.virtual_size = size
        if self.follow:
            self.cursor = max(len(lines) - 1, 0)
            self._scroll(len(lines))
        elif removed or top > self.max_scroll_y:
            self._scroll(top)
        self.refresh()

    def search(self, text: str) -> None:
        """Goes to the nearest line at or below the cursor that holds the text."""
        self.sought = text
        self.places = found(self.lines, text)
        if self.places:
            self._go(next((place for place in self.places if place >= self.cursor), self.places[0]))
        self.refresh()
        self.post_message(self.Changed())

    @property
    def place_found(self) -> int:
        """Which of the matches the cursor is on, from 1; 0 where it is on none."""
        return self.places.index(self.cursor) + 1 if self.cursor in self.places else 0

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        if not self._follows and not self._with_cursor:
            self._scroll(int(self.scroll_offset.y) + by)
        else:
            self._go(self.cursor + by, up=by < 0)

    def action_page(self, side: int) -> None:
        by = side * max(self.size.height - 1, 1)
        self._scroll(int(self.scroll_offset.y) + by)
        self._go(self.cursor + by, up=side < 0)

    def action_top(self) -> None:
        self._go(0, up=True)

    def action_bottom(self) -> None:
        self.follow = self._follows
        self._go(len(self.lines) - 1)
        self._scroll(len(self.lines))

    def action_found(self, by: int) -> None:
        place = next_of(self.places, self.cursor, by)
        if place is not None:
            self._go(place)

    def action_choose(self) -> None:
        if 0 <= self.cursor < len(self.lines):
            self.post_message(self.Chosen(self.lines[self.cursor]))

    def on_click(self, event: Click) -> None:
        line = event.y + int(self.scroll_offset.y)
        if line < len(self.lines):
            again = line == self.cursor
            self._go(line)
            if again:
                self.action_choose()

    def on_resize(self, event: Resize) -> None:
        del event
        self.show(self.lines)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel and the bar move it too. A place that there is no more, since lines grew wider or fewer, is nobody's move."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value <= self.max_scroll_y and not self._moving:
            self._leave()

    # -- moving -------------------------------------------------------------------------------------------------------

    @property
    def _with_cursor(self) -> bool:
        return any(line.block >= 0 for line in self.lines[:1000]) or bool(self.sought)

    def _go(self, line: int, *, up: bool = False) -> None:
        before = self.cursor
        self.cursor = min(max(line, 0), max(len(self.lines) - 1, 0))
        if up or self.cursor < before:
            self._leave()
        top, height = int(self.scroll_offset.y), max(self.size.height, 1)
        if self.cursor < top:
            self._scroll(self.cursor)
        elif self.cursor >= top + height:
            self._scroll(self.cursor - height + 1)
        self.refresh()
        self.post_message(self.Changed())

    def _leave(self) -> None:
        if self.follow:
            self.follow = False
            self.post_message(self.Changed())

    def _scroll(self, top: int) -> None:
        self._moving = True
        try:
            self.scroll_to(y=min(max(top, 0), self.max_scroll_y), animate=False, immediate=True)
        finally:
            self._moving = False

    # -- painting -----------------------------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """As Textual's; the style below all lines is found once for all of them, since to find it costs more than a line."""
        self._base = self._found_base()
        try:
            return super().render_lines(crop)
        finally:
            self._base = None

    def _found_base(self) -> Style:
        return self.rich_style + Style(dim=self.stale)

    def render_line(self, y: int) -> Strip:
        place = y + int(self.scroll_offset.y)
        base = self._found_base() if self._base is None else self._base
        if not self.lines and y == 1:
            return self._strip([Segment(self._said(f" {cut(self.empty, self.size.width - 2)}"), base + Style(dim=True))], base)
        if place >= len(self.lines):
            return Strip.blank(self.size.width, base)
        line = self.lines[place]
        style = base + _style(line.tone)
        if place == self.cursor and self.has_focus and not self.follow and (self._follows or self._with_cursor):
            style += Style(reverse=True)
        return self._strip(self._parts(self._said(line.text), style), base)

    def _parts(self, text: str, style: Style) -> list[Segment]:
        """The line, what is searched for underlined in it."""
        wanted, folded = self.sought.casefold(), text.casefold()
        # Folding the case of some letters changes how many there are: then the places are not those of the text.
        if not wanted or len(folded) != len(text):
            return [Segment(text, style)]
        parts: list[Segment] = []
        here = 0
        while (place := folded.find(wanted, here)) >= 0:
            after = place + len(wanted)
            parts += [Segment(text[here:place], style), Segment(text[place:after], style + Style(bold=True, underline=True))]
            here = after
        return [*parts, Segment(text[here:], style)]

    def _strip(self, segments: list[Segment], base: Style) -> Strip:
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _said(self, text: str) -> str:
        return ascii_only(text) if self._plain else text


def _style(tone: Tone) -> Style:
    return Style.parse(TONES[tone]) if tone in TONES else Style()
