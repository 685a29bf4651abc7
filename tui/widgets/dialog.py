"""What lies over a screen until it is answered."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

R = TypeVar("R")


class Dialog(ModalScreen[R]):
    """Goes away once."""

    def dismiss(self, result: R | None = None) -> AwaitComplete:
        """Textual takes away whatever is on top. A second key in the same read would take the screen below, or the last one there is."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()
