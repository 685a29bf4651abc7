"""Throughput, waits, failures and gates over a window of time."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from factory.protocol.commands import Query
from tui import metrics
from tui.columns import Cell
from tui.screens.base import FactoryScreen
from tui.widgets.lines import text_of
from tui.widgets.log_view import LogView

_FRESH_SECONDS = 5.0
"""The series is a query over many rows, and its buckets are minutes."""


class MetricsScreen(FactoryScreen):
    what = "metrics"
    hints = (("left right", "window"), ("j k", "scroll"), ("^s", "save"), ("1", "overview"), ("?", "help"), ("q", "quit"))

    DEFAULT_CSS = "MetricsScreen > #window { height: 1; padding: 0 1; } MetricsScreen LogView { padding: 0 1; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "window(-1)", "Shorter window", show=False, id="metrics.shorter"),
        Binding("right", "window(1)", "Longer window", show=False, id="metrics.longer"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.window = "24h"
        self._title = Text()

    def body(self) -> Iterable[Widget]:
        yield Static(id="window", markup=False)
        yield LogView(plain=self.context.plain)

    def on_mount(self) -> None:
        self.query_one(LogView).focus()

    def on_resize(self) -> None:
        _ = self.call_after_refresh(self.refresh_rows)

    def action_window(self, by: int) -> None:
        place = metrics.WINDOWS.index(self.window) + by
        self.window = metrics.WINDOWS[min(max(place, 0), len(metrics.WINDOWS) - 1)]
        self.refresh_rows()

    def refresh_ages(self) -> None:
        self.refresh_rows()

    def refresh_rows(self) -> None:
        view = self.query_one(LogView)
        if not view.size.width:
            return
        self._show_window()
        query = Query("series", self.window)
        known = self.context.views.get(query)
        if known is None or self.context.clock() - known.at >= _FRESH_SECONDS:
            known = self.context.want(query)
        empty = known is None or metrics.is_empty(known.data)
        nothing = f"No attempt in the last {self.window}: numbers come with the first that ends."
        view.say_empty(self.context.why_not(query) or (nothing if known else "The factory is being asked…"))
        lines = [] if known is None or empty else metrics.lines(known.data, view.size.width - 3)
        view.stale = not self.context.link.live
        if list(view.lines) != lines:
            view.show(lines)

    def _show_window(self) -> None:
        parts = [Cell(f"[{name}]", "head") if name == self.window else Cell(name, "dim") for name in metrics.WINDOWS]
        title = text_of([Cell("factory ▸ metrics", "dim"), *parts], plain=self.context.plain)
        if title != self._title:
            self._title = title
            self.query_one("#window", Static).update(title)

    def text(self) -> str:
        return "\n".join(line.text for line in self.query_one(LogView).lines)
