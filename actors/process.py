"""The process of one actor: main thread waits, actor's thread works, and every way to end says why.

fork server ──► serve() ──► inbox bound ──► actor started ──► ready ──► turns ... ──► on_stop ──► exit 0
                   │                            │                          │
                   │                            └─ 71, or 78: broken       └─ 70: an exception left a turn
                   └─ 72: the supervisor is gone
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import Any, NoReturn

import pykka
import structlog

from actors.base import FactoryActor, Turn, Turned
from actors.lifeline import Lifeline
from actors.signals import Signals, ignore
from factory.domain.supervision import EXIT_BROKEN, EXIT_CRASHED, EXIT_FINISHED, EXIT_PARENT_GONE, EXIT_START_FAILED
from factory.errors import Broken
from factory.ports import Clock
from factory.protocol.mailbox import Health, Ok, Refused, Shutdown
from factory.transport import sockets
from factory.transport.loop import Loop, Source
from factory.transport.mailbox_link import Letter, MailboxServer

TURN_SECONDS = 300.0
"""A turn that takes longer hangs: what takes minutes by nature belongs into `Background`. Also the bound of `on_start`
and `on_stop`, which the supervisor's own, shorter bounds make good before."""

LONGEST_WAIT = 60.0
"""Seconds. Nothing depends on it; it bounds what a wake-up that got lost could cost."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessOrder:
    """What a process is started for. Travels through a pipe, so all of it can be pickled.

    Attributes:
        name: the child's name, which is its actor's address.
        kind: which actor.
        settings: what the composition root needs to build it; a secret only where this actor needs it.
        argument: an encoded message for actors of which there are many, such as the `Work` of a worker.
        environment: added to its own, for what it starts; the other processes do not have it.
    """

    name: str
    kind: str
    run_dir: Path
    settings: Any = None
    argument: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def serve(
    make: Callable[[], FactoryActor],
    *,
    name: str,
    run_dir: Path,
    inbox_kind: Any,
    ready: connection.Connection,
    clock: Clock,
) -> NoReturn:
    """Runs an actor until it is asked to stop, and ends the process. The first thing that a child process calls.

    Args:
        make: builds the actor with its adapters. An error in it is a failed start.
        name: the actor's address.
        run_dir: the folder of the inboxes.
        inbox_kind: the union of what the actor understands.
        ready: the child's end of the lifeline.
        clock: for ticks.
    """
    _leave_with_parent()
    # A session of its own: a terminal's Ctrl-C reaches the root, which decides, and not a git or a database server that
    # this actor has started. The signals are ignored as well, for those who send them by hand.
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ignore)
    with Signals(signal.SIGTERM) as asked:
        _end(_run(lambda: _Host(make, MailboxServer(run_dir, name, inbox_kind), asked, clock), Lifeline(ready), name))


def _run(make_host: Callable[[], "_Host"], lifeline: Lifeline, name: str) -> int:
    running = False
    try:
        host = make_host()
        running = True
        lifeline.ready()
        host.run()
        sockets.terminate()
    except Exception as error:
        # Without lingering sockets: the replacement waits, and what a crashed actor told last may well be wrong.
        log.exception("actor.crashed" if running else "actor.start_failed", actor=name)
        lifeline.because(_sentence(error))
        return _exit_code(error, running=running)
    return EXIT_FINISHED


class _Host:
    """The main thread's side of an actor: waits, hands over a turn, sends the answers."""

    def __init__(self, make: Callable[[], FactoryActor], inbox: MailboxServer, asked: Signals, clock: Clock) -> None:
        # The inbox is bound before the actor is there: what is sent to it meanwhile waits.
        self._inbox, self._asked, self._clock = inbox, asked, clock
        self._loop = Loop()
        self._loop.add(inbox)
        self._loop.add(asked)
        self._sources: tuple[Source, ...] = ()
        self._tick_every: float | None = None
        self._next_tick: float | None = None
        self._stopping = False
        self._actor = make()
        self._ref = self._actor.launch()
        # An empty turn is over when `on_start` is.
        self._turn(Turn())

    def run(self) -> None:
        """Turns until SIGTERM or a Shutdown; the mail that came with it is still handled."""
        while not self._stopping:
            self._step()
        self._ref.stop(timeout=TURN_SECONDS)
        if self._actor.failure is not None:
            raise self._actor.failure
        self._inbox.close()

    def _step(self) -> None:
        ready = self._loop.wait(self._until_tick())
        if self._asked in ready and self._asked.drain():
            self._stopping = True
        letters = self._inbox.drain() if self._inbox in ready else []
        tick = self._next_tick is not None and self._clock.monotonic() >= self._next_tick
        sources = tuple(source for source in ready if source is not self._inbox and source is not self._asked)
        if letters or sources or tick:
            self._handle(letters, sources, tick=tick)

    def _handle(self, letters: Sequence[Letter], sources: tuple[Source, ...], *, tick: bool) -> None:
        for_actor = [letter for letter in letters if not isinstance(letter.mail, Shutdown | Health)]
        if tick:
            self._next_tick = None
        turned = self._turn(Turn(tuple(letter.mail for letter in for_actor), sources, tick))
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
            turned: Turned = self._ref.ask(turn, block=True, timeout=TURN_SECONDS)
        except pykka.ActorDeadError:
            raise self._actor.failure or RuntimeError("the actor stopped by itself") from None
        self._wait_for(turned)
        self._stopping = self._stopping or turned.leaves
        return turned

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


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _exit_code(error: Exception, *, running: bool) -> int:
    if isinstance(error, Broken):
        return EXIT_BROKEN
    return EXIT_CRASHED if running else EXIT_START_FAILED


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="parent-watch", daemon=True).start()


def _watch(sentinel: int) -> None:
    while not connection.wait([sentinel], timeout=LONGEST_WAIT):
        pass
    # Nothing else, not even a log line: its lock may be held by a thread that writes to a terminal nobody reads.
    os._exit(EXIT_PARENT_GONE)


def _end(code: int) -> NoReturn:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # Not sys.exit: that waits for threads, and one that a library left behind would keep a crashed actor's process.
    os._exit(code)
