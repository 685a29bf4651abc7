"""A table, and below it what is known of the row under the cursor, in as many lines as that takes and the screen can spare."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from textual.widget import Widget

from tui.columns import Cell
from tui.screens.listing import ListScreen
from tui.widgets.frame_table import FrameTable
from tui.widgets.pane import Pane

R = TypeVar("R")

_SHARE = 3
"""The pane never has more than one line of so many."""


class PanedScreen(ListScreen[R]):
    """Subclasses give `told`. Enter reads on in the pane, Escape goes back to the table."""

    DEFAULT_CSS = "PanedScreen Pane { height: 1; border-top: solid $panel; } PanedScreen.plain Pane { border-top: ascii $panel; }"

    def told(self, row: R | None) -> Sequence[Cell]:
        """The lines of the pane."""
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        self.set_class(self.context.plain, "plain")
        yield from super().body()
        yield Pane(plain=self.context.plain)

    def open_row(self, row: R) -> None:
        del row
        self.query_one(Pane).focus()

    def escaped(self) -> bool:
        if self.query_one(Pane).has_focus:
            self.table.focus()
            return True
        return super().escaped()

    def text(self) -> str:
        return f"{super().text()}\n\n{self.query_one(Pane).text()}"

    def refresh_rows(self) -> None:
        super().refresh_rows()
        self.tell_row()

    def refresh_ages(self) -> None:
        super().refresh_ages()
        self.tell_row()

    def on_resize(self) -> None:
        # In a narrower terminal the same lines take more room.
        if self.stands:
            self.tell_row()

    def on_frame_table_moved(self, event: FrameTable.Moved) -> None:
        event.stop()
        self.tell_row()

    def tell_row(self) -> None:
        pane = self.query_one(Pane)
        pane.show(self.told(self.table.cursor_row))
        needed = pane.needed(self.size.width)
        height = min(needed, max(self.size.height // _SHARE, 1)) + 1
        pane.display = needed > 0
        if pane.styles.height is None or pane.styles.height.value != height:
            pane.styles.height = height
