"""How an observer hears the feed: on this machine by two sockets, from elsewhere by one that carries both and is to be kept open."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import zmq

from factory.protocol.codec import encode
from factory.protocol.feed import Subscribe, Watch
from factory.transport import sockets
from factory.transport.exchange import Caller
from factory.transport.feed_frames import deltas_path, snapshots_path
from factory.transport.operator_frames import NO_NUMBER
from factory.transport.operator_key import Remote
from factory.transport.operator_line import OperatorLine

Part = tuple[Literal["delta", "snapshot"], bytes]

_SUBSCRIBE = encode(Subscribe())
_WATCH = encode(Watch())


class Line(Protocol):
    """What a subscriber hears by. For one thread."""

    def ask(self) -> bool:
        """Asks for a snapshot; False where it cannot be asked now."""
        ...

    def keep(self, now: float, heartbeat: float) -> None:
        """Whatever must be said so that deltas go on coming."""
        ...

    def take(self, most: int) -> Iterator[Part]:
        """What has come, at most so many deltas."""
        ...

    def sockets(self) -> tuple[sockets.Socket, ...]:
        """What to wait for; the last is the one that snapshots are asked on."""
        ...

    def close(self) -> None: ...


def line_to(place: Path | Remote) -> Line:
    """A run folder of this machine, or a factory elsewhere."""
    return _Remote(place) if isinstance(place, Remote) else _Local(place)


class _Local:
    def __init__(self, run_dir: Path) -> None:
        address = sockets.endpoint(deltas_path(run_dir))
        self._caller = Caller(snapshots_path(run_dir), sockets.OBSERVER)
        # Subscribed before the snapshot is asked for, so that nothing falls between the two.
        self._deltas = sockets.open_socket(zmq.SUB, sockets.OBSERVER, {zmq.RCVHWM: sockets.PUBLISHER[zmq.SNDHWM]})
        self._deltas.subscribe(b"")
        self._deltas.connect(address)

    def ask(self) -> bool:
        return self._caller.post(_SUBSCRIBE) is not None

    def keep(self, now: float, heartbeat: float) -> None:
        """Nothing: a subscription lasts as long as its socket."""

    def take(self, most: int) -> Iterator[Part]:
        # Deltas first: those that left before the snapshot did are then kept when it is applied.
        for _ in range(most):
            frames = sockets.receive(self._deltas)
            if frames is None:
                break
            yield "delta", b"".join(frames)
        answer = self._caller.collect()
        if answer is not None:
            # To whichever question: one that comes late is as good, and a slow factory would never be heard otherwise.
            yield "snapshot", answer[1]

    def sockets(self) -> tuple[sockets.Socket, ...]:
        return self._deltas, self._caller.pollable()

    def close(self) -> None:
        self._caller.close(drop=True)
        self._deltas.close()


class _Remote:
    def __init__(self, remote: Remote) -> None:
        self._line = OperatorLine(remote)
        self._kept_at: float | None = None

    def ask(self) -> bool:
        # Watched first, so that nothing falls between the snapshot and the deltas.
        return self._line.tell(_WATCH) and self._line.post(_SUBSCRIBE) is not None

    def keep(self, now: float, heartbeat: float) -> None:
        if (self._kept_at is None or now - self._kept_at >= heartbeat) and self._line.tell(_WATCH):
            self._kept_at = now

    def take(self, most: int) -> Iterator[Part]:
        for _ in range(most):
            answer = self._line.collect()
            if answer is None:
                break
            number, payload = answer
            yield "delta" if number == NO_NUMBER else "snapshot", payload

    def sockets(self) -> tuple[sockets.Socket, ...]:
        return (self._line.pollable(),)

    def close(self) -> None:
        self._line.close()
