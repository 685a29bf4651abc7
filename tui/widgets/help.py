"""What each key does here: read from the bindings themselves, so that it holds after keys were changed too."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.keys import named
from tui.widgets.dialog import Dialog


class Line(NamedTuple):
    """One binding. `id` is what `[keys]` of factory.toml calls it."""

    group: str
    keys: str
    what: str
    id: str


def lines(bindings: Iterable[tuple[str, Binding]]) -> list[Line]:
    """Bindings that hold, in their order; several keys of one of them are one line."""
    keys: dict[tuple[str, str, str], list[str]] = {}
    for key, binding in bindings:
        if binding.id and binding.description:
            keys.setdefault((binding.id.partition(".")[0], binding.description, binding.id), []).append(named(key))
    return [Line(group, " ".join(names), what, name) for (group, what, name), names in keys.items()]


class Help(Dialog[None]):
    """Scrollable; closed by the key that opened it, Escape or `q`."""

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help > VerticalScroll { width: 90%; max-width: 76; height: auto; max-height: 95%; border: heavy $primary; padding: 0 1;
                            background: $surface; scrollbar-size-vertical: 1; }
    Help.plain > VerticalScroll { border: ascii $primary; }
    Help Static { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "close", "Close", id="help.close"),
        Binding("j", "scroll(1)", "Down", id="help.down"),
        Binding("k", "scroll(-1)", "Up", id="help.up"),
    ]

    def __init__(self, title: str, shown: Sequence[Line], *, plain: bool = False) -> None:
        super().__init__(classes="plain" if plain else "")
        self._title, self._lines = title, shown

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._text(), markup=False)

    def _text(self) -> Text:
        text = Text(f"Keys on {self._title}", style="bold")
        text.append("   others: [keys] in factory.toml, by these ids\n", "dim")
        for group in dict.fromkeys(line.group for line in self._lines):
            text.append(f"\n{group}\n", "bold")
            for line in self._lines:
                if line.group == group:
                    text.append(f"{line.keys:<12} {line.what:<26} ")
                    text.append(f"{line.id}\n", "dim")
        return text

    def action_close(self) -> None:
        _ = self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
