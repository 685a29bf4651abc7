"""The observer's end of the feed. Imports little: a terminal shows its first picture as soon as this has a snapshot."""

import math
import time
from collections import deque
from pathlib import Path

import zmq

from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.feed import Delta, Snapshot, Subscribe
from factory.transport import sockets
from factory.transport.exchange import Caller
from factory.transport.feed_frames import decode_snapshot, deltas_path, snapshots_path
from factory.transport.feed_replica import Replica

_BATCH = 500
"""Deltas taken from the socket before they are handed on, so that a flood does not keep the caller waiting."""


class FeedSubscriber:
    """Yields a snapshot, then the deltas that follow on it, then another snapshot whenever one was needed.

    For one thread at a time. It may be made before the factory runs, and outlives its restarts.

    Args:
        run_dir: the factory's run folder.
        heartbeat: H in seconds, as the factory has it.

    Attributes:
        bad: messages that could not be understood.
    """

    def __init__(self, run_dir: Path, heartbeat: float = 5.0) -> None:
        address = sockets.endpoint(deltas_path(run_dir))
        self._caller = Caller(snapshots_path(run_dir), sockets.OBSERVER)
        # Subscribed before the snapshot is asked for, so that nothing falls between the two.
        self._deltas = sockets.open_socket(zmq.SUB, sockets.OBSERVER, {zmq.RCVHWM: sockets.PUBLISHER[zmq.SNDHWM]})
        self._deltas.subscribe(b"")
        self._deltas.connect(address)
        self._decode = Decoder[Delta](Delta)
        # The real clock: what is waited for are sockets. The rules that count on it are tested in `Replica`.
        self._replica = Replica(heartbeat, time.monotonic())
        self._ready: deque[Snapshot | Delta] = deque()
        self.bad = 0

    @property
    def live(self) -> bool:
        """False while the state may be old: before the first snapshot, after a loss, or when nothing is heard."""
        return self._replica.live

    def poll(self, timeout: float) -> Snapshot | Delta | None:
        """The next thing to apply, None if there is none within `timeout` seconds. Beats are not handed on."""
        deadline = time.monotonic() + timeout
        while True:
            self._ask()
            self._take()
            left = deadline - time.monotonic()
            if self._ready or left <= 0:
                return self._ready.popleft() if self._ready else None
            self._wait(left)

    def close(self) -> None:
        self._caller.close(drop=True)
        self._deltas.close()

    def _ask(self) -> None:
        now = time.monotonic()
        if self._replica.wants_snapshot(now) and self._caller.post(encode(Subscribe())) is not None:
            self._replica.asked(now)

    def _take(self) -> None:
        # Deltas first: those that left before the snapshot did are then kept when it is applied.
        for _ in range(_BATCH):
            frames = sockets.receive(self._deltas)
            if frames is None:
                break
            self._take_delta(frames)
        answer = self._caller.collect()
        if answer is not None:
            # To whichever question: one that comes late is as good, and a slow factory would never be heard otherwise.
            self._take_snapshot(answer[1])

    def _take_delta(self, frames: list[bytes]) -> None:
        try:
            delta = self._decode(b"".join(frames))
        except BadMessage:
            self.bad += 1
            return
        self._ready.extend(self._replica.take_delta(delta, time.monotonic()))

    def _take_snapshot(self, whole: bytes) -> None:
        try:
            snapshot = decode_snapshot(whole)
        except BadMessage:
            self.bad += 1
            return
        self._ready.extend(self._replica.take_snapshot(snapshot, time.monotonic()))

    def _wait(self, seconds: float) -> None:
        now = time.monotonic()
        poller = zmq.Poller()
        poller.register(self._deltas, zmq.POLLIN)
        # To send as soon as somebody listens; otherwise only to receive, since a socket that could send is always ready.
        unsent = self._replica.wants_snapshot(now)
        poller.register(self._caller.pollable(), zmq.POLLIN | (zmq.POLLOUT if unsent else 0))
        bound = seconds if unsent else min(seconds, max(self._replica.asks_in(now), 0))
        poller.poll(math.ceil(bound * 1000))
