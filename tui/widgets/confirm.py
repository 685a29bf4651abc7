"""The question before something is destroyed. `y` acts; Enter, `n` and Escape do not.

What it is about is bound when it opens: whatever moves under it meanwhile, the answer is about that.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from factory.domain.clean import clean_line


class Confirm(ModalScreen[bool]):
    """Dismissed with True by `y` alone.

    Args:
        question: one line.
        facts: what it is about and what will happen next, each a line; may hold text from outside.
    """

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 80%; max-width: 90; height: auto; max-height: 90%; border: heavy $warning; padding: 0 1; background: $surface;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", id="confirm.yes"),
        Binding("n,escape,enter,q", "answer(False)", "no", id="confirm.no"),
    ]

    def __init__(self, question: str, facts: Sequence[str] = ()) -> None:
        super().__init__()
        self._question, self._facts = question, tuple(facts)

    def compose(self) -> ComposeResult:
        lines = [Text(clean_line(self._question), style="bold"), *(Text(clean_line(fact)) for fact in self._facts)]
        with Vertical():
            yield from (Static(line, markup=False) for line in lines)
            yield Static(Text("y yes    n no (Enter = no)", style="bold"), markup=False)

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 - Textual hands over what the binding says
        _ = self.dismiss(yes)
