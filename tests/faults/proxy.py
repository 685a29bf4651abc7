"""A proxy on the level of bytes, for unix sockets and TCP: delay, throttle, stall, half-close, reset, refuse.

    client ──"up"──► proxy ──"up"──► target
           ◄─"down"──      ◄─"down"──

What is told holds for the connections there are and for those to come, until `heal`. A stalled direction neither reads nor writes and
says nothing to anybody, not even that the other end has gone: that is a link that is down, while a reset is a machine that says no.
"""

import os
import random
import select
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Direction = Literal["up", "down"]
BOTH: tuple[Direction, ...] = ("up", "down")
Address = Path | tuple[str, int]

_CHUNK = 16_384
_MOST_KEPT = 262_144
"""Bytes on their way in one direction of one connection; beyond it the sender waits, as it would for a full window."""
_LONGEST_WAIT_SECONDS = 0.5


@dataclass(slots=True)
class Weather:
    """How one direction is. `delay` and `jitter` in seconds, `rate` in bytes a second, `reset_chance` per chunk."""

    delay: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    stalled: bool = False
    reset_chance: float = 0.0


@dataclass(slots=True, eq=False)
class _Flow:
    """One direction of one connection."""

    direction: Direction
    source: socket.socket
    sink: socket.socket
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    ended: bool = False
    told: bool = False
    free_at: float = 0.0

    @property
    def kept(self) -> int:
        return sum(len(chunk) for _, chunk in self.waiting)


@dataclass(slots=True, eq=False)
class _Pair:
    client: socket.socket
    target: socket.socket
    flows: tuple[_Flow, _Flow]


class Proxy:
    """Listens from its making until `close`.

    Args:
        listen: a path, bound as a socket that everybody may use, or a host and port (0 for any).
        target: where connections go; asked for at each of them, so it may be changed.
        rng: decides jitter and random resets.

    Attributes:
        address: where clients connect.
        accepted, resets, refused: connections that came, were cut and were turned away.
        passed: bytes that went through, by direction.
    """

    def __init__(self, listen: Address, target: Address, rng: random.Random | None = None) -> None:
        self.target = target
        self._rng = rng or random.Random(0)
        self._listener = _listening(listen)
        self.address: Address = listen if isinstance(listen, Path) else self._listener.getsockname()
        self.weather: dict[Direction, Weather] = {"up": Weather(), "down": Weather()}
        self._refusing = False
        self._pairs: list[_Pair] = []
        self._stranded: list[socket.socket] = []
        self._lock = threading.RLock()
        self.accepted = self.resets = self.refused = 0
        self.passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._waking, self._wake = os.pipe()
        os.set_blocking(self._waking, False)
        self._open = True
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    # -- what a test says ---------------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        with self._lock:
            return len(self._pairs)

    @property
    def held_back(self) -> int:
        """Bytes that were taken and not handed on yet."""
        with self._lock:
            return sum(flow.kept for pair in self._pairs for flow in pair.flows)

    def delay(self, seconds: float, jitter: float = 0.0, directions: tuple[Direction, ...] = BOTH) -> None:
        self._change(directions, delay=seconds, jitter=jitter)

    def throttle(self, bytes_per_second: float, directions: tuple[Direction, ...] = BOTH) -> None:
        self._change(directions, rate=bytes_per_second)

    def stall(self, directions: tuple[Direction, ...] = BOTH) -> None:
        """Nothing passes and nothing is said: a link that is down, one way or both."""
        self._change(directions, stalled=True)

    def reset_at_random(self, chance: float) -> None:
        """Each chunk that comes in cuts its connection with this chance."""
        self._change(BOTH, reset_chance=chance)

    def heal(self) -> None:
        with self._lock:
            self.weather = {"up": Weather(), "down": Weather()}
            self._refusing = False
        self._poke()

    def refuse(self) -> None:
        """New connections are closed at once."""
        with self._lock:
            self._refusing = True

    def reset(self) -> int:
        """Cuts all connections, with RST where there is one; returns how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            for pair in pairs:
                self._cut(pair)
        self._poke()
        return len(pairs)

    def half_close(self, direction: Direction = "up") -> int:
        """Tells the receivers of this direction that nothing more comes; the other direction stays open."""
        with self._lock:
            for pair in self._pairs:
                flow = next(flow for flow in pair.flows if flow.direction == direction)
                flow.ended = flow.told = True
                with suppress(OSError):
                    flow.sink.shutdown(socket.SHUT_WR)
            return len(self._pairs)

    def strand(self) -> int:
        """Half-open connections: clients see their end, the target sees nothing, now or ever. Returns how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            for pair in pairs:
                pair.client.close()
                self._stranded.append(pair.target)
            return len(pairs)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._poke()
        self._thread.join(5)
        self._listener.close()
        self.reset()
        for end in self._stranded:
            end.close()
        if isinstance(self.address, Path):
            self.address.unlink(missing_ok=True)
        os.close(self._waking)
        os.close(self._wake)

    def listen_at(self, path: Path) -> None:
        """Listens at another path, where the first was taken by somebody else."""
        fresh = _listening(path)
        with self._lock:
            before, self._listener = self._listener, fresh
        self._poke()
        before.close()

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._open:
            poll = select.poll()
            poll.register(self._waking, select.POLLIN)
            with self._lock:
                poll.register(self._listener, select.POLLIN)
                wait = self._register(poll)
            poll.poll(wait * 1000)
            with suppress(BlockingIOError):
                os.read(self._waking, 1024)
            self._accept()
            with self._lock:
                for pair in list(self._pairs):
                    self._serve(pair)

    def _register(self, poll: select.poll) -> float:
        now, wait = time.monotonic(), _LONGEST_WAIT_SECONDS
        wanted: dict[int, int] = {}
        for pair in self._pairs:
            for flow in pair.flows:
                if self.weather[flow.direction].stalled:
                    continue
                if not flow.ended and flow.kept < _MOST_KEPT:
                    wanted[flow.source.fileno()] = wanted.get(flow.source.fileno(), 0) | select.POLLIN
                if flow.waiting:
                    due = flow.waiting[0][0]
                    wait = min(wait, max(due - now, 0.0))
                    if due <= now:
                        wanted[flow.sink.fileno()] = wanted.get(flow.sink.fileno(), 0) | select.POLLOUT
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        return wait

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        with self._lock:
            if self._refusing:
                self.refused += 1
                client.close()
                return
        try:
            target = _connected(self.target)
        except OSError:
            self.refused += 1
            client.close()
            return
        for end in (client, target):
            end.setblocking(False)
        with self._lock:
            self.accepted += 1
            self._pairs.append(_Pair(client, target, (_Flow("up", client, target), _Flow("down", target, client))))

    def _serve(self, pair: _Pair) -> None:
        try:
            for flow in pair.flows:
                if not self.weather[flow.direction].stalled:
                    self._take(pair, flow)
                    self._hand_on(flow)
        except OSError:
            self._drop(pair)
            return
        if pair in self._pairs and all(flow.told for flow in pair.flows):
            self._drop(pair)

    def _take(self, pair: _Pair, flow: _Flow) -> None:
        weather = self.weather[flow.direction]
        while not flow.ended and flow.kept < _MOST_KEPT:
            try:
                chunk = flow.source.recv(_CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                flow.ended = True
                return
            if weather.reset_chance and self._rng.random() < weather.reset_chance:
                raise ConnectionResetError
            flow.waiting.append((self._due(flow, weather, len(chunk)), chunk))

    def _due(self, flow: _Flow, weather: Weather, size: int) -> float:
        now = time.monotonic()
        late = max(0.0, weather.delay + self._rng.uniform(-weather.jitter, weather.jitter))
        # Never before what was sent earlier: this is a stream.
        flow.free_at = max(flow.free_at, now + late) + (size / weather.rate if weather.rate else 0.0)
        return flow.free_at

    def _hand_on(self, flow: _Flow) -> None:
        now = time.monotonic()
        while flow.waiting and flow.waiting[0][0] <= now:
            due, chunk = flow.waiting.popleft()
            try:
                sent = flow.sink.send(chunk)
            except BlockingIOError:
                sent = 0
            self.passed[flow.direction] += sent
            if sent < len(chunk):
                flow.waiting.appendleft((due, chunk[sent:]))
                return
        if flow.ended and not flow.waiting and not flow.told:
            flow.told = True
            with suppress(OSError):
                flow.sink.shutdown(socket.SHUT_WR)

    def _drop(self, pair: _Pair) -> None:
        if pair in self._pairs:
            self._pairs.remove(pair)
            self._cut(pair)

    def _cut(self, pair: _Pair) -> None:
        self.resets += 1
        for end in (pair.client, pair.target):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()

    def _change(self, directions: tuple[Direction, ...], **what: float) -> None:
        with self._lock:
            for direction in directions:
                for name, value in what.items():
                    setattr(self.weather[direction], name, value)
        self._poke()

    def _poke(self) -> None:
        with suppress(OSError):
            os.write(self._wake, b"\0")


def _listening(address: Address) -> socket.socket:
    if isinstance(address, Path):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(address))
        address.chmod(0o666)
    else:
        listener = socket.create_server(address)
    listener.listen(256)
    listener.setblocking(False)
    return listener


def _connected(address: Address) -> socket.socket:
    if isinstance(address, Path):
        end = socket.socket(socket.AF_UNIX)
        try:
            end.connect(str(address))
        except OSError:
            end.close()
            raise
        return end
    return socket.create_connection(address, 5)
