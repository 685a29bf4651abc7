"""All of one thing, over the screen, to be read and closed."""

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from factory.domain.clean import clean_line
from tui.pages import as_json
from tui.widgets.dialog import Dialog
from tui.widgets.log_view import LogView


class Reading(Dialog[None]):
    """A value as JSON under a title."""

    DEFAULT_CSS = """
    Reading { align: center middle; }
    Reading > Static { height: 1; width: 95%; background: $panel; padding: 0 1; text-style: bold; }
    Reading > LogView { width: 95%; height: 80%; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "shut", "Close", show=False, id="reading.close")]

    def __init__(self, title: str, value: Any, *, plain: bool = False) -> None:  # noqa: ANN401 - any JSON
        super().__init__()
        self._title, self._value, self._plain = title, value, plain

    def compose(self) -> ComposeResult:
        yield Static(Text(clean_line(self._title), no_wrap=True, overflow="ellipsis"), markup=False)
        yield LogView(plain=self._plain)

    def on_mount(self) -> None:
        self.query_one(LogView).focus()

    def on_resize(self) -> None:
        _ = self.call_after_refresh(self._show)

    def _show(self) -> None:
        # None where it was closed meanwhile.
        for view in self.query(LogView):
            view.show(as_json(self._value, view.size.width - 3))

    def on_log_view_chosen(self, event: LogView.Chosen) -> None:
        event.stop()
        self.action_shut()

    def action_shut(self) -> None:
        _ = self.dismiss()
