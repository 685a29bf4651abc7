"""What waits for a yes: the list, and beside it exactly what the yes would be about."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from factory.protocol.commands import Query
from tui import actions
from tui.columns import Column
from tui.pending import Notice
from tui.query import matches
from tui.screens.listing import ListScreen
from tui.tables import Queue
from tui.tables_approvals import COLUMNS, asked, shown_digest, waiting
from tui.widgets.frame_table import FrameTable
from tui.widgets.pane import Pane
from tui.world import Seen


class ApprovalsScreen(ListScreen[Seen]):
    what = "approvals"
    empty = "Nothing waits for a yes. Results do that touch guarded files, look like holding a credential or are very large."
    hints = (("a", "approve"), ("x", "reject"), ("enter", "read"), ("r", "retry"), ("D", "all of the diff"), ("?", "help"))
    judges = True

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so
    DEFAULT_CSS = """
    ApprovalsScreen #asked { height: 1fr; layout: vertical; }
    ApprovalsScreen FrameTable { height: 30%; min-height: 4; }
    ApprovalsScreen.-wide #asked { layout: horizontal; }
    ApprovalsScreen.-wide FrameTable { width: 40%; height: 1fr; border-right: solid $panel; }
    ApprovalsScreen.-wide.plain FrameTable { border-right: ascii $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "say_yes", "Approve what is shown", show=False, id="approvals.approve")]

    _shown: Seen | None = None
    _digest = ""

    def columns(self) -> Sequence[Column[Seen]]:
        return COLUMNS

    def body(self) -> Iterable[Widget]:
        self.set_class(self.context.plain, "plain")
        with Container(id="asked"):
            yield from super().body()
            yield Pane(plain=self.context.plain)

    def rows(self) -> Sequence[tuple[str, Seen]]:
        world, now = self.context.world, self.context.clock()
        fields = Queue(world).fields
        return [(key, seen) for key, seen in waiting(world, now) if matches(self.filter, fields(seen, now))]

    def item_of(self, row: Seen) -> Seen | None:
        return row

    def chosen(self) -> Sequence[Seen]:
        """What is shown beside the list, as it was shown: what one has not looked at is not judged, so marks do not count here."""
        return () if self._shown is None else (self._shown,)

    def open_row(self, row: Seen) -> None:
        del row
        self.query_one(Pane).focus()

    def escaped(self) -> bool:
        if self.query_one(Pane).has_focus:
            self.table.focus()
            return True
        return super().escaped()

    def text(self) -> str:
        return f"{super().text()}\n\n{self.query_one(Pane).text()}"

    def action_say_yes(self) -> None:
        """Carries the epoch and the version of what the pane shows, and nothing where it does not show the result yet."""
        if self._shown is None:
            self.tui.tell(Notice("Nothing waits for a yes.", bad=True))
        elif not self._digest:
            self.tui.tell(Notice("Not sent: the result is not shown yet, so nobody can have looked at it.", bad=True))
        else:
            _ = self.tui.carry_out(actions.approve([self._shown], self.context.operator))

    # -- painting -----------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        super().refresh_rows()
        self._paint()

    def on_frame_table_moved(self, event: FrameTable.Moved) -> None:
        event.stop()
        self._paint()

    def _paint(self) -> None:
        seen = self.table.cursor_row
        another = (seen.row.get("id") if seen else None) != (self._shown.row.get("id") if self._shown else None)
        if seen is None:
            lines, self._digest = [], ""
        else:
            item, diff, failure = self._item(seen), self._diff(seen), self._failure(seen)
            lines, self._digest = asked(seen, item, diff, failure), shown_digest(seen, diff)
        self._shown = seen
        self.query_one(Pane).show(lines, anew=another)

    def _item(self, seen: Seen) -> Mapping[str, Any] | None:
        """Asked for once for each version of it."""
        query = Query("item", str(seen.row.get("id")))
        known = self.context.views.get(query)
        version = ((known.data if known else {}).get("item") or {}).get("version")
        view = known if version == seen.row.get("version") else self.context.want(query)
        return view.data if view else None

    def _diff(self, seen: Seen) -> Mapping[str, Any] | None:
        """Asked for until it was read: a result does not change."""
        query = _result_of(seen)
        known = self.context.views.get(query)
        view = known if known and known.data.get("approvable") else self.context.want(query)
        return view.data if view else None

    def _failure(self, seen: Seen) -> str:
        return self.context.why_not(_result_of(seen))


def _result_of(seen: Seen) -> Query:
    return Query("diff", str(seen.row.get("id")), epoch=int(seen.row.get("epoch") or 0))
