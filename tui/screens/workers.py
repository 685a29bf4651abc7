"""Living workers: what each is at, and its two clocks."""

from collections.abc import Sequence

from tui.columns import Column
from tui.order import by_attention
from tui.query import matches
from tui.screens.listing import ListScreen
from tui.tables import Workers
from tui.world import Seen

_TROUBLED = frozenset({"stalled", "silent"})


class WorkersScreen(ListScreen[Seen]):
    what = "workers"
    empty = "No workers. They come with work: factory submit --repo PATH --spec SPEC.md   2 shows what waits, and why."
    hints = (("enter", "log"), ("d", "describe"), ("^k", "kill"), ("m", "note"), ("/", "filter"), ("?", "help"))

    _workers: Workers

    def columns(self) -> Sequence[Column[Seen]]:
        self._workers = Workers(self.context.world, self.context.patience, plain=self.context.plain)
        return self._workers.columns

    def rows(self) -> Sequence[tuple[str, Seen]]:
        table, query, now = self._workers, self.filter, self.context.clock()
        seen = by_attention(self.context.world.workers.values(), lambda one: table.state(one, now))
        return [(str(one.row["id"]), one) for one in seen if not query or matches(query, table.fields(one, now))]

    def item_of(self, row: Seen) -> Seen | None:
        return self.context.world.items.get(str(row.row.get("item")))

    def needs(self, row: Seen) -> bool:
        return self._workers.state(row, self.context.clock()) in _TROUBLED

    def open_row(self, row: Seen) -> None:
        self.tui.look("worker", str(row.row.get("id")))

    def copied(self) -> str:
        return "\n".join(str(seen.row.get("id")) for seen in self.table.chosen())
