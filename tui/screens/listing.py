"""A screen with one table: rows from the world, a filter, an order, a cursor that stays on its row."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.widget import Widget

from tui.columns import Column
from tui.order import Sorting, letters, sorted_rows
from tui.query import Query, parse
from tui.screens.base import FactoryScreen
from tui.widgets.confirm import Choose
from tui.widgets.frame_table import FrameTable
from tui.world import Seen

R = TypeVar("R")


class ListScreen(FactoryScreen, Generic[R]):
    """Subclasses give columns and rows.

    Attributes:
        empty: what stands there without rows: what to do to get some.
        only_needs: only what needs a person is shown.
        sorting: None: the screen's own order.
    """

    empty: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.query_text = ""
        self.only_needs = False
        self.sorting: Sorting | None = None

    @property
    def table(self) -> FrameTable[R]:
        return self.query_one(FrameTable)

    @property
    def filter(self) -> Query:
        return parse(self.query_text)

    @property
    def filter_text(self) -> str:
        return self.query_text

    def columns(self) -> Sequence[Column[R]]:
        raise NotImplementedError

    def rows(self) -> Sequence[tuple[str, R]]:
        """Keys and rows that pass the filter, in the screen's own order."""
        raise NotImplementedError

    def item_of(self, row: R) -> Seen | None:
        """The item that a row is about, where it is about one."""
        raise NotImplementedError

    def needs(self, row: R) -> bool:
        """Whether a row waits for a person."""
        seen = self.item_of(row)
        return seen is not None and str(seen.row.get("id")) in {need.item for need in self.tui.needs()}

    def open_row(self, row: R) -> None:
        """Enter, or a second click."""
        seen = self.item_of(row)
        if seen is not None:
            self.tui.look("item", str(seen.row.get("id")))

    def chosen(self) -> Sequence[Seen]:
        found = (self.item_of(row) for row in self.table.chosen())
        return list({str(seen.row.get("id")): seen for seen in found if seen is not None}.values())

    def freeze(self, *, frozen: bool) -> None:
        self.table.frozen = frozen

    def body(self) -> Iterable[Widget]:
        yield FrameTable(self.columns(), self.context.clock, plain=self.context.plain)

    def text(self) -> str:
        return self.table.text()

    # -- painting -----------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        rows = list(self.rows())
        if self.only_needs:
            rows = [(key, row) for key, row in rows if self.needs(row)]
        if self.sorting is not None:
            rows = sorted_rows(rows, self.table.columns, self.sorting, self.context.clock())
        self.table.empty = self._empty()
        self.table.show(rows)

    def refresh_ages(self) -> None:
        self.table.repaint()

    def _empty(self) -> str:
        if self.query_text:
            return f"No match for /{self.query_text}   Escape clears it."
        return "Nothing needs you.   ! shows all." if self.only_needs else self.empty

    # -- filter and order ---------------------------------------------------------------------------------------------

    def filtered(self, text: str) -> bool:
        self.query_text = text
        self.refresh_rows()
        return True

    def escaped(self) -> bool:
        if self.table.unmark():
            return True
        had = bool(self.query_text) or self.only_needs or self.sorting is not None
        self.query_text, self.only_needs, self.sorting = "", False, None
        self.refresh_rows()
        return had

    def turn_needs(self) -> None:
        """Only what needs a person, or all again."""
        self.only_needs = not self.only_needs
        self.refresh_rows()

    def ask_order(self) -> None:
        """Lets a column be picked by its letter; the same once more turns the order round."""

        def picked(title: str | None) -> None:
            if title:
                self.sort_by(title)

        _ = self.app.push_screen(Choose("sort by", letters([column.title for column in self.table.columns])), picked)

    def sort_by(self, title: str) -> None:
        again = self.sorting is not None and self.sorting.title == title
        self.sorting = Sorting(title, reverse=again and self.sorting is not None and not self.sorting.reverse)
        self.refresh_rows()

    def on_frame_table_headed(self, event: FrameTable.Headed) -> None:
        event.stop()
        self.sort_by(event.title)

    def on_frame_table_chosen(self, event: FrameTable.Chosen) -> None:
        event.stop()
        row = self.table.cursor_row
        if row is not None:
            self.open_row(row)
