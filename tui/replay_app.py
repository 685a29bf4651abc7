"""`factory-tui --replay`: the same screens, driven from what was. Read-only."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.app import FactoryTui
from tui.columns import Cell
from tui.context import Context
from tui.replay_feed import Controls


class ReplayTui(FactoryTui):
    """The app over a `ReplayFeed`, whose controls are its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before those of a table: there is nothing to mark where nothing can be changed.
        Binding("space", "replay_pause", "Stop and go on", show=False, id="replay.pause", priority=True),
        Binding("comma", "replay_step(-1)", "One event back", show=False, id="replay.back", priority=True),
        Binding("full_stop", "replay_step(1)", "One event forward", show=False, id="replay.forward", priority=True),
        Binding("f", "replay_faster", "Speed: 1, 4, 16 times", show=False, id="replay.faster", priority=True),
    ]

    def __init__(self, context: Context, controls: Controls, keys: Mapping[str, str] | None = None) -> None:
        super().__init__(context, keys)
        self.controls = controls

    def hints(self, usual: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        return super().hints([("space", "pause"), (". ,", "step"), ("f", "faster"), *usual])

    def action_replay_pause(self) -> None:
        self.controls.pause()
        self._say()

    def action_replay_step(self, by: int) -> None:
        self.controls.step(by)
        self._say()

    def action_replay_faster(self) -> None:
        self.controls.faster()
        self._say()

    def _say(self) -> None:
        # Nothing comes any more that would have the screen painted.
        if self.seen is not None:
            self.seen.tick_headline()

    def headline(self) -> list[Cell]:
        """What time it is on the screen, in the place where it would say that all is live."""
        link, *rest = super().headline()
        del link
        return [Cell(standing(self.controls), "warn"), *rest]


def standing(controls: Controls) -> str:
    """`REPLAY 11:40:02 x4`, with what holds it."""
    if controls.at is None:
        return f"REPLAY: {controls.reason}" if controls.reason else f"REPLAY reading the past, {controls.read:,} events"
    time = datetime.fromtimestamp(controls.at, UTC).strftime("%m-%d %H:%M:%S")
    held = " END" if controls.over else " PAUSED" if controls.paused else ""
    return f"REPLAY {time} x{controls.speed}{held}"
