"""The main thread's side of an actor: waits, hands over a turn, sends the answers, and says how the actor does.

While a turn lasts it answers the supervisor and takes in mail up to a bound, so that a turn that takes long is seen as that, and not
taken for a process that is gone. Nothing that it took in is answered or handed over before the turn is over.
"""

from collections.abc import Callable, Sequence

import pykka

from actors.base import FactoryActor, Turn, Turned
from actors.pulse import PULSE
from actors.signals import Signals
from factory.domain.pace import Pace
from factory.ports import Clock
from factory.protocol.mailbox import Health, Ok, Refused, Shutdown, Vitals
from factory.transport.exchange import DRAIN_MOST
from factory.transport.health_link import HealthDesk
from factory.transport.loop import Loop, Source
from factory.transport.mailbox_link import Letter, MailboxServer

TURN_SECONDS = 300.0
"""A turn that shows no sign of life for longer hangs: what takes minutes by nature belongs into `Background`. Also the bound of
`on_start` and `on_stop`. The supervisor's own bounds are shorter; this one holds where nobody supervises."""

SLICE_SECONDS = 0.1
"""Between two looks at the supervisor's questions while a turn lasts. Usual turns are over before."""

LONGEST_WAIT = 60.0
"""Seconds. Nothing depends on it; it bounds what a wake-up that got lost could cost."""


class Host:
    """One actor and its sockets.

    Args:
        make: builds the actor with its adapters. An error in it, or in the actor's `on_start`, is raised here.
        inbox: bound before the actor is there: what is sent to it meanwhile waits.
        health: opens where the supervisor asks. Only once the actor is ready: it is part of no answer before, and takes a millisecond.
        asked: the signals that mean stop.
        clock: for ticks and turns.
    """

    def __init__(
        self, make: Callable[[], FactoryActor], inbox: MailboxServer, health: Callable[[], HealthDesk], asked: Signals, clock: Clock
    ) -> None:
        self._inbox, self._open_health, self._asked, self._clock = inbox, health, asked, clock
        self._health: HealthDesk | None = None
        self._loop, self._resting = Loop(), Loop()
        self._resting.add(asked)
        self._own: tuple[Source, ...] = (inbox, asked)
        for own in self._own:
            self._loop.add(own)
        self._sources: tuple[Source, ...] = ()
        self._tick_every: float | None = None
        self._next_tick: float | None = None
        self._stopping = False
        # Taken in while a turn lasted.
        self._backlog: list[Letter] = []
        self._at_work = 0
        self._actor = make()
        self._ref = self._actor.launch()
        # An empty turn is over when `on_start` is.
        self._turn(Turn())
        self._rests_until = clock.monotonic()
        self._pace = Pace.begin(self._actor.rest, self._rests_until)

    def run(self) -> None:
        """Turns until SIGTERM or a Shutdown; the mail that came with it is still handled."""
        self._health = self._open_health()
        for loop in (self._loop, self._resting):
            loop.add(self._health)
        self._own += (self._health,)
        while not self._stopping:
            self._step()
        self._ref.stop(timeout=TURN_SECONDS)
        if self._actor.failure is not None:
            raise self._actor.failure
        self._inbox.close()
        self._health.close()

    def _step(self) -> None:
        rest = self._rests_until - self._clock.monotonic()
        if rest > 0:
            self._look_after(self._resting.wait(rest))
            if self._stopping:
                self._work(self._loop.wait(0.0))
        else:
            self._work(self._loop.wait(0.0 if self._backlog else self._until_tick()))

    def _look_after(self, ready: Sequence[Source]) -> None:
        """What does not wait until the actor has rested."""
        if self._asked in ready and self._asked.drain():
            self._stopping = True
        if self._health is not None and self._health in ready:
            self._health.answer(self._vitals(0.0))

    def _work(self, ready: Sequence[Source]) -> None:
        self._look_after(ready)
        letters, self._backlog = self._backlog, []
        if self._inbox in ready and len(letters) < DRAIN_MOST:
            letters += self._inbox.drain(DRAIN_MOST - len(letters))
        tick = self._next_tick is not None and self._clock.monotonic() >= self._next_tick
        sources = tuple(source for source in ready if source not in self._own)
        if letters or sources or tick:
            self._pace, self._rests_until = self._pace.handled(len(letters) + len(sources), self._clock.monotonic())
            self._handle(letters, sources, tick=tick)

    def _handle(self, letters: Sequence[Letter], sources: tuple[Source, ...], *, tick: bool) -> None:
        for_actor = [letter for letter in letters if not isinstance(letter.mail, Shutdown | Health)]
        if tick:
            self._next_tick = None
        self._at_work = len(for_actor)
        turned = self._turn(Turn(tuple(letter.mail for letter in for_actor), sources, tick))
        self._at_work = 0
        for letter, answer in zip(for_actor, turned.answers, strict=True):
            self._answer(letter, answer)
        for letter in letters:
            if isinstance(letter.mail, Shutdown | Health):
                # Only now: an actor that hangs must not look healthy because its process still reads.
                self._answer(letter, Ok())
                self._stopping = self._stopping or isinstance(letter.mail, Shutdown)

    def _answer(self, letter: Letter, answer: object | None) -> None:
        if letter.reply_to is not None:
            self._inbox.reply(letter.reply_to, answer or Refused(f"{type(letter.mail).__name__} has no answer"))

    def _turn(self, turn: Turn) -> Turned:
        try:
            turned = self._turned(self._ref.ask(turn, block=False))
        except pykka.ActorDeadError:
            raise self._actor.failure or RuntimeError("the actor stopped by itself") from None
        self._wait_for(turned)
        self._stopping = self._stopping or turned.leaves
        return turned

    def _turned(self, future: "pykka.Future[Turned]") -> Turned:
        beats, since = PULSE.beats, self._clock.monotonic()
        while True:
            try:
                return future.get(timeout=SLICE_SECONDS)
            except pykka.Timeout:
                now = self._clock.monotonic()
                if beats != PULSE.beats:
                    beats, since = PULSE.beats, now
                if now - since > TURN_SECONDS:
                    raise
                self._meanwhile(now - since)

    def _meanwhile(self, turn: float) -> None:
        """Only sockets of this thread alone: the actor's sources are the actor's while its turn lasts."""
        if self._health is not None:
            self._health.answer(self._vitals(turn))
        if len(self._backlog) < DRAIN_MOST:
            self._backlog += self._inbox.drain(DRAIN_MOST - len(self._backlog))

    def _vitals(self, turn: float) -> Vitals:
        return Vitals(turn, self._at_work + len(self._backlog), self._inbox.bad)

    def _wait_for(self, turned: Turned) -> None:
        # Old ones first: a new source may have the descriptor of one that the actor has closed.
        for source in self._sources:
            if not any(source is kept for kept in turned.sources):
                self._loop.remove(source)
        for source in turned.sources:
            if not any(source is old for old in self._sources):
                self._loop.add(source)
        self._sources = turned.sources
        if turned.tick_every is None:
            self._next_tick = None
        elif self._next_tick is None or turned.tick_every != self._tick_every:
            self._next_tick = self._clock.monotonic() + turned.tick_every
        self._tick_every = turned.tick_every

    def _until_tick(self) -> float:
        if self._next_tick is None:
            return LONGEST_WAIT
        return min(LONGEST_WAIT, max(0.0, self._next_tick - self._clock.monotonic()))
