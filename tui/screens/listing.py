"""A screen with one table: rows from the world, a filter, a cursor that stays on its row."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.widget import Widget

from tui.columns import Column
from tui.query import Query, parse
from tui.screens.base import FactoryScreen
from tui.widgets.frame_table import FrameTable
from tui.world import Seen

R = TypeVar("R")


class ListScreen(FactoryScreen, Generic[R]):
    """Subclasses give columns and rows.

    Attributes:
        empty: what stands there without rows: what to do to get some.
    """

    empty: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.query_text = ""

    @property
    def table(self) -> FrameTable[R]:
        return self.query_one(FrameTable)

    @property
    def filter(self) -> Query:
        return parse(self.query_text)

    def columns(self) -> Sequence[Column[R]]:
        raise NotImplementedError

    def rows(self) -> Sequence[tuple[str, R]]:
        """Keys and rows that pass the filter, in their order."""
        raise NotImplementedError

    def item_of(self, row: R) -> Seen | None:
        """The item that a row is about, where it is about one."""
        raise NotImplementedError

    def chosen(self) -> Sequence[Seen]:
        found = (self.item_of(row) for row in self.table.chosen())
        return [seen for seen in found if seen is not None]

    def freeze(self, *, frozen: bool) -> None:
        self.table.frozen = frozen

    def body(self) -> Iterable[Widget]:
        yield FrameTable(self.columns(), self.context.clock)

    def refresh_rows(self) -> None:
        rows = self.rows()
        self.table.empty = f"No match for /{self.query_text}; escape clears it" if self.query_text else self.empty
        self.table.show(rows)

    def refresh_ages(self) -> None:
        self.table.repaint()
