"""Work items: what needs a person, what runs, then the queue in the order in which it is taken, each with why it waits."""

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

    _items: Queue

    def columns(self) -> Sequence[Column[Seen]]:
        self._items = Queue(self.context.world, self.context.wall, plain=self.context.plain)
        return self._items.columns

    def rows(self) -> Sequence[tuple[str, Seen]]:
        query, now = self.filter, self.context.clock()
        rows = self.context.world.items.values()
        # Without a query nothing is looked for in ten thousand rows.
        shown = (seen for seen in rows if matches(query, self._items.fields(seen, now))) if query else rows
        return [(str(seen.row["id"]), seen) for seen in self._items.ordered(shown, now)]

    def item_of(self, row: Seen) -> Seen | None:
        return row
