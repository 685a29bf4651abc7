"""The conversation with the factory, as the main thread holds it: the `Contact` of everything that works.

It is the only way out of a worker but for the result's bundle, so secrets are hidden here, in whatever is said.
"""

import logging
import threading
from typing import assert_never

from factory.protocol.worker import (
    Accept,
    Ack,
    Assign,
    Done,
    Event,
    Fail,
    Lock,
    LockAnswer,
    Log,
    Notes,
    Phase,
    Ping,
    Pong,
    Reject,
    Stop,
    ToAgent,
    Welcome,
)
from factory.transport.agent_link import AgentLink
from worker_agent.contact import (
    EXIT_ABANDONED,
    EXIT_OK,
    EXIT_REJECTED,
    EXIT_STOPPED,
    EXIT_TERMINATED,
    Data,
    Ended,
    Stream,
)
from worker_agent.lock_desk import LockDesk
from worker_agent.processes import TICK_SECONDS, Clock
from worker_agent.redaction import Redaction
from worker_agent.session import Session

STATUS_SECONDS = 0.2
"""Between two tellings of mere progress: it travels with the next beat only, which is a second away at least."""

_log = logging.getLogger(__name__)


class Conversation:
    """Belongs to the main thread; `moved`, `terminate` and questions to `locks` may come from anywhere."""

    def __init__(self, link: AgentLink[Session], clock: Clock, secrets: tuple[str, ...] = ()) -> None:
        self._link = link
        self._clock = clock
        self._redaction = Redaction(secrets)
        self._logged: Stream = "worker"
        self.locks = LockDesk(self._say)
        self._terminated = False
        self._assignment: Assign | None = None
        self._notes = Notes(0, ())
        self._movement = _Counter()
        self._place: tuple[Phase, int, int] = ("starting", 0, 0)
        self._told = Ping("starting")
        self._told_at = clock.monotonic()

    # -- as contact ---------------------------------------------------------------------------------------------------

    def tick(self, wait: float = 0.0) -> None:
        """Raises `Ended` when the factory, a signal or its own patience says so."""
        self._link.tick()
        self._tell_status()
        while (message := self._link.receive(wait)) is not None:
            self._take(message)
            wait = 0.0
        if self._terminated:
            raise Ended(EXIT_TERMINATED, "terminated by a signal")
        if self._link.session.is_abandoned(self._clock.monotonic()):
            raise Ended(EXIT_ABANDONED, "the factory has not answered for too long")

    def must_hold(self) -> bool:
        return self._link.session.must_hold(self._clock.monotonic())

    def at(self, phase: Phase, iteration: int, tokens: int) -> None:
        self._place = (phase, iteration, tokens)
        self._tell_status()

    def moved(self) -> None:
        self._movement.add()

    def event(self, kind: str, data: dict[str, Data]) -> None:
        self._say(Event(0, kind, data))

    def log(self, stream: Stream, data: bytes) -> None:
        self.moved()
        if stream != self._logged:
            self._log_rest()
            self._logged = stream
        if told := self._redaction.feed(data):
            self._link.send(Log(stream, 0, told))

    def notes(self) -> tuple[str, ...]:
        return self._notes.notes

    # -- as a whole ---------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """From a signal handler: the next tick leaves."""
        self._terminated = True

    def assignment(self) -> Assign:
        """Waits for the work and accepts it. Bounded by the session's patience. Raises `Ended`."""
        while self._assignment is None:
            self.tick(TICK_SECONDS)
        self._link.send(Accept())
        return self._assignment

    def finish(self, last: Done | Fail) -> None:
        """Says how it ended and waits until that is stored. Raises `Ended`."""
        self._log_rest()
        self._say(last)
        while not self._link.session.finished:
            self.tick(TICK_SECONDS)

    def note(self, text: str) -> None:
        """A line for people, here and in the attempt's log."""
        _log.info("%s", self._redaction.text(text))
        self.log("worker", f"{text}\n".encode(errors="replace"))
        self._log_rest()

    def _say(self, message: Event | Lock | Done | Fail) -> None:
        self._link.send(self._redaction.without(message))

    def _log_rest(self) -> None:
        """What was kept back, since it could have been the beginning of a secret."""
        if rest := self._redaction.end():
            self._link.send(Log(self._logged, 0, rest))

    def _tell_status(self) -> None:
        phase, iteration, tokens = self._place
        status = Ping(phase, iteration, self._movement.value, tokens, noted=self._notes.number)
        now = self._clock.monotonic()
        if status == self._told or (phase == self._told.phase and now - self._told_at < STATUS_SECONDS):
            return
        self._told, self._told_at = status, now
        self._link.send(status)

    def _take(self, message: ToAgent) -> None:
        match message:
            case Assign():
                self._assignment = message
                self.locks.hold(message.locked)
            case Stop(reason):
                raise Ended(EXIT_STOPPED, f"stopped by the factory: {reason}")
            case Welcome():  # handed on with this verdict only
                raise Ended(EXIT_STOPPED, "the factory has given this worker up")
            case Pong(verdict):
                self._obey(verdict)
            case Ack(_, "ok"):
                return  # the session has finished, which `finish` looks at next
            case Ack(_, "stale", reason):
                raise Ended(EXIT_STOPPED, f"the lease is over: {reason}")
            case Ack(_, result, reason):
                raise Ended(EXIT_REJECTED, f"the factory said {result}: {reason}")
            case Reject(code, reason):
                raise Ended(EXIT_REJECTED, f"the factory rejects this worker ({code}): {reason}")
            case LockAnswer():
                self.locks.answered(message)
            case Notes():
                self._notes = max(self._notes, message, key=lambda notes: notes.number)
            case _:
                assert_never(message)

    def _obey(self, verdict: str) -> None:
        if verdict == "stop":
            raise Ended(EXIT_STOPPED, "the factory says stop")
        if verdict == "drain" and self._assignment is None:
            # With work in hand draining means finishing it.
            raise Ended(EXIT_OK, "the factory drains and this worker has no work")


class _Counter:
    """Counts from several threads; a plain `+=` could go backwards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0

    @property
    def value(self) -> int:
        return self._value

    def add(self) -> None:
        with self._lock:
            self._value += 1
