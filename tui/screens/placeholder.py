"""A screen whose data is not there yet: says what will fill it."""

from collections.abc import Iterable

from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.base import FactoryScreen


class Placeholder(FactoryScreen):
    """Stands where a screen is registered that nobody has written.

    Args:
        what: the screen's name.
        filled_by: one sentence: what fills it.
    """

    def __init__(self, what: str, filled_by: str) -> None:
        super().__init__()
        self.name_here, self._filled_by = what, filled_by

    def body(self) -> Iterable[Widget]:
        yield Static(Text(f"\n {self.name_here}\n\n {self._filled_by}", style="dim"), markup=False)
