"""The first screen: what needs a person, what runs, what waits and why, what is allowed, and what came of the last hour."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from textual.containers import Container, Vertical
from textual.widget import Widget

from factory.protocol.commands import Query
from tui.columns import Cell
from tui.needs_you import Need, needs_you
from tui.order import by_attention
from tui.screens.base import FactoryScreen
from tui.states import worker_state
from tui.tables import Queue
from tui.tables_overview import last_events, last_hour, limits, needs_columns, next_up, queue_columns, running_columns, shares
from tui.widgets.frame_table import FrameTable
from tui.widgets.pane import Line, Pane
from tui.world import Seen

_HOUR = Query("series", "1h")
_HOUR_SECONDS = 15.0
"""The figures of an hour are not asked for again before they are this old."""

_WIDE = 100
_LEAST = (4, 3, 3, 3, 0)
_MOST_RUNNING, _MOST_EVENTS = 12, 8

Table = FrameTable[Any]


class OverviewScreen(FactoryScreen):
    what = "overview"
    hints = (("enter", "open"), ("tab", "next part"), ("a", "approve"), ("r", "retry"), ("^k", "kill"), ("?", "help"))

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    OverviewScreen #middle { layout: vertical; height: auto; }
    OverviewScreen.-wide #middle { layout: horizontal; }
    OverviewScreen #work { height: auto; width: 1fr; }
    OverviewScreen #side { height: 1; }
    OverviewScreen.-wide #side { width: 40; border-left: solid $panel; padding: 0 0 0 1; }
    OverviewScreen.-wide.plain #side { border-left: ascii $panel; }
    OverviewScreen #events { height: 1fr; }
    """

    def body(self) -> Iterable[Widget]:
        context, plain = self.context, self.context.plain
        self.set_class(plain, "plain")
        self._queue = Queue(context.world, context.wall, plain=plain)
        yield Line(plain=plain, id="calm")
        yield FrameTable(needs_columns(plain=plain), context.clock, plain=plain, id="needs")
        with Container(id="middle"):
            with Vertical(id="work"):
                yield Line(plain=plain, id="idle")
                yield FrameTable(running_columns(context.world, context.patience, plain=plain), context.clock, plain=plain, id="running")
                yield Line(plain=plain, id="empty")
                yield FrameTable(queue_columns(self._queue), context.clock, plain=plain, id="waiting")
            yield Pane(plain=plain, id="side")
        yield Pane(plain=plain, id="events")

    def on_mount(self) -> None:
        for pane in self.query(Pane):
            pane.can_focus = False

    # -- what keys are about ------------------------------------------------------------------------------------------

    def _table(self, name: str) -> Table:
        return self.query_one(f"#{name}", FrameTable)

    @property
    def _focused(self) -> Table | None:
        focused = self.focused
        return focused if isinstance(focused, FrameTable) else None

    def chosen(self) -> Sequence[Seen]:
        found = [self._item(row) for row in self._focused.chosen()] if self._focused is not None else []
        return list({str(seen.row.get("id")): seen for seen in found if seen is not None}.values())

    def _item(self, row: Need | Seen) -> Seen | None:
        items = self.context.world.items
        if isinstance(row, Need):
            return items.get(row.item)
        return items.get(str(row.row.get("item") or row.row.get("id")))

    def freeze(self, *, frozen: bool) -> None:
        for table in self.query(FrameTable):
            table.frozen = frozen

    def escaped(self) -> bool:
        return sum(table.unmark() for table in self.query(FrameTable)) > 0

    def on_frame_table_chosen(self, event: FrameTable.Chosen) -> None:
        event.stop()
        row = self._focused.cursor_row if self._focused is not None else None
        if isinstance(row, Need):
            self._open(row)
        elif isinstance(row, Seen):
            kind = "worker" if "item" in row.row else "item"
            self.tui.look(kind, str(row.row.get("id")))

    def _open(self, need: Need) -> None:
        """Where one can do something about it."""
        if need.kind == "approval":
            self.tui.look("item", need.item, "diff")
        elif need.worker:
            self.tui.look("worker", need.worker)
        elif need.item:
            self.tui.look("item", need.item)
        else:
            self.tui.go({"cycle": "locks", "hold": "queue"}.get(need.kind, "tree"))

    # -- painting -----------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        context, now = self.context, self.context.clock()
        needs = needs_you(context.world, context.patience, now)
        running = by_attention(context.world.workers.values(), lambda one: worker_state(one, context.patience, context.world.known(now)))
        waits = next_up(context.world)
        self._show("needs", "calm", [(need.key, need) for need in needs], Cell("Nothing needs you.", "good"))
        self._show("running", "idle", [(str(one.row["id"]), one) for one in running], Cell("RUNNING  nothing", "dim"))
        self._show("waiting", "empty", [(str(one.row["id"]), one) for one in waits], self._nothing_waits())
        side = [*last_hour(self._hour()), Cell(""), *limits(context.world, context.wall())]
        self.query_one("#side", Pane).show(side)
        self._fit(len(needs), len(running), len(waits), len(side))
        self._keep_focus()

    def _keep_focus(self) -> None:
        """On the first part that has rows, where the one that had it has none any more."""
        if self._focused is None or not self._focused.display:
            shown = next((table for table in self.query(FrameTable) if table.display), None)
            if shown is not None and (self.focused is None or self._focused is not None):
                shown.focus()

    def refresh_ages(self) -> None:
        # Silence and stalling come with time alone, without any news.
        self.refresh_rows()

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_rows)

    def _show(self, name: str, instead: str, rows: Sequence[tuple[str, Any]], empty: Cell) -> None:
        table = self._table(name)
        table.display = bool(rows)
        self.query_one(f"#{instead}", Line).show(None if rows else empty)
        table.show(rows)

    def _nothing_waits(self) -> Cell:
        if self.context.world.items:
            return Cell("QUEUE  empty", "dim")
        return Cell("QUEUE  empty. Give it work: factory submit --repo PATH --spec SPEC.md --engine claude", "dim")

    def _fit(self, needs: int, running: int, waits: int, side: int) -> None:
        """Heights by what there is to show and by how much room there is."""
        wide, room = self.size.width >= _WIDE, max(self.size.height - 2, 1)
        wanted = (needs + 1, min(running, _MOST_RUNNING) + 1, waits + 1, _MOST_EVENTS + 1, 0 if wide else side)
        if not needs:
            wanted = (1, *wanted[1:])
        given = shares(room, _LEAST, wanted)
        if wide:
            # Beside each other they are as high as the higher one.
            given[3] = min(given[3], max(room - given[0] - max(given[1] + given[2], side), _LEAST[3]))
            given[4] = max(given[1] + given[2], min(side, room - given[0] - given[3]))
        for name, height in zip(("needs", "running", "waiting", "events", "side"), given, strict=True):
            _resize(self.query_one(f"#{name}"), height)
        self.query_one("#side").display = given[4] > 0
        self.query_one("#events").display = given[3] > 1
        self.query_one("#events", Pane).show(last_events(self.context.world.events, given[3] - 1))

    def _hour(self) -> Mapping[str, Any] | None:
        known = self.context.views.get(_HOUR)
        failed = self.context.failures.get(_HOUR)
        tried = max(known.at if known else -math.inf, failed.at if failed else -math.inf)
        if self.context.clock() - tried >= _HOUR_SECONDS:
            _ = self.context.want(_HOUR)
        return known.data if known else None


def _resize(widget: Widget, height: int) -> None:
    now = widget.styles.height
    if now is None or now.value != height or not now.is_cells:
        widget.styles.height = height
