"""Work items in the order in which they are taken, each with why it waits."""

from collections.abc import Sequence

from tui.columns import Column
from tui.query import matches
from tui.screens.listing import ListScreen
from tui.tables import Queue
from tui.world import Seen


class QueueScreen(ListScreen[Seen]):
    what = "queue"
    empty = "No work. Give it some: factory submit --repo PATH --spec SPEC.md --engine claude"
    hints = (("enter", "open"), ("+ -", "priority"), ("r", "retry"), ("^k", "kill"), ("/", "filter"), ("?", "help"))

    def columns(self) -> Sequence[Column[Seen]]:
        return Queue(self.context.world, plain=self.context.plain).columns

    def rows(self) -> Sequence[tuple[str, Seen]]:
        table, query = Queue(self.context.world), self.filter
        return [(key, seen) for key, seen in self.context.world.items.items() if matches(query, table.fields(seen))]

    def item_of(self, row: Seen) -> Seen | None:
        return row
