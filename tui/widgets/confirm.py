"""Questions before something is sent. What each is about is bound when it opens: whatever moves under it, the answer is about that."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.widgets import Input, Static

from factory.domain.clean import clean_line
from tui.widgets.dialog import Dialog

_NO_FACTS = 8
"""Lines of a question without its facts: the frame, the question, how to answer, where to type, and what is left around it."""


class Confirm(Dialog[bool]):
    """Before something is destroyed. `y` acts; Enter, `n` and Escape do not. Dismissed with True by `y` or by what has to be typed.

    Args:
        question: one line.
        facts: what it is about and what will happen next, each a line; may hold text from outside.
        typed: what has to be typed instead of `y`.
    """

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical { width: 80%; min-width: 42; max-width: 90; height: auto; max-height: 90%; border: heavy $warning; padding: 0 1;
                         background: $surface; }
    Confirm VerticalScroll { height: auto; scrollbar-size-vertical: 1; }
    Confirm Static { height: auto; }
    Confirm Input, Confirm Input:focus { border: none; height: 1; padding: 0; background: $panel; }
    Confirm.plain > Vertical { border: ascii $warning; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape,enter", "answer(False)", "No", id="confirm.no"),
        # Also where a number is typed: in a terminal too small to show the question it must lead out all the same.
        Binding("q", "answer(False)", "No", id="confirm.leave", priority=True),
        Binding("down,j", "scroll(1)", "Down", id="confirm.down"),
        Binding("up,k", "scroll(-1)", "Up", id="confirm.up"),
    ]

    def __init__(self, question: str, facts: Sequence[str] = (), typed: str = "", *, plain: bool = False) -> None:
        super().__init__(classes="plain" if plain else "")
        self._question, self._facts, self._typed = question, tuple(facts), typed

    def compose(self) -> ComposeResult:
        how = f"type {self._typed} and Enter for yes    Escape no" if self._typed else "y yes    n no (Enter = no)"
        with Vertical():
            yield Static(Text(clean_line(self._question), style="bold"), markup=False)
            with VerticalScroll(can_focus=False):
                yield from (Static(_fact(line), markup=False) for line in self._facts)
            yield Static(Text(how, style="bold"), markup=False)
            if self._typed:
                yield Input(max_length=len(self._typed) + 8, select_on_focus=False)

    def on_resize(self) -> None:
        # What answers the question must be seen in the smallest terminal; the facts can be scrolled. There are none while it is taken away.
        for facts in self.query(VerticalScroll):
            facts.styles.max_height = max(1, min(self.size.height * 6 // 10, self.size.height - _NO_FACTS))

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 - Textual hands over what the binding says
        # With a number asked for, a lone `y` must not do.
        _ = self.dismiss(yes and not self._typed)

    def action_scroll(self, by: int) -> None:
        for facts in self.query(VerticalScroll):
            facts.scroll_relative(y=by, animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        _ = self.dismiss(event.value.strip() == self._typed)


class Ask(Dialog[str]):
    """Asks for one line of text. Dismissed with it, with an empty one by Escape."""

    DEFAULT_CSS = """
    Ask { align: center bottom; }
    Ask > Vertical { height: auto; padding: 0 1; background: $surface; border-top: heavy $warning; }
    Ask Input, Ask Input:focus { border: none; height: 1; padding: 0; background: $panel; }
    Ask.plain > Vertical { border-top: ascii $warning; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop", "Nothing", id="ask.drop")]

    def __init__(self, label: str, *, plain: bool = False) -> None:
        super().__init__(classes="plain" if plain else "")
        self._label = label

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(f"{clean_line(self._label)}   Enter sends, Escape does not", style="bold"), markup=False)
            yield Input(select_on_focus=False)

    def action_drop(self) -> None:
        _ = self.dismiss("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        _ = self.dismiss(event.value)


class Choose(Dialog[str]):
    """One key picks one of several. Dismissed with what the key stands for, with an empty text by any other key.

    Args:
        choices: key → what it stands for.
    """

    DEFAULT_CSS = """
    Choose { align: center bottom; background: transparent; }
    Choose > Static { width: 100%; height: auto; padding: 0 1; background: $panel; }
    """

    def __init__(self, title: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._choices = title, dict(choices)

    def compose(self) -> ComposeResult:
        yield Static(Text(f"{self._title}  " + "  ".join(f"{key} {what}" for key, what in self._choices.items())), markup=False)

    def on_key(self, event: Key) -> None:
        event.stop()
        event.prevent_default()
        _ = self.dismiss(self._choices.get(event.character or "", ""))


def _fact(line: str) -> Text:
    """Indented as it was: the spaces before it are ours."""
    return Text(" " * (len(line) - len(line.lstrip(" "))) + clean_line(line))
