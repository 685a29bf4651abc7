"""The observer's end of the feed. Imports little: a terminal shows its first picture as soon as this has a snapshot."""

import math
import time
from collections import deque
from pathlib import Path

import zmq

from factory.protocol.codec import BadMessage, Decoder
from factory.protocol.feed import Delta, Snapshot
from factory.transport.feed_frames import decode_snapshot
from factory.transport.feed_lines import line_to
from factory.transport.feed_replica import Replica
from factory.transport.operator_key import Remote

_BATCH = 500
"""Deltas taken from the socket before they are handed on, so that a flood does not keep the caller waiting."""


class FeedSubscriber:
    """Yields a snapshot, then the deltas that follow on it, then another snapshot whenever one was needed.

    For one thread at a time. It may be made before the factory runs, and outlives its restarts.

    Args:
        place: the factory's run folder, or the way to one elsewhere.
        heartbeat: H in seconds; once a snapshot has come, the factory's own.

    Attributes:
        bad: messages that could not be understood.
        published_at: when the last frame left the factory, in seconds since 1970 on its clock; 0 before the first.
        dropped: deltas that never left the factory, as it says; those that they told of were found in a snapshot.
    """

    def __init__(self, place: Path | Remote, heartbeat: float = 5.0) -> None:
        self._line = line_to(place)
        self._decode = Decoder[Delta](Delta)
        self._heartbeat = heartbeat
        # The real clock: what is waited for are sockets. The rules that count on it are tested in `Replica`.
        self._replica = Replica(heartbeat, time.monotonic())
        self._ready: deque[Snapshot | Delta] = deque()
        self.bad = 0
        self.published_at = 0.0
        self.dropped = 0

    @property
    def live(self) -> bool:
        """False while the state may be old: before the first snapshot, after a loss, or when nothing is heard."""
        return self._replica.live

    def poll(self, timeout: float) -> Snapshot | Delta | None:
        """The next thing to apply, None if there is none within `timeout` seconds. Beats are not handed on."""
        if self._ready:
            # Of a flood: the sockets are looked at once for all that they held, and not once for each delta.
            return self._ready.popleft()
        deadline = time.monotonic() + timeout
        while True:
            self._ask()
            self._take()
            left = deadline - time.monotonic()
            if self._ready or left <= 0:
                return self._ready.popleft() if self._ready else None
            self._wait(left)

    def close(self) -> None:
        self._line.close()

    def _ask(self) -> None:
        now = time.monotonic()
        self._line.keep(now, self._heartbeat)
        if self._replica.wants_snapshot(now) and self._line.ask():
            self._replica.asked(now)

    def _take(self) -> None:
        for kind, payload in self._line.take(_BATCH):
            try:
                if kind == "delta":
                    self._take_delta(self._decode(payload))
                else:
                    self._take_snapshot(decode_snapshot(payload))
            except BadMessage:
                self.bad += 1

    def _take_delta(self, delta: Delta) -> None:
        self.published_at = delta.at
        if delta.kind == "beat" and isinstance(delta.data, dict):
            self.dropped = int(delta.data.get("dropped") or 0)
        self._ready.extend(self._replica.take_delta(delta, time.monotonic()))

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        self.published_at, self.dropped = snapshot.at, snapshot.dropped
        told = snapshot.about.get("heartbeat")
        if isinstance(told, int | float) and told > 0:
            self._heartbeat = float(told)
            self._replica.paced(self._heartbeat)
        self._ready.extend(self._replica.take_snapshot(snapshot, time.monotonic()))

    def _wait(self, seconds: float) -> None:
        now = time.monotonic()
        # To send as soon as somebody listens; otherwise only to receive, since a socket that could send is always ready.
        unsent = self._replica.wants_snapshot(now)
        poller = zmq.Poller()
        *deltas, asking = self._line.sockets()
        for socket in deltas:
            poller.register(socket, zmq.POLLIN)
        poller.register(asking, zmq.POLLIN | (zmq.POLLOUT if unsent else 0))
        bound = seconds if unsent else min(seconds, max(self._replica.asks_in(now), 0), self._heartbeat)
        poller.poll(math.ceil(bound * 1000))
