"""One item or one worker: its transcript as it happens, log, diff, gates, timeline and fields, on tabs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from factory.protocol.commands import Query
from tui import pages
from tui.columns import Cell, said, show_age
from tui.headline import fitted
from tui.log_reader import POLL_SECONDS, LogReader
from tui.page import Line
from tui.patch import Patch, totals
from tui.screens.base import FactoryScreen
from tui.states import look
from tui.widgets.diff_view import DiffView
from tui.widgets.lines import text_of
from tui.widgets.log_view import LogView
from tui.world import Seen

TABS: Mapping[str, str] = {
    "transcript": "Transcript", "raw": "Log", "diff": "Diff", "gates": "Gates", "timeline": "Timeline", "fields": "Fields",
}  # fmt: skip
_WANTED = {"": "transcript", "log": "transcript", "item": "transcript", "describe": "fields"}
_READERS = ("transcript", "raw")


class DetailScreen(FactoryScreen):
    """Subclasses say which item it is, what stands in the title, and the first lines of the fields.

    Args:
        id: of the item or worker.
        tab: the one that is opened.
    """

    DEFAULT_CSS = """
    DetailScreen > .line { height: 1; padding: 0 1; }
    DetailScreen LogView { padding: 0 1; }
    """

    hints = (("tab", "next tab"), ("G", "follow"), ("/", "search"), ("D", "diff"), ("^k", "kill"), ("?", "help"))

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,right", "tab(1)", "Next tab", show=False, id="detail.next"),
        Binding("shift+tab,left", "tab(-1)", "Tab before", show=False, id="detail.previous"),
        Binding("less_than_sign", "attempt(-1)", "Attempt before", show=False, id="detail.older"),
        Binding("greater_than_sign", "attempt(1)", "Next attempt, the latest at the end", show=False, id="detail.newer"),
        Binding("escape", "back", "End the search, go back", show=False, id="detail.back"),
    ]

    def __init__(self, id: str, tab: str = "") -> None:  # noqa: A002 - as the rows name it
        super().__init__()
        self.subject = id
        self.tab = _WANTED.get(tab, tab) if _WANTED.get(tab, tab) in TABS else "transcript"
        self.epoch = 0
        self._readers: dict[str, LogReader] = {}
        self._timer: Timer | None = None
        self._notes: tuple[Text, ...] = ()

    # -- what it is about ---------------------------------------------------------------------------------------------

    @property
    def item(self) -> str:
        """The id of the item, empty while that is not known."""
        raise NotImplementedError

    def title_parts(self) -> Sequence[Cell]:
        raise NotImplementedError

    def own_fields(self, size: int) -> list[Line]:
        """What stands above the item's own fields."""
        del size
        return []

    @property
    def judges(self) -> bool:  # type: ignore[override] # what an approval is for is seen on one tab only
        return self.tab == "diff" and bool(self._diff.patch.head.get("approvable")) and self._diff.patch.whole

    def seen_item(self) -> Seen | None:
        """From the feed; of one that the feed does not tell of from the answer to a question."""
        return self.context.world.items.get(self.item) or self._asked_item()

    def _asked_item(self) -> Seen | None:
        view = self.context.views.get(Query("item", self.item))
        return Seen(view.data.get("item") or {}, view.at) if view else None

    def chosen(self) -> Sequence[Seen]:
        seen = self.seen_item()
        return () if seen is None else (seen,)

    # -- widgets ------------------------------------------------------------------------------------------------------

    def body(self) -> Iterable[Widget]:
        plain = self.context.plain
        yield Static(id="place", classes="line", markup=False)
        yield Static(id="tabs", classes="line", markup=False)
        for tab in TABS:
            kind = DiffView(plain=plain, id=tab) if tab == "diff" else LogView(follows=tab in _READERS, plain=plain, id=tab)
            kind.display = tab == self.tab
            yield kind
        yield Static(id="status", classes="line", markup=False)

    @property
    def view(self) -> LogView:
        """The one that is seen."""
        return self.query_one(f"#{self.tab}", LogView)

    @property
    def _diff(self) -> DiffView:
        return self.query_one("#diff", DiffView)

    def on_mount(self) -> None:
        self._timer = self.set_interval(POLL_SECONDS, self._poll)
        self.view.focus()

    def on_resize(self) -> None:
        # The lines are made for the width, which the view is given after this.
        _ = self.call_after_refresh(self.refresh_rows)

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        if self._timer is not None:
            self._timer.resume()
        super().on_screen_resume()

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_tab(self, by: int) -> None:
        names = list(TABS)
        self.show_tab(names[(names.index(self.tab) + by) % len(names)])

    def show_tab(self, tab: str) -> None:
        """Puts another tab in front; the one that was there keeps its place."""
        self.view.display = False
        self.tab = tab
        self.view.display = True
        self.view.focus()
        # It is given its width first.
        _ = self.call_after_refresh(self.refresh_rows)

    def action_attempt(self, by: int) -> None:
        seen = self.seen_item()
        latest = int(seen.row.get("epoch") or 0) if seen else 0
        here = self.epoch or latest
        wanted = min(max(here + by, 1), latest) if latest else 0
        self.epoch = 0 if wanted == latest else wanted
        self._readers.clear()
        self._diff.patch = Patch()
        self.refresh_rows()

    def action_back(self) -> None:
        if not self.escaped():
            self.tui.action_escape()

    def escaped(self) -> bool:
        had = bool(self.view.sought)
        self.view.search("")
        return had

    def filtered(self, text: str) -> bool:
        self.view.search(text)
        return True

    @property
    def filter_text(self) -> str:
        return self.view.sought

    def text(self) -> str:
        reader = self._readers.get(self.tab)
        if reader is None:
            return "\n".join(line.text for line in self.view.lines)
        missing = reader.skipped + reader.folding.transcript.pruned
        note = [f"[the beginning is not here: factory logs {self.item} has all of it]"] if missing else []
        return "\n".join([*note, reader.folding.text()])

    def on_log_view_chosen(self, event: LogView.Chosen) -> None:
        event.stop()
        reader = self._readers.get(self.tab)
        if reader is not None and event.line.block >= 0:
            reader.folding.toggle(event.line.block)
            self._paint_log(reader)

    def on_log_view_changed(self, event: LogView.Changed) -> None:
        event.stop()
        self._status()

    # -- painting -----------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        if not self.stands or not self.view.size.width:
            return
        self._poll()
        self._show(0, "place", self._title())
        self._show(1, "tabs", self._tabs())
        painters: Mapping[str, Callable[[], None]] = {
            "diff": self._paint_diff, "gates": self._paint_gates, "timeline": self._paint_timeline, "fields": self._paint_fields,
        }  # fmt: skip
        self.view.stale = not self.context.link.live
        if self.tab in painters:
            painters[self.tab]()
        self._status()

    def refresh_ages(self) -> None:
        self.refresh_rows()

    def _title(self) -> Text:
        parts = fitted([Cell("factory ▸", "dim"), *self.title_parts()], max(self.size.width - 2, 1))
        return text_of(parts, " ", plain=self.context.plain)

    def _tabs(self) -> Text:
        names = list(TABS)
        # Where they do not fit, the ones around this one are shown.
        start = max(names.index(self.tab) - 2, 0) if self.size.width < sum(len(name) + 3 for name in TABS.values()) else 0
        parts = [Cell(f"[{TABS[name]}]", "head") if name == self.tab else Cell(TABS[name], "dim") for name in names[start:]]
        return text_of(parts, "  ", plain=self.context.plain)

    def _show(self, number: int, name: str, text: Text) -> None:
        """Paints a line anew only where it says something else."""
        shown = (*self._notes, *(Text() for _ in range(3)))[:3]
        if shown[number] != text:
            self._notes = (*shown[:number], text, *shown[number + 1 :])
            self.query_one(f"#{name}", Static).update(text)

    def _status(self) -> None:
        view, reader = self.view, self._readers.get(self.tab)
        parts = [*_following(view, reader)] if reader is not None else [Cell(f"{len(view.lines):,} lines", "dim")]
        if view.sought:
            found = f"{view.place_found or '-'} of {len(view.places)}" if view.places else "no match"
            parts.insert(0, said(f"/{view.sought}   {found}   n N", "" if view.places else "warn"))
        self._show(2, "status", text_of(fitted(parts, max(self.size.width - 2, 1)), plain=self.context.plain))

    # -- the log ------------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        """Takes what came of the log that is on the screen, and asks for what comes next."""
        if self.tab not in _READERS or not self.item or not self.stands or self.tui.paused:
            return
        reader = self._readers.get(self.tab)
        if reader is None:
            reader = self._readers[self.tab] = LogReader(self.item, self.epoch, raw=self.tab == "raw")
        self._take(reader)
        _ = reader.moved_on(self._begun())
        query = reader.next_query(self.context.clock()) if self.context.link.live and reader.asked is None else None
        if query is not None:
            self.context.link.ask("view", query)
        self._paint_log(reader)

    def _begun(self) -> int:
        """The number of the item's latest attempt, 0 where none has begun."""
        seen = self.context.world.items.get(self.item)
        return int(seen.row.get("epoch") or 0) if seen else 0

    def _take(self, reader: LogReader) -> None:
        # Taken out of what is kept: pages of a log would be most of the memory.
        if reader.asked is None:
            return
        view, failure = self.context.views.pop(reader.asked, None), self.context.failures.pop(reader.asked, None)
        if view is not None:
            reader.take(view.data)
        elif failure is not None:
            reader.failed(failure.data["reason"])

    def _paint_log(self, reader: LogReader) -> None:
        view = self.view
        _ = reader.resize(max(view.size.width - 3, 10))
        reader.prune(follow=view.follow)
        folding = reader.folding
        if view.follow:
            folding.seen()
        removed, folding.removed = folding.removed, 0
        view.say_empty(reader.nothing(self._begun()))
        if folding.take_changed() or view.lines is not folding.lines:
            view.show(folding.lines, removed)
        self._status()

    # -- the other tabs -----------------------------------------------------------------------------------------------

    def _put(self, lines: Sequence[Line], query: Query, empty: str) -> None:
        self.view.say_empty(self.context.why_not(query) or empty)
        if list(self.view.lines) != list(lines):
            self.view.show(lines)

    def _paint_diff(self) -> None:
        diff, size = self._diff, max(self.view.size.width - 3, 10)
        patch = diff.patch
        seen = self.seen_item()
        stale = seen is not None and not self.epoch and patch.head.get("epoch") not in {None, seen.row.get("epoch")}
        query = Query("diff", self.item, epoch=self.epoch, offset=0 if stale else patch.next)
        while self.item and (stale or not patch.whole) and (view := self.context.want(query)) is not None:
            patch.take(view.data)
            _ = self.context.views.pop(query)
            stale, query = False, Query("diff", self.item, epoch=self.epoch, offset=patch.next)
        self._put(patch.lines(size), query, "The result is being read…" if self.item else "")

    def _paint_gates(self) -> None:
        query = Query("item", self.item)
        view = self.context.want(query)
        rows = [row for row in (view.data.get("gates") or () if view else ()) if self.epoch in {0, row.get("epoch")}]
        lines = pages.gates(rows, self.view.size.width - 3, self.context.wall())
        self._put(lines, query, "No gate was run on a result of this item yet: gates run when an attempt hands in its result.")

    def _paint_timeline(self) -> None:
        query = Query("timeline", self.item, limit=1_000)
        view = self.context.want(query)
        rows = (view.data.get("timeline") or ()) if view else ()
        self._put(pages.timeline(rows, self.view.size.width - 3, self.context.wall()), query, "What happens to it will stand here.")

    def _paint_fields(self) -> None:
        query = Query("item", self.item)
        view, size = self.context.want(query), self.view.size.width - 3
        lines = [*self.own_fields(size), *(pages.about_item(view.data, size, self.context.wall()) if view else [])]
        self._put(lines, query, "The factory is being asked…")

    def state_cell(self, state: str, age: float | None = None) -> Cell:
        shown = look(state)
        since = f" {show_age(age)}" if age is not None else ""
        return said(shown.label(state, plain=self.context.plain) + since, shown.tone)

    def diff_totals(self) -> str:
        return totals(self._diff.patch.head) if self._diff.patch.head else ""


def _following(view: LogView, reader: LogReader) -> Iterable[Cell]:
    folding = reader.folding
    if view.follow:
        yield Cell("FOLLOW on", "good")
    elif folding.new:
        yield Cell(f"{folding.new:,} new below (G)", "warn")
    else:
        yield Cell("FOLLOW off (G)", "warn")
    if reader.epoch:
        yield Cell(f"attempt {reader.epoch}{' ended' if reader.ended else ''}", "dim")
    yield Cell(f"{folding.transcript.lines:,} lines", "dim")
    dropped = folding.transcript.dropped
    yield Cell(f"{dropped:,} bytes dropped", "warn" if dropped else "dim")
    missing = reader.skipped
    if missing:
        yield Cell(f"first {missing:,} bytes not read", "dim")
    if reader.behind:
        yield Cell(f"{reader.behind:,} bytes behind", "warn")
