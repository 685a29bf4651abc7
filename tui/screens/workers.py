"""Living workers: what each is at, and its two clocks."""

from collections.abc import Sequence

from tui.columns import Column
from tui.order import by_attention
from tui.query import matches
from tui.screens.listing import ListScreen
from tui.tables import Workers
from tui.world import Seen


class WorkersScreen(ListScreen[Seen]):
    what = "workers"
    empty = "No workers. They come with work: factory submit --repo PATH --spec SPEC.md"
    hints = (("enter", "log"), ("d", "describe"), ("^k", "kill"), ("m", "note"), ("/", "filter"), ("?", "help"))

    def _table(self) -> Workers:
        return Workers(self.context.world, self.context.patience, plain=self.context.plain)

    def columns(self) -> Sequence[Column[Seen]]:
        return self._table().columns

    def rows(self) -> Sequence[tuple[str, Seen]]:
        table, query, now = self._table(), self.filter, self.context.clock()
        seen = by_attention(self.context.world.workers.values(), lambda one: table.state(one, now))
        return [(str(one.row["id"]), one) for one in seen if matches(query, table.fields(one, now))]

    def item_of(self, row: Seen) -> Seen | None:
        return self.context.world.items.get(str(row.row.get("item")))
