"""The dashboard on the demo's own factory: it says when the demo is over, and its Ctrl-C stops all of it."""

import signal
from collections.abc import Collection
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.app import FactoryTui
from tui.columns import Cell
from tui.context import Context
from tui.pending import Notice

_ENDED = frozenset({"completed", "in_review", "failed", "cancelled", "stuck", "needs_approval"})
"""Nothing more happens to such an item by itself."""


class DemoTui(FactoryTui):
    """The app, with the end of the demo in its headline.

    Args:
        items: ids of what the demo handed in.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "stop_demo", "Stop the demo and its factory", show=False, id="demo.stop", priority=True),
    ]

    def __init__(self, context: Context, items: Collection[str]) -> None:
        super().__init__(context)
        self._items = frozenset(items)
        self._over = False

    def action_stop_demo(self) -> None:
        self.stop(signal.SIGINT)

    def action_leave(self) -> None:
        self.exit()

    def pump(self) -> None:
        super().pump()
        known = self.context.world.items
        if not self._over and all(item in known and known[item].row.get("status") in _ENDED for item in self._items):
            self._over = True
            self.tell(Notice("The demo is over. Look around; q ends it and prints what came of it."))

    def headline(self) -> list[Cell]:
        link, *rest = super().headline()
        return [link, *([Cell("DEMO OVER, q ends it", "good")] if self._over else []), *rest]
