"""factory-tui: a client of a running factory. It shows what the feed tells and sends commands; its end changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.events import Key
from textual.widgets import Input

from factory.domain.clean import clean_line
from tui import outside, words
from tui.catalog import DETAILS, SCREENS
from tui.context import Context
from tui.history import History, Place
from tui.keys import by_id, keymap, named
from tui.palette import FactoryProvider, Palette
from tui.pending import Notice
from tui.screens.base import FactoryScreen
from tui.screens.listing import ListScreen
from tui.screens.placeholder import Placeholder
from tui.steering import Steering
from tui.widgets.confirm import Ask, Confirm
from tui.widgets.frame_table import FrameTable
from tui.widgets.help import Help, lines
from tui.widgets.prompt import Prompt

THEMES = ("textual-dark", "textual-light", "ansi-dark", "ansi-light", "nord", "gruvbox", "solarized-dark", "solarized-light")
"""In the order of `z`. The ansi ones take the terminal's own colours."""

_MOST_COMPLETED = 500

_CHANGING = frozenset({"^k", "r", "a", "x", "X", "m", "+", "-", "F", "S"})
"""Keys as the hints name them."""


class FactoryTui(Steering):
    """The app: screens by name, and the keys that hold on all of them.

    Args:
        keys: other keys by the id of a binding.
        theme: the one to begin with.

    Attributes:
        picture: the text of the screen at the end, for the first paint of the next start.

    Raises:
        InvalidInput: `keys` names nothing, or a key twice.
    """

    CSS = "Screen { layout: vertical; } ToastRack { align-horizontal: right; } Toast { max-width: 90%; }"
    TITLE = "factory"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {FactoryProvider}

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"go('{name}')", name.capitalize(), show=False, id=f"app.{name}") for n, name in enumerate(words.SCREENS, 1)),
        Binding("question_mark,f1", "help", "Keys of this screen", show=False, id="app.help"),
        Binding("colon", "command_line", "Say a command", show=False, id="app.command"),
        Binding("slash", "filter", "Filter", show=False, id="app.filter"),
        Binding("exclamation_mark", "needs", "Only what needs you", show=False, id="app.needs"),
        Binding("s", "sort", "Sort by a column", show=False, id="app.sort"),
        Binding("left_square_bracket", "history(-1)", "Where you were before", show=False, id="app.back"),
        Binding("right_square_bracket", "history(1)", "Forward again", show=False, id="app.forward"),
        Binding("escape", "escape", "Close, clear, back", show=False, id="app.escape"),
        Binding("p", "freeze", "Stop and go on painting", show=False, id="app.freeze"),
        Binding("z", "theme", "Next theme", show=False, id="app.theme"),
        Binding("c", "copy", "Copy the id", show=False, id="app.copy"),
        Binding("ctrl+s", "save", "Save this view to a file", show=False, id="app.save"),
        Binding("q", "leave", "Quit", show=False, id="app.quit"),
        Binding("ctrl+k", "items('kill')", "Kill", show=False, id="item.kill"),
        Binding("r", "items('retry')", "Retry", show=False, id="item.retry"),
        Binding("X", "items('cancel')", "Cancel for good", show=False, id="item.cancel"),
        Binding("a", "items('approve')", "Approve", show=False, id="item.approve"),
        Binding("x", "items('reject')", "Reject", show=False, id="item.reject"),
        Binding("m", "items('note')", "Note to the agent", show=False, id="item.note"),
        Binding("plus", "prioritise(1)", "Raise the priority", show=False, id="item.raise"),
        Binding("minus", "prioritise(-1)", "Lower the priority", show=False, id="item.lower"),
        Binding("u", "undo", "Undo a priority", show=False, id="item.undo"),
        Binding("F", "drain", "Drain: let what runs end", show=False, id="app.drain"),
        Binding("l", "look('log')", "Transcript and log", show=False, id="item.log"),
        Binding("d", "look('describe')", "Describe", show=False, id="item.describe"),
        Binding("D", "look('diff')", "Diff", show=False, id="item.diff"),
        Binding("o", "browse", "Open its pull request", show=False, id="item.browse"),
        Binding("S", "shell", "Shell beside its worker", show=False, id="item.shell"),
    ]

    def __init__(self, context: Context, keys: Mapping[str, str] | None = None, theme: str = "") -> None:
        super().__init__(context)
        self._keys = keymap(keys or {}, known_keys())
        self.set_keymap(self._keys)
        if theme in self.available_themes:
            self.theme = theme
        self._history = History()
        self.picture = ""
        for name, screen in SCREENS.items():
            self.add_mode(name, screen)

    def on_mount(self) -> None:
        # Textual calls the handler of each base class itself: `super()` here would start the link twice.
        self.go(words.SCREENS[0])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While one types, no key of ours means anything but text."""
        if isinstance(self.focused, Input) and not hasattr(App, f"action_{action}"):
            return False
        return super().check_action(action, parameters)

    def on_key(self, event: Key) -> None:
        """A key that was on its way when the line to type in opened is text too; whoever had the focus before let it pass."""
        focused = self.focused
        if isinstance(focused, Input) and event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            focused.insert_text_at_cursor(event.character)

    # -- going places -------------------------------------------------------------------------------------------------

    def go(self, screen: str) -> None:
        """To a screen by its name."""
        self._visit(Place(screen))

    def look(self, kind: str, id: str, tab: str = "") -> None:  # noqa: A002 - as the rows name it
        """Opens an item or a worker on top of the screen."""
        if id:
            self._visit(Place(self._place.screen, kind, id, tab))

    def action_go(self, screen: str) -> None:
        self.go(screen)

    def action_look(self, tab: str) -> None:
        chosen = self.chosen()
        self.look("item", str(chosen[0].row.get("id")) if chosen else "", tab)

    def action_history(self, by: int) -> None:
        place = self._history.step(by)
        if place is not None:
            self._show(place)

    def action_escape(self) -> None:
        if self._place.kind:
            self.go(self._place.screen)
        elif self.seen is not None:
            _ = self.seen.escaped()

    @property
    def _place(self) -> Place:
        return self._history.here or Place(words.SCREENS[0])

    def _visit(self, place: Place) -> None:
        if place != self._history.here:
            self._history.visit(place)
            self._show(place)

    def _show(self, place: Place) -> None:
        if self.dialog_open() and self._history.here is None:
            return
        while len(self.screen_stack) > 1:
            _ = self.pop_screen()
        _ = self.switch_mode(place.screen)
        if place.kind:
            _ = self.push_screen(_detail(place))

    # -- typing -------------------------------------------------------------------------------------------------------

    def action_command_line(self) -> None:
        self._open(":")

    def action_filter(self) -> None:
        if self.seen is not None and not self.seen.filtered(self.seen.filter_text):
            self.tell(Notice("There is nothing to filter on this screen."))
        else:
            self._open("/")

    def _open(self, kind: str) -> None:
        screen = self.seen
        if screen is None:
            return
        prompt = screen.query_one(Prompt)
        if kind == "/":
            prompt.open("/", screen.filter_text)
        else:
            prompt.open(":", "", words.completions(list(self.context.world.items)[:_MOST_COMPLETED]))

    def say(self, text: str) -> None:
        """Does what was typed after the colon."""
        meaning = words.understand(text)
        match meaning:
            case words.Go():
                self.go(meaning.screen)
            case words.Look():
                self._look_for(meaning)
            case words.Turn():
                self.switch(meaning.verb, meaning.part)
            case words.Stop():
                self.action_emergency_stop()
            case words.Leave():
                self.action_leave()
            case words.Unclear():
                self.tell(Notice(meaning.sentence, bad=True))

    def _look_for(self, wanted: words.Look) -> None:
        found = [key for key in self.context.world.items if key.startswith(wanted.item.lower())]
        if len(found) > 1:
            self.tell(Notice(f"{len(found)} items begin with {wanted.item}: {' '.join(found[:5])}", bad=True))
        else:
            # One that the feed does not tell of may still be known to the factory: the screen asks, and says so if it is not.
            self.look("item", found[0] if found else wanted.item, "" if wanted.tab == "item" else wanted.tab)

    def action_command_palette(self) -> None:
        # Not over a question: what is picked would leave the screen that waits for its answer.
        if not self.dialog_open():
            _ = self.push_screen(Palette(id="--command-palette"))

    # -- the view -----------------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        screen = self.seen
        if screen is None:
            return
        bindings = [(key, active.binding) for key, active in screen.active_bindings.items()]
        _ = self.push_screen(Help(self._place.kind or self._place.screen, lines(bindings), plain=self.context.plain))

    def action_needs(self) -> None:
        if isinstance(self.seen, ListScreen):
            self.seen.turn_needs()

    def action_sort(self) -> None:
        if isinstance(self.seen, ListScreen):
            self.seen.ask_order()

    def action_theme(self) -> None:
        place = THEMES.index(self.theme) + 1 if self.theme in THEMES else 0
        self.theme = THEMES[place % len(THEMES)]
        self.tell(Notice(f"theme: {self.theme}"))

    def action_copy(self) -> None:
        text = clean_line(self.seen.copied()) if self.seen is not None else ""
        if text:
            self.copy_to_clipboard(text)
        self.tell(Notice(f"copied: {text}" if text else "There is nothing to copy here."))

    def action_save(self) -> None:
        if self.seen is None:
            return
        moment = datetime.fromtimestamp(self.context.wall(), UTC).strftime("%Y%m%d-%H%M%S")
        name = f"factory-{self._place.kind or self._place.screen}-{moment}"
        _ = self.run_worker(partial(self._save, name, self.seen.text()), thread=True, exit_on_error=False)

    def _save(self, name: str, text: str) -> None:
        try:
            notice = Notice(f"saved: {outside.save(self.context.saves, name, text)}")
        except OSError as error:
            notice = Notice(f"Not saved in {self.context.saves.absolute()}: {error.strerror or error}", bad=True)
        self.call_later(self.tell, notice)

    def hints(self, usual: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """Hints with the keys that hold, where others were asked for; without those that change something, where nothing can be changed."""
        shown = [hint for hint in usual if not (self.context.read_only and _CHANGING & set(hint[0].split()))]
        changed = {named(key): named(self._keys[name].split(",")[0]) for name, binding in known_keys().items() if name in self._keys
                   for key in binding.key.split(",")}  # fmt: skip
        return [(" ".join(changed.get(key, key) for key in keys.split()), what) for keys, what in shown]

    def action_leave(self) -> None:
        """Closes the terminal. The factory goes on, and this says so."""
        self.exit(message="The factory goes on; `factory down` ends it." if self.context.link.live else None)

    def exit(self, result: None = None, return_code: int = 0, message: object = None) -> None:
        """As Textual's, with the picture taken before the screens are gone."""
        if self.seen is not None and self.context.world.heard_at is not None:
            self.picture = FactoryScreen.text(self.seen)
        super().exit(result, return_code, message)  # type: ignore[arg-type] # a text is something that Rich can print


def known_keys() -> dict[str, Binding]:
    """All bindings that have an id, of the app, its widgets and its screens."""
    owners: tuple[type[DOMNode], ...] = (FactoryTui, FrameTable, Prompt, Confirm, Ask, Help, *_below(FactoryScreen))
    return {name: binding for owner in owners for name, binding in by_id(owner.BINDINGS).items()}


def _below(kind: type[FactoryScreen]) -> list[type[FactoryScreen]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _below(child))]


def _detail(place: Place) -> FactoryScreen:
    make: Callable[[str, str], FactoryScreen] | None = DETAILS.get(place.kind)
    if make is None:
        return Placeholder(
            f"{place.kind} {clean_line(place.id)}", f"`factory {'show' if place.kind == 'item' else 'workers'}` tells of it."
        )
    return make(place.id, place.tab)
