"""What every actor of the factory is: a pykka actor that is given one kind of message, a turn.

A process has two threads that matter: its main thread waits on sockets, the actor's thread works. The main thread hands
a turn over with `ask` and waits until it is done, so they strictly alternate. That is why an actor may use the sockets
that the main thread polls: a zmq socket must not be used by two threads at once, but may move between them with a full
memory barrier, which pykka's queue and future are.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pykka

from factory.errors import ActorUnavailable
from factory.ports import Clock, Mailbox
from factory.transport.loop import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of an actor: what arrived since the last one. All parts may be empty.

    Attributes:
        mails: in the order of arrival.
        ready: those of the actor's sources that can be read.
        tick: whether `tick_every` seconds are over.
    """

    mails: tuple[Any, ...] = ()
    ready: tuple[Source, ...] = ()
    tick: bool = False


@dataclass(frozen=True, slots=True)
class Turned:
    """What came out of a turn: an answer or None per mail, and what to wait for until the next one."""

    answers: tuple[Any | None, ...]
    sources: tuple[Source, ...]
    tick_every: float | None
    leaves: bool = False
    """The actor has nothing left to do: its process ends as if it had been asked to."""


class ActorLeft(RuntimeError):
    """The actor's code raised SystemExit or one of its kind."""


class FactoryActor(pykka.ThreadingActor):
    """Base of all actors. Subclasses override the `on_...` methods, all of which run in the actor's thread.

    An exception that leaves one of them ends the process: pykka would keep an actor alive whose state is half changed.
    The supervisor starts a new one, which reads its state from the database. What can be expected to go wrong is
    therefore caught where it happens, and nothing else is.

    Attributes:
        tick_every: seconds between calls of `on_tick`, None for no ticks. Looked at after each turn.
        rest: seconds for which messages gather between two turns where they come thick (`factory.domain.pace`); 0 for never. Looked at
            when the actor has started.
        failure: what went wrong in `on_start` or `on_stop`.
    """

    # A turn that hangs must not keep the process from leaving.
    use_daemon_thread = True

    tick_every: float | None = None

    rest: float = 0.0

    def __init__(self, *, mailbox: Mailbox, clock: Clock) -> None:
        super().__init__()
        self.mailbox = mailbox
        self.clock = clock
        self.failure: BaseException | None = None
        self._leaves = False

    def answer_of(self, address: str, mail: object, seconds: float) -> object | None:
        """Asks another actor; None where it does not answer in time. For questions that a tick asks again."""
        try:
            return self.mailbox.ask(address, mail, seconds)
        except ActorUnavailable as error:
            log.warning("%s", error)
            return None

    def leave(self) -> None:
        """Ends the process after this turn, with status 0. For actors whose work comes to an end."""
        self._leaves = True

    def on_mail(self, mail: Any) -> Any | None:
        """Handles one mail; the result is the answer if it was asked, and dropped if it was told."""
        raise NotImplementedError(f"{type(self).__name__} takes no mail, but there is {type(mail).__name__}")

    def on_batch(self, mails: Sequence[Any]) -> Sequence[Any | None]:
        """Handles what has arrived, one result per mail. Override it to carry out several at once."""
        return [self.on_mail(mail) for mail in mails]

    def on_ready(self, source: Source) -> None:
        """Reads one of `sources()`."""
        raise NotImplementedError(f"{type(self).__name__} has sources, but does not read {source!r}")

    def on_tick(self) -> None:
        """Called every `tick_every` seconds, later while a turn takes longer; missed ticks are not made up for."""

    def sources(self) -> Sequence[Source]:
        """What to wait for besides the inbox. Looked at after each turn, so it may change."""
        return ()

    def launch(self) -> pykka.ActorRef[Any]:
        """Starts the actor's thread, as pykka's `start` does, but leaves the actor in the hands of the caller.

        The ref holds it only weakly: when `on_start` has failed, the reason would be gone with it.
        """
        pykka.ActorRegistry.register(self.actor_ref)
        self._start_actor_loop()
        return self.actor_ref

    def on_receive(self, message: Any) -> Turned:
        try:
            return self._take(message)
        except Exception:
            raise
        except BaseException as error:
            # pykka would end the thread and leave the one who asks without an answer.
            raise ActorLeft(f"{type(self).__name__} raised {error!r}") from error

    def _take(self, turn: Turn) -> Turned:
        answers = tuple(self.on_batch(turn.mails)) if turn.mails else ()
        if len(answers) != len(turn.mails):
            raise RuntimeError(f"{type(self).__name__} gave {len(answers)} answers to {len(turn.mails)} mails")
        for source in turn.ready:
            self.on_ready(source)
        if turn.tick:
            self.on_tick()
        return Turned(answers, tuple(self.sources()), self.tick_every, self._leaves)

    def _actor_loop_setup(self) -> None:
        try:
            super()._actor_loop_setup()
        except BaseException as error:  # noqa: BLE001 - pykka would end the thread without a word, and the host would wait for it
            left = ActorLeft(f"{type(self).__name__} raised {error!r}")
            self._handle_failure(ActorLeft, left, error.__traceback__)

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The only way to learn why `on_start` failed: pykka calls no hook for it.
        self.failure = exception_value
        super()._handle_failure(exception_type, exception_value, traceback)
