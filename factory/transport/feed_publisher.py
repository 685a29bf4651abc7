"""The feed's source: the newest state of each entity in numbered deltas, and snapshots for those who ask.

What is offered between two flushes is conflated before the socket, since a high-water mark does not protect a slow
observer: the system's buffers hold tens of thousands of old deltas, and it would see an old world for seconds.
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import zmq

from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.feed import Delta, Kind, Snapshot, Subscribe
from factory.transport import sockets
from factory.transport.exchange import Desk, ReplyTo
from factory.transport.feed_frames import deltas_path, encode_snapshot, snapshots_path

MAX_PENDING = 10_000
"""Deltas between two flushes, as many as the socket takes. Beyond it the oldest are dropped: a snapshot is shorter."""

MAX_REQUESTS = 100
"""Snapshot requests answered at once, all with the same snapshot; the others get the next."""


def _unknown() -> float:
    return 0.0


class _Pending(NamedTuple):
    kind: Kind
    id: str
    version: int
    data: Any


class FeedPublisher:
    """Owns both sockets of the feed; for one thread.

    Args:
        run_dir: the factory's run folder.
        boot: new for each start of the feed, so that observers do not go on counting in the numbers of a former one.
        now: seconds since 1970, told with each frame; 0 where nobody knows.

    Attributes:
        dropped: deltas that were never sent because too many were pending or one was too large. Observers saw a gap.
        bad: requests that could not be understood.
    """

    def __init__(self, run_dir: Path, boot: str, now: Callable[[], float] = _unknown) -> None:
        sockets.make_folder(run_dir)
        self._boot, self._now = boot, now
        self._mirrors: list[Callable[[bytes], None]] = []
        self._seq = 0
        self._pending: OrderedDict[tuple[str, str | int], _Pending] = OrderedDict()
        self._events = itertools.count()
        self._decode = Decoder[Subscribe](Subscribe)
        self._publisher = sockets.open_socket(zmq.PUB, sockets.PUBLISHER)
        self._binding = sockets.bind_path(self._publisher, deltas_path(run_dir))
        self._desk = Desk(snapshots_path(run_dir))
        self.dropped = 0
        self.bad = 0

    def pollable(self) -> sockets.Socket:
        return self._desk.pollable()

    def mirror(self, to: Callable[[bytes], None]) -> None:
        """Hands each frame to somebody else as well, in the same order."""
        self._mirrors.append(to)

    def offer(self, kind: Kind, id: str, version: int, data: Any) -> None:  # noqa: A002, ANN401 - as the delta's fields
        """Something changed; `data` None: it is gone. Sent by the next `flush`, unless something newer replaces it.

        Of one entity the highest version stays. Events are not replaced, each is news of its own.
        """
        key = (kind, next(self._events) if kind == "event" else id)
        older = self._pending.pop(key, None)
        newer = older if older is not None and older.version > version else _Pending(kind, id, version, data)
        self._pending[key] = newer
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
            self._skip()

    def flush(self) -> None:
        """Sends what is pending, each delta with the next number."""
        pending, self._pending = self._pending, OrderedDict()
        for change in pending.values():
            self._send(change)

    def beat(self) -> None:
        """Tells the last number, each H: whoever missed the last deltas learns so, and that the feed lives."""
        self._publish(Delta(self._boot, self._seq, "beat", data={"dropped": self.dropped}, at=self._now()))

    def drain_requests(self, snapshot: Callable[[], Snapshot]) -> int:
        """Answers who has asked for a snapshot and returns how many did.

        `snapshot` is called once, and only if somebody asked; it must hold at least everything that was offered before.
        Boot and number are filled in here.
        """
        asked = [reply_to for reply_to in self._requests() if reply_to is not None]
        if asked:
            frames = self.picture(snapshot)
            for reply_to in asked:
                self._desk.reply(reply_to, *frames)
        return len(asked)

    def picture(self, snapshot: Callable[[], Snapshot]) -> list[bytes]:
        """A snapshot's frames, numbered as the feed stands now."""
        # Flushed first: what is in the snapshot must not follow it as news.
        self.flush()
        told = {"boot": self._boot, "seq": self._seq, "at": self._now(), "dropped": self.dropped}
        return encode_snapshot(msgspec.structs.replace(snapshot(), **told))

    def close(self) -> None:
        self._binding.release()
        self._publisher.close()
        self._desk.close()

    def _requests(self) -> list[ReplyTo | None]:
        return [reply_to for reply_to, payload in self._desk.drain(MAX_REQUESTS) if self._is_request(payload)]

    def _is_request(self, payload: bytes) -> bool:
        try:
            self._decode(payload)
        except BadMessage:
            self.bad += 1
            return False
        return True

    def _send(self, change: _Pending) -> None:
        self._seq += 1
        try:
            self._publish(Delta(self._boot, self._seq, change.kind, change.id, change.version, change.data, self._now()))
        except BadMessage:
            # Its number stays unused: observers see the gap and find it in the snapshot.
            self.dropped += 1

    def _publish(self, delta: Delta) -> None:
        frame = encode(delta)
        sockets.send(self._publisher, [frame])
        for tell in self._mirrors:
            tell(frame)

    def _skip(self) -> None:
        self.dropped += 1
        self._seq += 1
