"""An operator's end of the way to a factory elsewhere: asks, is answered, and hears deltas, all on one connection."""

import itertools
import math
import time

import zmq

from factory.protocol.codec import MAX_FRAME
from factory.transport import sockets
from factory.transport.feed_frames import MAX_SNAPSHOT
from factory.transport.operator_frames import HEAD_BYTES, NO_NUMBER, NUMBER_BYTES, opened, sealed
from factory.transport.operator_key import Remote

_OPTIONS: sockets.Options = {
    **sockets.OBSERVER,
    zmq.RCVHWM: sockets.PUBLISHER[zmq.SNDHWM],
    zmq.MAXMSGSIZE: MAX_FRAME + HEAD_BYTES,
}


class OperatorLine:
    """For one thread at a time. It finds the factory again whenever that is back."""

    def __init__(self, remote: Remote) -> None:
        self._socket = sockets.open_socket(zmq.DEALER, _OPTIONS)
        remote.secure(self._socket)
        self._socket.connect(remote.endpoint)
        self._numbers = itertools.count(1)
        self._begun, self._parts, self._size = b"", list[bytes](), 0

    def pollable(self) -> sockets.Socket:
        return self._socket

    def tell(self, payload: bytes) -> bool:
        return sockets.send(self._socket, [sealed(NO_NUMBER, payload)])

    def post(self, payload: bytes) -> bytes | None:
        """Asks without waiting and returns the question's number; None where it could not be sent now."""
        number = next(self._numbers).to_bytes(NUMBER_BYTES, "big")
        return number if sockets.send(self._socket, [sealed(number, payload)]) else None

    def collect(self) -> tuple[bytes, bytes] | None:
        """An answer that is whole by now, with the number of its question; a delta has `NO_NUMBER`."""
        while (frames := sockets.receive(self._socket)) is not None:
            part = opened(b"".join(frames))
            if part is None:
                continue
            if part.number == NO_NUMBER:
                return part.number, part.payload
            whole = self._whole(part.number, part.payload, more=part.more)
            if whole is not None:
                return part.number, whole
        return None

    def ask(self, payload: bytes, timeout: float) -> bytes | None:
        """Waits for the answer, None after `timeout` seconds. Answers to questions given up before are dropped."""
        # The real clock: what is waited for is a socket, and no clock can be injected into that.
        deadline = time.monotonic() + timeout
        number = self.post(payload)
        while number is None:
            if not self._ready(zmq.POLLOUT, deadline):
                return None
            number = self.post(payload)
        while self._ready(zmq.POLLIN, deadline):
            answer = self.collect()
            if answer is not None and answer[0] == number:
                return answer[1]
        return None

    def close(self, *, drop: bool = False) -> None:  # noqa: ARG002 - as a `Caller` has it; nothing is worth sending later
        self._socket.close(linger=0)

    def _whole(self, number: bytes, payload: bytes, *, more: bool) -> bytes | None:
        if number != self._begun:
            # What was lost in between was of another answer.
            self._begun, self._parts, self._size = number, [], 0
        self._size += len(payload)
        if self._size <= MAX_SNAPSHOT:
            self._parts.append(payload)
        if more:
            return None
        parts, self._begun, self._parts = self._parts, b"", []
        return b"".join(parts)

    def _ready(self, event: int, deadline: float) -> bool:
        left = deadline - time.monotonic()
        return left > 0 and self._socket.poll(math.ceil(left * 1000), event) != 0
