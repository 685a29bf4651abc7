"""What ctrl+p finds: screens, items, workers and words. Reads the world, and nothing else."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from textual import on
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.widgets import Input, OptionList

from factory.domain.clean import clean_line
from tui import words

if TYPE_CHECKING:
    from tui.app import FactoryTui

_MOST_HITS = 50


class Entry(NamedTuple):
    """Something that can be picked. `text` holds nothing that a terminal would obey."""

    text: str
    run: Callable[[], None]


class Palette(CommandPalette):
    """Textual's, which breaks on a key that comes before its list is there, or has room on the screen."""

    @property
    def _stands(self) -> bool:
        return self.is_mounted and self.display and bool(self.query(CommandList))

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Once, as `Dialog`, which it cannot also be: styles come from the first of several bases alone."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _once(self, event: Input.Submitted | OptionList.OptionSelected) -> None:
        """What is picked runs once, however many Enters came in one read: Textual would run it for each of them."""
        if self._selected_command is not None:
            event.stop()
            event.prevent_default()

    def _action_escape(self) -> None:
        """Also an Escape that comes too early closes it, as soon as it can be closed; a second one is nobody's."""
        if self.app.screen is not self:
            return
        if self._stands:
            super()._action_escape()
        else:
            _ = self.call_after_refresh(self._action_escape)

    def _action_command_list(self, action: str) -> None:
        if self._stands and self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)

    def _action_cursor_down(self) -> None:
        if self._stands:
            super()._action_cursor_down()


class FactoryProvider(Provider):
    """Titles come from outside: they are shown as they stand, since Textual's own highlighting would read markup in them."""

    async def discover(self) -> Hits:
        for entry in self._words():
            yield DiscoveryHit(Content(entry.text), entry.run, text=entry.text)

    async def search(self, query: str) -> Hits:
        matcher, found = self.matcher(query), 0
        for entry in self._words():
            if (score := matcher.match(entry.text)) > 0:
                yield Hit(score, Content(entry.text), entry.run, text=entry.text)
        wanted = query.casefold()
        # A part of the text and no fuzzy match: ten thousand titles have to be looked through with each letter.
        for entry in self._rows():
            if wanted in entry.text.casefold():
                found += 1
                yield Hit(0.5, Content(entry.text), entry.run, text=entry.text)
                if found >= _MOST_HITS:
                    return

    @property
    def _tui(self) -> "FactoryTui":
        return cast("FactoryTui", self.app)

    def _words(self) -> Iterator[Entry]:
        tui = self._tui
        for screen in words.SCREENS:
            yield Entry(f"go to {screen}", partial(tui.go, screen))
        for verb in words.SWITCHES:
            for part in ("", "intake", "dispatch") if verb != "drain" else ("dispatch",):
                yield Entry(f"{verb} {part or 'intake and dispatch'}", partial(tui.switch, verb, part))
        yield Entry("stop all agents (emergency)", tui.action_emergency_stop)
        for text, run in (
            ("next theme", tui.action_theme), ("save this view to a file", tui.action_save), ("keys of this screen", tui.action_help),
            ("stop and go on painting", tui.action_freeze), ("quit", tui.action_leave),
        ):  # fmt: skip
            yield Entry(text, run)

    def _rows(self) -> Iterator[Entry]:
        world, look = self._tui.context.world, self._tui.look
        for key, seen in world.items.items():
            yield Entry(clean_line(f"item {key}  {seen.row.get('title') or ''}"), partial(look, "item", key))
        for key in world.workers:
            yield Entry(clean_line(f"worker {key}"), partial(look, "worker", key))
