"""The app below its keys: news comes in, screens are painted, people are told. Nothing here sends anything."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.scrollbar import ScrollBar, ScrollBarRender

from factory.domain.clean import clean_line
from factory.protocol.feed import Snapshot
from tui.alarm import Alarm
from tui.columns import Cell, show_age
from tui.context import Context
from tui.driver import SteadyDriver
from tui.headline import headline
from tui.needs_you import Need, needs_you
from tui.pending import Notice, Pending, Wishes
from tui.screens.base import FactoryScreen
from tui.states import patience
from tui.styles import Styles
from tui.throttle import Throttle
from tui.widgets.plain_bar import PlainBar

_PUMP_SECONDS = 0.1
_PAINT_SECONDS = 0.5
_AGE_SECONDS = 1.0
_UNSEEN_SECONDS = 5.0
"""Between two paints while the terminal's window is not the one in use."""
_PATIENCE_SECONDS = 1.0
"""A factory that runs answers sooner; only then the page that says how to start one."""
_LATE_SECONDS = 0.1
"""By so much a timer may be early."""


class Shell(App[None]):
    """Messages of the feed go into the world as they come; the screen that is seen is painted from it, less often.

    Both when there is cause for it, and else once a second, since ages grow by themselves: a terminal on a quiet factory costs nothing.

    Attributes:
        paints: paints of the screen that is seen, for tests of idleness.
        stopped_by: the signal that asked to stop; 0 where nobody did.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.stylesheet = Styles(self.get_css_variables())
        self.context = context
        self.pending, self.wishes = Pending(), Wishes()
        self.paints = 0
        self.stopped_by = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        # Of the class, since widgets make their bars themselves, and when they need them: one process has one app.
        ScrollBar.renderer = PlainBar if context.plain else ScrollBarRender
        self._alarm = Alarm(quiet=context.quiet)
        self._paused_at: float | None = None
        self._began = context.clock()
        self._painted: object = None
        self._needs: Sequence[Need] = ()
        self._needs_of: object = None
        self._painted_at = self._began
        self._pump_soon = Throttle(self._later, _PUMP_SECONDS, self.pump)
        self._paint_soon = Throttle(self._later, _PAINT_SECONDS, self.paint)

    def get_driver_class(self) -> type[Driver]:
        usual = super().get_driver_class()
        return SteadyDriver if usual is LinuxDriver else usual

    def on_mount(self) -> None:
        self._began = self.context.clock()
        # Called in other threads; to post a message is all that Textual lets them do.
        self.context.link.on_news = lambda: self.call_later(self._pump_soon.want)
        self.context.link.start()
        self.set_interval(_AGE_SECONDS, self._second)
        self.set_timer(_PATIENCE_SECONDS + _LATE_SECONDS, self.paint)
        # What was on the terminal before may be gone.
        self.app_resume_signal.subscribe(self, lambda _: self.call_later(self.refresh, repaint=True, layout=True))
        self._loop = asyncio.get_running_loop()
        if self.stopped_by:
            self.exit()

    def on_unmount(self) -> None:
        self._loop = None
        self.context.link.close()

    def stop(self, number: int) -> None:
        """Closes it as soon as it stands, as a signal asked for. May be called by a signal's handler, whatever it interrupts."""
        self.stopped_by = number
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.exit)

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        if seconds > 0:
            self.set_timer(seconds, work)
        else:
            self.call_later(work)

    def _second(self) -> None:
        self.pump()
        self.paint()

    # -- news ---------------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Takes what the link has brought."""
        now = self.context.clock()
        for update in self.context.link.updates():
            self.context.world.take(update, now)
            if isinstance(update, Snapshot):
                self._learn(update)
        self.context.world.look(now, live=self.context.link.live)
        for answer in self.context.link.answers():
            reply = self.context.take(answer)
            if reply is None:
                continue
            self.wishes.answered(answer.request, reply)
            if notice := self.pending.answered(answer.purpose, reply):
                self.tell(notice)
        self._paint_soon.want()

    def _learn(self, snapshot: Snapshot) -> None:
        """The factory's own times: those of this machine's settings may be of another factory."""
        heartbeat, stalled = snapshot.about.get("heartbeat"), snapshot.about.get("stalled_after")
        if heartbeat:
            self.context.patience = patience(float(heartbeat), float(stalled) if stalled else None)

    def tell(self, notice: Notice) -> None:
        """One sentence, for some seconds."""
        self.notify(clean_line(notice.text), severity="error" if notice.bad else "information", markup=False)

    @property
    def without_factory(self) -> bool:
        """No factory has answered since the start."""
        context = self.context
        late = context.clock() - self._began >= _PATIENCE_SECONDS
        return late and context.world.heard_at is None and not context.link.live

    # -- painting -----------------------------------------------------------------------------------------------------

    def paint(self) -> None:
        """Paints the screen that is seen, if anything changed or ages have grown."""
        screen, now = self.seen, self.context.clock()
        if self.context.world.heard_at is not None and self._alarm.rings([need.key for need in self.needs()], now):
            self.bell()
        since = now - self._painted_at
        if screen is None or (not self.app_focus and since < _UNSEEN_SECONDS):
            return
        state = (self.context.world.version, self.context.link.live, self.without_factory)
        changed = state != self._painted
        if self._paused_at is not None:
            screen.tick_headline()
        elif changed or since >= _AGE_SECONDS - _LATE_SECONDS:
            self._painted, self._painted_at = state, now
            self.paints += 1
            screen.tick(changed=changed)

    def on_app_focus(self) -> None:
        self._painted = None
        self.paint()

    def action_freeze(self) -> None:
        """Stops painting, or goes on with it. What comes meanwhile is kept."""
        self._paused_at = self.context.clock() if self._paused_at is None else None
        self._painted = None
        self.paint()

    @property
    def paused(self) -> bool:
        """Whether painting is stopped; screens with timers of their own obey it too."""
        return self._paused_at is not None

    @property
    def seen(self) -> FactoryScreen | None:
        """The factory's screen on top, below whatever dialog is open."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, FactoryScreen)), None)

    def headline(self) -> list[Cell]:
        context, now = self.context, self.context.clock()
        paused = f"PAUSED {show_age(now - self._paused_at)} behind" if self._paused_at is not None else ""
        note = "   ".join(word for word in (paused, "read-only" if context.read_only else "") if word)
        return headline(context.world, live=context.link.live, needs=len(self.needs()), now=now, note=note)

    def needs(self) -> Sequence[Need]:
        """What waits for a person; found anew when anything changed, and each second, since waiting grows by itself."""
        world, now = self.context.world, self.context.clock()
        of = (world.version, now // _AGE_SECONDS)
        if self._needs_of != of:
            self._needs_of, self._needs = of, needs_you(world, self.context.patience, now)
        return self._needs

    def dialog_open(self) -> bool:
        """Whether something other than a screen of ours is on top."""
        top: Any = self.screen
        return not isinstance(top, FactoryScreen)
