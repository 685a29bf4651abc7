"""The line at the bottom where one types: `/` filters while one types, `:` says a word. Not seen unless it is open."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input

Kind = Literal["/", ":"]


class Prompt(Input):
    """One at a time. While it has the focus its letters are text: no key acts on a row."""

    DEFAULT_CSS = """
    Prompt { dock: bottom; height: 1; border: none; padding: 0 1; background: $panel; display: none; }
    Prompt.open { display: block; }
    Prompt:focus { border: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "shut", "Close", show=False, id="prompt.close"),
        Binding("tab", "cursor_right", "Complete", show=False, id="prompt.complete"),
    ]

    class Typed(Message):
        """The text of a filter changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Said(Message):
        """A word was said."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(select_on_focus=False)
        # Else Textual would give it the focus on a screen that has nothing else for it, and keys would be text.
        self.can_focus = False
        self.kind: Kind = "/"
        self._back: Widget | None = None

    def open(self, kind: Kind, text: str = "", words: Sequence[str] = ()) -> None:
        """Shows it with a text, and completes from these words."""
        if not self.has_class("open"):
            self._back = self.screen.focused
        self.kind = kind
        self.suggester = SuggestFromList(words, case_sensitive=False) if words else None
        self.placeholder = "filter: words, state:running, !repo:web" if kind == "/" else "queue, workers, item ID, pause, resume, quit"
        with self.prevent(Input.Changed):
            self.value = text
        self.cursor_position = len(text)
        self.add_class("open")
        self.can_focus = True
        # At once: `focus()` waits for its turn, and the keys that come before it would act.
        self.screen.set_focus(self)

    def shut(self) -> None:
        """Gives the focus back to where it was."""
        self.remove_class("open")
        self.screen.set_focus(self._back)
        self.can_focus = False

    def action_shut(self) -> None:
        """Escape: a filter goes with it."""
        if self.kind == "/":
            self.post_message(self.Typed(""))
        self.shut()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.kind == "/" and self.has_class("open"):
            self.post_message(self.Typed(event.value))

    def on_key(self, event: Key) -> None:
        """Enter is taken here and not by its binding, which is found when the key has gone all the way up: those behind it came by then."""
        if not self.has_class("open"):
            # It was on its way when the line was shut: no text, it goes on to where keys act.
            event.prevent_default()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self._submit()

    async def action_submit(self) -> None:
        """An Enter that was on its way to somebody else when the line was opened."""
        self._submit()

    def _submit(self) -> None:
        kind, text = self.kind, self.value
        self.shut()
        # What of a filter was typed last may still be on its way, and is not heard once the line is shut.
        self.post_message(self.Said(text) if kind == ":" else self.Typed(text))
