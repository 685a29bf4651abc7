"""Single lines: the headline on top, the place below it, and the keys at the bottom."""

from collections.abc import Callable, Sequence

from rich.text import Text
from textual.widgets import Static

from tui.columns import Cell
from tui.glyphs import ascii_only
from tui.headline import fitted
from tui.states import Tone

TONES: dict[Tone, str] = {"good": "green", "busy": "cyan", "warn": "bold yellow", "bad": "bold red", "dim": "dim", "head": "bold"}


def text_of(parts: Sequence[Cell], gap: str = "   ", *, plain: bool = False) -> Text:
    """The parts as text that holds no markup."""
    text = Text(no_wrap=True, overflow="crop" if plain else "ellipsis")
    for number, part in enumerate(parts):
        text.append((gap if number else "") + (ascii_only(part.text) if plain else part.text), TONES.get(part.tone, ""))
    return text


class Headline(Static):
    """The line at the top of each screen; says the same on all of them."""

    DEFAULT_CSS = "Headline { height: 1; padding: 0 1; background: $panel; }"

    def __init__(self, parts: Callable[[], Sequence[Cell]], *, plain: bool = False) -> None:
        super().__init__(markup=False)
        self._parts, self._plain, self._shown = parts, plain, Text()
        self.paints = 0

    def tick(self) -> None:
        """Paints it anew if it says anything else."""
        text = text_of(fitted(self._parts(), self.size.width - 2 if self.size.width else 78), plain=self._plain)
        if text != self._shown:
            self._shown = text
            self.paints += 1
            self.update(text)

    def on_resize(self) -> None:
        self.tick()


class Hints(Static):
    """The keys that matter most here, at most six."""

    DEFAULT_CSS = "Hints { height: 1; padding: 0 1; color: $text-muted; dock: bottom; }"

    def __init__(self, hints: Sequence[tuple[str, str]], *, plain: bool = False) -> None:
        super().__init__(text_of([Cell(f"{key} {what}") for key, what in hints[:6]], plain=plain), markup=False)
