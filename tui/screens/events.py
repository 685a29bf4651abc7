"""The audit trail as it grows: the newest last, older ones from the store, all of one on enter."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.columns import Column
from tui.events import COLUMNS, fields_of, item_of
from tui.past import Past, key_of
from tui.query import matches
from tui.screens.listing import ListScreen
from tui.screens.reading import Reading
from tui.widgets.frame_table import FrameTable
from tui.world import Row, Seen


class EventsScreen(ListScreen[Row]):
    """Follows while the cursor is on the last row; from the first one further back is asked for."""

    what = "events"
    empty = "No events in the last hour: the first comes with the first item, from `factory submit`.   b looks further back."
    hints = (("enter", "all of it"), ("G", "follow"), ("b", "further back"), ("l", "its log"), ("/", "filter"), ("?", "help"))

    BINDINGS: ClassVar[list[BindingType]] = [Binding("b", "further", "Events before these", show=False, id="events.further")]

    def __init__(self) -> None:
        super().__init__()
        self.past = Past()
        self.follow = True

    def columns(self) -> Sequence[Column[Row]]:
        return COLUMNS

    def rows(self) -> Sequence[tuple[str, Row]]:
        self._ask()
        query, until = self.filter, self._until()
        known = {**self.past.rows, **{key_of(row): row for row in self.context.world.events}}
        shown = [(key, row) for key, row in known.items() if float(row["at"]) <= until and matches(query, fields_of(row))]
        return sorted(shown, key=lambda pair: (float(pair[1]["at"]), pair[0]))

    def item_of(self, row: Row) -> Seen | None:
        item = item_of(row)
        # One that the feed no longer tells of can still be opened by its id.
        return self.context.world.items.get(item) or (Seen({"id": item}, self.context.clock()) if item else None)

    def needs(self, row: Row) -> bool:
        seen = self.context.world.items.get(item_of(row))
        return seen is not None and super().needs(row)

    def open_row(self, row: Row) -> None:
        _ = self.app.push_screen(Reading(f"{row.get('type')}   {row.get('stream')} {row.get('seq')}", row, plain=self.context.plain))

    def refresh_rows(self) -> None:
        last = self.table.keys[-1] if self.table.keys else ""
        self.follow = not self.table.cursor_key or (self.follow and self.table.cursor_key == last)
        super().refresh_rows()
        if self.follow and self.table.keys and self.sorting is None:
            self.table.select(self.table.keys[-1])

    def on_frame_table_moved(self, event: FrameTable.Moved) -> None:
        event.stop()
        keys = self.table.keys
        self.follow = bool(keys) and self.table.cursor_key == keys[-1]

    def action_further(self) -> None:
        """The window before what is known."""
        self.past.back(self._until() if self._until() < float("inf") else self.context.wall())
        self.refresh_rows()

    def _ask(self) -> None:
        if self.past.start is None:
            self.past.back(self.context.wall())
        query = self.past.query
        view = self.context.want(query) if query is not None else None
        if query is not None and view is not None:
            self.past.take(view.data)
            _ = self.context.views.pop(query, None)

    def _until(self) -> float:
        """In a replay nothing is shown that had not happened yet."""
        replayed = self.context.world.about.get("replayed_to")
        return float("inf") if replayed is None else float(replayed)
