"""A Textual app with next to nothing in it: what a program on Textual cannot be faster than. `j` counts."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class EmptyApp(App[None]):
    """One line."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def compose(self) -> ComposeResult:
        yield Static("count 0 ")

    def key_j(self) -> None:
        self._count += 1
        self.query_one(Static).update(f"count {self._count} ")


if __name__ == "__main__":
    EmptyApp().run()
