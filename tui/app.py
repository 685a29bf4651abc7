"""factory-tui: a client of a running factory. It shows what the feed tells and sends commands; its end changes nothing."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from factory.domain.clean import clean_line
from tui import actions
from tui.actions import Plan
from tui.columns import Cell
from tui.context import Context
from tui.headline import headline
from tui.pending import Notice, Pending
from tui.screens.base import FactoryScreen
from tui.screens.queue import QueueScreen
from tui.screens.workers import WorkersScreen
from tui.widgets.confirm import Confirm

_PUMP_SECONDS = 0.1
_PAINT_SECONDS = 0.5
_AGE_SECONDS = 1.0


class FactoryTui(App[None]):
    """The app. Messages of the feed go into the world as they come; screens are painted from it on timers of their own."""

    CSS = "Screen { layout: vertical; }"
    TITLE = "factory"
    ENABLE_COMMAND_PALETTE = True

    MODES: ClassVar[dict[str, Any]] = {"queue": QueueScreen, "workers": WorkersScreen}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("2", "switch_mode('queue')", "Queue", show=False, id="app.queue"),
        Binding("3", "switch_mode('workers')", "Workers", show=False, id="app.workers"),
        Binding("q", "quit", "Quit", show=False, id="app.quit"),
        Binding("ctrl+k", "items('kill')", "Kill", show=False, id="item.kill"),
        Binding("r", "items('retry')", "Retry", show=False, id="item.retry"),
        Binding("X", "items('cancel')", "Cancel", show=False, id="item.cancel"),
        Binding("plus", "prioritise(1)", "Raise", show=False, id="item.raise"),
        Binding("minus", "prioritise(-1)", "Lower", show=False, id="item.lower"),
        Binding("u", "undo", "Undo", show=False, id="item.undo"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self._pending = Pending()
        self._undo: Plan | None = None
        self._painted = -1
        self._aged_at = context.clock()

    def on_mount(self) -> None:
        self.context.link.start()
        _ = self.switch_mode("queue")
        self.set_interval(_PUMP_SECONDS, self.pump)
        self.set_interval(_PAINT_SECONDS, self.paint)

    def on_unmount(self) -> None:
        self.context.link.close()

    # -- news ---------------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Takes what the link has brought."""
        for update in self.context.link.updates():
            self.context.world.take(update, self.context.clock())
        for answer in self.context.link.answers():
            reply = self.context.take(answer)
            notice = self._pending.answered(answer.purpose, reply) if reply is not None else None
            if notice is not None:
                self.tell(notice)

    def tell(self, notice: Notice) -> None:
        self.notify(clean_line(notice.text), severity="error" if notice.bad else "information", markup=False)

    # -- commands -----------------------------------------------------------------------------------------------------

    def action_items(self, verb: str) -> None:
        """Kill, retry, cancel, approve or reject: the marked rows, else the one under the cursor."""
        plans = {
            "kill": actions.kill,
            "retry": actions.retry,
            "cancel": actions.cancel,
            "approve": actions.approve,
            "reject": actions.reject,
        }
        if self.seen is not None:
            self.carry_out(plans[verb](self.seen.chosen(), self.context.operator))

    def action_prioritise(self, by: int) -> None:
        if self.seen is not None:
            items = self.seen.chosen()
            plan = actions.prioritise(items, by, self.context.operator)
            self._undo = actions.undone(plan, items, self.context.operator) if not plan.refusal else self._undo
            self.carry_out(plan)

    def action_undo(self) -> None:
        plan, self._undo = self._undo, None
        self.carry_out(plan or Plan(refusal="Nothing to undo: only priorities can be put back."))

    def carry_out(self, plan: Plan) -> None:
        """Sends a plan's commands, after the question where it has one. What it is about was bound when the plan was made."""
        refusal = plan.refusal or self._refusal()
        if refusal:
            self.tell(Notice(refusal, bad=True))
        elif plan.question:
            self._ask(plan)
        else:
            self._send(plan)

    def _refusal(self) -> str:
        if self.context.read_only:
            return "Not sent: this terminal is read-only."
        return "" if self.context.link.live else "Not sent: the factory is not connected."

    def _ask(self, plan: Plan) -> None:
        screen = self.seen
        if screen is not None:
            screen.freeze(frozen=True)

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual calls it so
            if screen is not None:
                screen.freeze(frozen=False)
            if yes:
                self._send(plan)

        _ = self.push_screen(Confirm(plan.question, plan.facts), answered)

    def _send(self, plan: Plan) -> None:
        key = self._pending.sent(plan.purpose, len(plan.requests))
        for request in plan.requests:
            self.context.link.ask(key, request)

    def paint(self) -> None:
        """Paints the screen that is seen, if anything changed or a second passed."""
        screen = self.seen
        if screen is None:
            return
        now = self.context.clock()
        changed = self.context.world.version != self._painted
        if changed or now - self._aged_at >= _AGE_SECONDS:
            self._painted, self._aged_at = self.context.world.version, now
            screen.tick(changed=changed)

    @property
    def seen(self) -> FactoryScreen | None:
        """The factory's screen on top, below whatever dialog is open."""
        screens: Sequence[Screen[Any]] = self.screen_stack
        return next((screen for screen in reversed(screens) if isinstance(screen, FactoryScreen)), None)

    def headline(self) -> list[Cell]:
        context = self.context
        return headline(context.world, live=context.link.live, needs=0, now=context.clock(), note="read-only" if context.read_only else "")
