"""Telling and asking over a ROUTER and its DEALERs: what mailboxes, commands and snapshots have in common.

tell   DEALER → ROUTER   [b"", payload]
ask    DEALER → ROUTER   [request, payload]
answer ROUTER → DEALER   [request, part, ...]    the payload in one part or more
"""

import itertools
import math
import time
from pathlib import Path
from typing import NamedTuple

import zmq

from factory.transport import sockets

DRAIN_MOST = 500
"""Messages taken in one go: enough to make batches, few enough that the caller's timers stay punctual."""

_TELL = b""
_PARTS = 3


class ReplyTo(NamedTuple):
    """Where an answer goes. Worth nothing after the asker or this process restarted: the answer is dropped then."""

    route: bytes
    request: bytes


class Desk:
    """The end that is told and asked. Binds its path on creation and removes it on `close`.

    Attributes:
        bad: messages dropped because they were not of two frames.
    """

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        self._socket, self._binding = sockets.open_desk(path, mode)
        self.bad = 0

    def pollable(self) -> sockets.Socket:
        return self._socket

    def drain(self, most: int = DRAIN_MOST) -> list[tuple[ReplyTo | None, bytes]]:
        """What has come in, at most `most`; with None for what wants no answer."""
        taken: list[tuple[ReplyTo | None, bytes]] = []
        for _ in range(most):
            frames = sockets.receive(self._socket)
            if frames is None:
                break
            if len(frames) != _PARTS:
                self.bad += 1
                continue
            route, request, payload = frames
            taken.append((None if request == _TELL else ReplyTo(route, request), payload))
        return taken

    def reply(self, reply_to: ReplyTo, *parts: bytes) -> None:
        """Answers. Dropped where the asker has gone or does not take its answers."""
        sockets.send(self._socket, [reply_to.route, reply_to.request, *parts])

    def close(self) -> None:
        self._binding.release()
        self._socket.close()


class Caller:
    """The end that tells and asks, for one thread at a time. It finds its desk again whenever that is bound anew.

    Attributes:
        path: of the desk.
    """

    def __init__(self, path: Path, options: sockets.Options = sockets.MAILBOX_CALLER) -> None:
        self.path = path
        address = sockets.endpoint(path)
        self._socket = sockets.open_socket(zmq.DEALER, options)
        self._socket.connect(address)
        self._numbers = itertools.count(1)

    def pollable(self) -> sockets.Socket:
        return self._socket

    def tell(self, payload: bytes) -> bool:
        return sockets.send(self._socket, [_TELL, payload])

    def post(self, payload: bytes) -> bytes | None:
        """Asks without waiting and returns the question's number; None where it could not be sent now."""
        request = next(self._numbers).to_bytes(8, "big")
        return request if sockets.send(self._socket, [request, payload]) else None

    def collect(self) -> tuple[bytes, bytes] | None:
        """An answer that has come in, with the number of its question."""
        frames = sockets.receive(self._socket)
        return None if frames is None else (frames[0], b"".join(frames[1:]))

    def ask(self, payload: bytes, timeout: float) -> bytes | None:
        """Waits for the answer, None after `timeout` seconds. Answers to questions given up before are dropped."""
        # The real clock: what is waited for is a socket, and no clock can be injected into that.
        deadline = time.monotonic() + timeout
        request = self.post(payload)
        while request is None:
            if not self._ready(zmq.POLLOUT, deadline):
                return None
            request = self.post(payload)
        while self._ready(zmq.POLLIN, deadline):
            answer = self.collect()
            if answer is not None and answer[0] == request:
                return answer[1]
        return None

    def close(self, *, drop: bool = False) -> None:
        """Closes; what was told and not yet sent gets `LINGER_MS`, with `drop` nothing."""
        self._socket.close(linger=0 if drop else None)

    def _ready(self, event: int, deadline: float) -> bool:
        left = deadline - time.monotonic()
        return left > 0 and self._socket.poll(math.ceil(left * 1000), event) != 0
