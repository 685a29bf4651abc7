"""The agent's end of the worker link: one thread owns the socket and runs the session over it.

    main thread ──send──► outbox ──► link thread: session ──► DEALER (CURVE) ──► gateway
    main thread ◄─receive── inbox ◄── link thread: session ◄──────┘

The session is a reducer that knows neither sockets nor time; the thread carries out what it says. So beats leave while
the main thread works, and stop when it hangs.
"""

import logging
import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import zmq

from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.worker import Answer, Envelope, FromAgent, ToAgent
from factory.transport import sockets
from factory.transport.curve import KeyPair

OUTBOX = 256
"""Messages that the main thread may be ahead of the link thread: 16 MiB of the largest log pieces."""

INBOX = 1000
"""Answers that the main thread has not taken. It takes them many times a second, or it hangs and beats stop anyway."""

HANDOVER_SECONDS = 5.0
"""The link thread never blocks; when it has taken nothing for so long it is dead."""

ENVELOPE_BYTES = 512
"""What an envelope adds to its body: identities and numbers, each of bounded length."""

_SHORTEST_WAIT_SECONDS = 0.05
"""While the main loop hangs a beat stays due: look again now and then instead of spinning."""

_JOIN_SECONDS = 2.0
"""For the thread to leave after its flush: one turn of its loop, and closing a socket does not block."""

_log = logging.getLogger(__name__)


class Step(Protocol):
    """What follows from something that happened: frames to send, messages for the main thread, a new socket."""

    @property
    def send(self) -> Sequence[Envelope]: ...
    @property
    def deliver(self) -> Sequence[ToAgent]: ...
    @property
    def renew_socket(self) -> bool: ...


class Session(Protocol):
    """The conversation as an immutable value; each method gives the session after it. `now` in monotonic seconds."""

    @property
    def next_due(self) -> float: ...
    @property
    def settled(self) -> bool:
        """Whether nothing is left that the factory must acknowledge."""
        ...

    def heard(self, answer: Answer, now: float) -> tuple[Self, Step]: ...
    def said(self, body: Any, now: float) -> tuple[Self, Step]: ...  # noqa: ANN401 - a session narrows what may be said
    def passed(self, now: float, ticked_at: float) -> tuple[Self, Step]: ...
    def connected(self, now: float) -> tuple[Self, Step]: ...
    def unsent(self, envelope: Envelope) -> Self: ...


class MonotonicClock(Protocol):
    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        ...


class LinkDown(Exception):
    """The link thread has ended; without it the agent is deaf and its lease runs out."""


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """Where the gateway is and how it is known: its public key (Z85), and the file with the agent's own pair. `heartbeat` in seconds."""

    endpoint: str
    server_key: str
    key_file: Path
    heartbeat: float = 5.0


S = TypeVar("S", bound=Session)


class AgentLink(Generic[S]):
    """Talks to the gateway from a thread of its own. All methods are for the main thread.

    Raises `errors.InvalidInput` when made with a key file that holds no key pair.
    """

    def __init__(self, config: LinkConfig, session: S, clock: MonotonicClock) -> None:
        self._config = config
        self._keys = KeyPair.load(config.key_file)
        self._session = session
        self._clock = clock
        self._ticked_at = clock.monotonic()
        self._outbox: queue.Queue[FromAgent] = queue.Queue(OUTBOX)
        self._inbox: queue.Queue[ToAgent] = queue.Queue(INBOX)
        self._decode: Decoder[Answer] = Decoder(Answer)
        self._waking, self._wake = os.pipe()
        os.set_blocking(self._waking, False)
        os.set_blocking(self._wake, False)
        self._leave_at: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="agent-link", daemon=True)

    @property
    def session(self) -> S:
        """As it is now. It never changes in the reader's hands, since each step makes a new one."""
        return self._session

    def start(self) -> None:
        self._thread.start()

    def tick(self) -> None:
        """Shows that the main loop is alive. Without it beats stop, and so does the lease."""
        self._ticked_at = self._clock.monotonic()

    def send(self, body: FromAgent) -> None:
        """Hands a message to the session.

        Raises:
            BadMessage: it is larger than the wire takes.
            LinkDown: nobody takes it any more.
        """
        # Here, where its maker can be told; in the link thread it would end the link.
        if len(encode(body)) + ENVELOPE_BYTES > sockets.MAX_ENVELOPE:
            raise BadMessage(f"{type(body).__name__} is larger than {sockets.MAX_ENVELOPE} bytes")
        try:
            self._outbox.put(body, timeout=HANDOVER_SECONDS)
        except queue.Full:
            raise LinkDown("The link to the factory takes no messages any more.") from None
        self._poke()

    def receive(self, timeout: float) -> ToAgent | None:
        """The next message for the main loop, None after `timeout` seconds. Raises `LinkDown` when none can come."""
        try:
            return self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            if not self._thread.is_alive():
                raise LinkDown("The link to the factory has broken.") from None
            return None

    def close(self, flush_seconds: float) -> None:
        """Ends the thread, after at most `flush_seconds` for what is not acknowledged yet. Closing twice is harmless."""
        self._leave_at = self._clock.monotonic() + flush_seconds
        self._poke()
        if self._thread.is_alive():
            self._thread.join(flush_seconds + _JOIN_SECONDS)
        if not self._closed and not self._thread.is_alive():
            self._closed = True
            os.close(self._waking)
            os.close(self._wake)

    def _poke(self) -> None:
        if self._closed:
            return  # the number of the pipe may be another file's by now
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            return  # the pipe is full of pokes already

    # -- the link thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        wire = _Wire(self._config, self._keys)
        try:
            while not self._may_leave():
                self._carry_out(wire, self._session.passed(self._clock.monotonic(), self._ticked_at))
                writable, readable = wire.wait(self._patience(), self._waking)
                if writable:
                    self._carry_out(wire, self._session.connected(self._clock.monotonic()))
                self._take_pokes()
                self._take_outbox(wire)
                if readable:
                    self._take_frames(wire)
        finally:
            wire.close(sockets.LINGER_MS)

    def _may_leave(self) -> bool:
        if self._leave_at is None:
            return False
        return (self._outbox.empty() and self._session.settled) or self._clock.monotonic() >= self._leave_at

    def _patience(self) -> float:
        due = self._session.next_due if self._leave_at is None else min(self._session.next_due, self._leave_at)
        return max(due - self._clock.monotonic(), _SHORTEST_WAIT_SECONDS)

    def _take_pokes(self) -> None:
        try:
            os.read(self._waking, OUTBOX)
        except BlockingIOError:
            return

    def _take_outbox(self, wire: "_Wire") -> None:
        # Bounded, so that a flood of logs cannot keep the thread from listening.
        for _ in range(OUTBOX):
            try:
                body = self._outbox.get_nowait()
            except queue.Empty:
                return
            self._carry_out(wire, self._session.said(body, self._clock.monotonic()))
        self._poke()

    def _take_frames(self, wire: "_Wire") -> None:
        for _ in range(sockets.HIGH_WATER):
            frames = wire.receive()
            if frames is None:
                return
            try:
                answer = self._decode(b"".join(frames))
            except BadMessage as error:
                _log.warning("dropped a frame from the gateway: %s", error)
                continue
            self._carry_out(wire, self._session.heard(answer, self._clock.monotonic()))

    def _carry_out(self, wire: "_Wire", happened: tuple[S, Step]) -> None:
        self._session, step = happened
        if step.renew_socket:
            wire.renew()
        for body in step.deliver:
            self._deliver(body)
        for envelope in step.send:
            if not wire.send(encode(envelope)):
                self._session = self._session.unsent(envelope)

    def _deliver(self, body: ToAgent) -> None:
        try:
            self._inbox.put_nowait(body)
        except queue.Full:
            _log.warning("dropped %s: the main loop takes no messages", type(body).__name__)


class _Wire:
    """The socket, and whether it last refused a message. Used by the link thread only."""

    def __init__(self, config: LinkConfig, keys: KeyPair) -> None:
        self._config = config
        self._keys = keys
        self._socket = self._connect()
        self._refused = False

    def send(self, frame: bytes) -> bool:
        """False while nobody is connected; `wait` then tells when it is worth trying again."""
        sent = not self._refused and sockets.send(self._socket, [frame])
        self._refused = not sent
        return sent

    def receive(self) -> list[bytes] | None:
        return sockets.receive(self._socket)

    def wait(self, seconds: float, waking: int) -> tuple[bool, bool]:
        """Whether a refused message can be sent now, and whether something can be received."""
        poller = zmq.Poller()
        poller.register(waking, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN | (zmq.POLLOUT if self._refused else 0))
        ready = dict(poller.poll(int(seconds * 1000) + 1)).get(self._socket, 0)
        writable = bool(ready & zmq.POLLOUT)
        self._refused = self._refused and not writable
        return writable, bool(ready & zmq.POLLIN)

    def renew(self) -> None:
        # A peer that went away without a word can leave a connection that looks alive to libzmq.
        self.close(0)
        self._socket = self._connect()
        self._refused = False

    def close(self, linger_ms: int) -> None:
        self._socket.close(linger_ms)

    def _patience(self) -> sockets.Options:
        # A factory that comes back gives its workers four heartbeats to be heard; waiting must not use them up.
        longest = min(int(self._config.heartbeat * 1000), sockets.AGENT[zmq.RECONNECT_IVL_MAX])
        return {zmq.RECONNECT_IVL_MAX: max(longest, sockets.AGENT[zmq.RECONNECT_IVL])}

    def _connect(self) -> sockets.Socket:
        socket = sockets.open_socket(zmq.DEALER, sockets.AGENT, self._patience())
        socket.curve_publickey = self._keys.public.encode()
        socket.curve_secretkey = self._keys.secret.encode()
        socket.curve_serverkey = self._config.server_key.encode()
        socket.connect(self._config.endpoint)
        return socket
