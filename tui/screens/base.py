"""What all screens have: the headline, the line one types in, the hints, and how they are told of news."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from factory.domain.clean import clean_line
from tui import picture
from tui.context import Context
from tui.widgets.frame_table import FrameTable
from tui.widgets.lines import Headline, Hints
from tui.widgets.prompt import Prompt
from tui.world import Seen

if TYPE_CHECKING:
    from tui.app import FactoryTui


class FactoryScreen(Screen[None]):
    """Base of the screens. Subclasses give `body`, and paint in `refresh_rows`; both are cheap.

    Attributes:
        what: the screen's name, as the command line and the hints know it.
        hints: key and word, the most important first.
        judges: what an approval is for is shown here, so that approve and reject act.
    """

    DEFAULT_CSS = """
    FactoryScreen { layout: vertical; layers: default over; overflow: hidden; }
    FactoryScreen > .absent { layer: over; display: none; width: 100%; height: 100%; margin: 1 0; padding: 1 2; background: $background; }
    FactoryScreen.no_factory > .absent { display: block; }
    """

    what: ClassVar[str] = ""
    hints: ClassVar[Sequence[tuple[str, str]]] = (("?", "help"), (":", "command"), ("q", "quit"))
    judges: ClassVar[bool] = False

    @property
    def context(self) -> Context:
        return self.tui.context

    @property
    def tui(self) -> "FactoryTui":
        return cast("FactoryTui", self.app)

    def compose(self) -> ComposeResult:
        yield Headline(self.tui.headline, plain=self.context.plain)
        yield from self.body()
        yield Static(_absent(self.context.place), markup=False, classes="absent")
        yield Hints(self.tui.hints(self.hints), plain=self.context.plain)
        yield Prompt()

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError(type(self).__name__)

    # -- what keys are about ------------------------------------------------------------------------------------------

    def chosen(self) -> Sequence[Seen]:
        """The items that a key is about: of the marked rows, else of the one under the cursor."""
        return ()

    def copied(self) -> str:
        """What is copied: the id of what the cursor is on."""
        return "\n".join(str(seen.row.get("id")) for seen in self.chosen())

    def text(self) -> str:
        """What is saved of the view."""
        return picture.text_of(self.app.export_screenshot())

    def filtered(self, text: str) -> bool:
        """Shows only what matches. False where there is nothing to filter."""
        del text
        return False

    @property
    def filter_text(self) -> str:
        return ""

    def escaped(self) -> bool:
        """Takes back what Escape takes back here, one thing at a time. False where there is nothing left."""
        return False

    def freeze(self, *, frozen: bool) -> None:
        """Keeps rows where they are while a dialog is open."""

    @property
    def stands(self) -> bool:
        """Whether its parts are there: timers and messages still come while it is made or taken away."""
        # What Textual is about to remove is not displayed any more.
        return self.is_mounted and self.display

    # -- painting -----------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        """Something changed: takes rows from the world. Called at most twice a second, and only while the screen is seen."""

    def refresh_ages(self) -> None:
        """A second has passed: ages have grown."""

    def on_screen_resume(self) -> None:
        self.tick(changed=True)

    def tick_headline(self) -> None:
        """The line on top alone: the rest of the screen stands still."""
        if self.stands:
            self.query_one(Headline).tick()

    def tick(self, *, changed: bool) -> None:
        """Paints what is due."""
        if not self.stands:
            return
        live = self.context.link.live
        self.set_class(self.tui.without_factory, "no_factory")
        for table in self.query(FrameTable):
            table.stale = not live
        self.query_one(Headline).tick()
        if changed:
            self.refresh_rows()
        else:
            self.refresh_ages()

    # -- typing -------------------------------------------------------------------------------------------------------

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        event.stop()
        _ = self.filtered(event.text)

    def on_prompt_said(self, event: Prompt.Said) -> None:
        event.stop()
        self.tui.say(event.text)


def _absent(place: str) -> Text:
    text = Text("No factory answers here.\n\n", style="bold")
    text.append("Start one in another terminal:   ", "not bold")
    text.append("factory up\n", "bold")
    text.append("or see one work without a key:   ", "not bold")
    text.append("factory demo\n\n", "bold")
    text.append(f"Tried: {clean_line(place) or 'the usual place'}\n", "dim not bold")
    text.append("Tried again until one answers. q closes this.", "dim not bold")
    return text
