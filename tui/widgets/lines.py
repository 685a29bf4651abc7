"""Single lines: the headline on top, the place below it, and the keys at the bottom."""

from collections.abc import Callable, Sequence

from rich.text import Text
from textual.widgets import Static

from tui.columns import Cell
from tui.headline import fitted
from tui.states import Tone

TONES: dict[Tone, str] = {"good": "green", "busy": "cyan", "warn": "bold yellow", "bad": "bold red", "dim": "dim", "head": "bold"}


def text_of(parts: Sequence[Cell], gap: str = "   ") -> Text:
    """The parts as text that holds no markup."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, part in enumerate(parts):
        text.append((gap if number else "") + part.text, TONES.get(part.tone, ""))
    return text


class Headline(Static):
    """The line at the top of each screen; says the same on all of them."""

    DEFAULT_CSS = "Headline { height: 1; padding: 0 1; background: $panel; }"

    def __init__(self, parts: Callable[[], Sequence[Cell]]) -> None:
        super().__init__(markup=False)
        self._parts, self._shown = parts, Text()

    def tick(self) -> None:
        """Paints it anew if it says anything else."""
        text = text_of(fitted(self._parts(), self.size.width - 2 if self.size.width else 80))
        if text != self._shown:
            self._shown = text
            self.update(text)


class Hints(Static):
    """The keys that matter most here, at most six."""

    DEFAULT_CSS = "Hints { height: 1; padding: 0 1; color: $text-muted; dock: bottom; }"

    def __init__(self, hints: Sequence[tuple[str, str]]) -> None:
        super().__init__(text_of([Cell(f"{key} {what}") for key, what in hints[:6]]), markup=False)
