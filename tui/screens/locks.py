"""Files that attempts hold, and who waits for them."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from tui.columns import Cell, Column
from tui.process_plans import release
from tui.query import matches
from tui.screens.paned import PanedScreen
from tui.tables_locks import Held, Locks, deadlock, held, told
from tui.widgets.pane import Line
from tui.world import Seen


class LocksScreen(PanedScreen[Held]):
    what = "locks"
    empty = "No locks. Attempts take them for the files that a spec names and for those that an agent edits."
    hints = (("enter", "who waits"), ("d", "describe"), ("^k", "take away"), ("/", "filter"), ("s", "sort"), ("?", "help"))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+k", "release", "Take the lock away", show=False, id="locks.release")]

    _locks: Locks

    def columns(self) -> Sequence[Column[Held]]:
        self._locks = Locks(self.context.patience)
        return self._locks.columns

    def body(self) -> Iterable[Widget]:
        yield Line(plain=self.context.plain)
        yield from super().body()

    def rows(self) -> Sequence[tuple[str, Held]]:
        query = self.filter
        return [(str(lock.seen.row.get("id")), lock) for lock in held(self.context.world) if matches(query, self._locks.fields(lock))]

    def item_of(self, row: Held) -> Seen | None:
        return self.context.world.items.get(str(row.seen.row.get("item")))

    def needs(self, row: Held) -> bool:
        return bool(row.waiters)

    def copied(self) -> str:
        return "\n".join(str(lock.seen.row.get("file_path")) for lock in self.table.chosen())

    def told(self, row: Held | None) -> Sequence[Cell]:
        return told(row, self.context.clock())

    def refresh_rows(self) -> None:
        self.query_one(Line).show(deadlock(self.context.world))
        super().refresh_rows()

    def action_release(self) -> None:
        """The lock that was seen, from the worker that was seen to hold it."""
        lock = self.table.cursor_row
        if lock is not None:
            _ = self.tui.carry_out(release(lock.seen.row, self.item_of(lock), self.context.operator))
