"""What all screens have: the headline, a title, the hints, and how they are told of news."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from tui.context import Context
from tui.widgets.lines import Headline, Hints
from tui.world import Seen

if TYPE_CHECKING:
    from tui.app import FactoryTui


class FactoryScreen(Screen[None]):
    """Base of the screens. Subclasses give `body`, and paint in `refresh_rows`; both are cheap.

    Attributes:
        what: the screen's name, as the command line and the hints know it.
        hints: key and word, the most important first.
    """

    what: ClassVar[str] = ""
    hints: ClassVar[Sequence[tuple[str, str]]] = (("?", "help"), (":", "command"), ("q", "quit"))

    @property
    def context(self) -> Context:
        return self.tui.context

    @property
    def tui(self) -> "FactoryTui":
        return cast("FactoryTui", self.app)

    def compose(self) -> ComposeResult:
        yield Headline(self.tui.headline)
        yield from self.body()
        yield Hints(self.hints)

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError(type(self).__name__)

    def chosen(self) -> Sequence[Seen]:
        """The items that a key is about: of the marked rows, else of the one under the cursor."""
        return ()

    def freeze(self, *, frozen: bool) -> None:
        """Keeps rows where they are while a dialog is open."""

    def refresh_rows(self) -> None:
        """Something changed: takes rows from the world. Called at most twice a second, and only while the screen is seen."""

    def refresh_ages(self) -> None:
        """A second has passed: ages have grown."""

    def on_screen_resume(self) -> None:
        self.tick(changed=True)

    def tick(self, *, changed: bool) -> None:
        """Paints what is due."""
        self.query_one(Headline).tick()
        if changed:
            self.refresh_rows()
        else:
            self.refresh_ages()
