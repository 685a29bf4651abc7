"""Who is let in on a link of ours: the ZAP handler (RFC 27) that zmq asks about every connecting key.

It has no thread of its own: an authenticator thread that dies leaves nobody asking. Polled beside the link by the same
loop, it lives exactly as long as the link does, and a link without it lets nobody in (ZAP_ENFORCE_DOMAIN).
"""

from typing import NamedTuple, Protocol

import zmq
from zmq.utils import z85

from factory.errors import Conflict
from factory.transport import sockets

DOMAIN = b"workers"
KEY_PROPERTY = "X-Public-Key"
"""Under which a message tells the key of its connection. zmq ranks it above what a client claims under that name."""

_ADDRESS = "inproc://zeromq.zap.01"
_VERSION = b"1.0"
_FIELDS = 9  # route, empty, version, request, domain, address, routing id, mechanism, key
_KEY_BYTES = 32
_ANSWER_MOST = 500


class Enrolment:
    """Which public key (Z85) speaks for which worker: one key each, at any time."""

    def __init__(self) -> None:
        self._workers: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def enrol(self, worker: str, key: str) -> None:
        """Replaces the worker's former key. Raises `Conflict` for a key that is another worker's."""
        if self._workers.get(key, worker) != worker:
            raise Conflict(f"The key of {worker} is already the key of another worker.")
        self.revoke(worker)
        self._workers[key] = worker
        self._keys[worker] = key

    def revoke(self, worker: str) -> None:
        key = self._keys.pop(worker, None)
        if key is not None:
            del self._workers[key]

    def worker(self, key: str) -> str | None:
        return self._workers.get(key)

    def key(self, worker: str) -> str | None:
        return self._keys.get(worker)


class Keys(Protocol):
    """Who a public key (Z85) speaks for."""

    def worker(self, key: str) -> str | None: ...


class _Request(NamedTuple):
    route: bytes
    number: bytes
    domain: bytes
    mechanism: bytes
    key: bytes


class Admission:
    """The handler. Bind it before the link: one context, that is one process, has room for one.

    Args:
        domain: of the link that it guards; whoever asks about another is refused, unless `guard` names that too.

    Attributes:
        refused: connections that were not let in.
    """

    def __init__(self, enrolment: Keys, domain: bytes = DOMAIN) -> None:
        self._rooms: dict[bytes, Keys] = {domain: enrolment}
        self._socket = sockets.open_socket(zmq.ROUTER)
        sockets.bind(self._socket, _ADDRESS)
        self.refused = 0

    def guard(self, domain: bytes, keys: Keys) -> None:
        """Another link of this process, with keys of its own."""
        self._rooms[domain] = keys

    def pollable(self) -> sockets.Socket:
        return self._socket

    def answer(self) -> None:
        """Answers what zmq has asked. Never raises for what a client sent."""
        for _ in range(_ANSWER_MOST):
            frames = sockets.receive(self._socket)
            if frames is None:
                return
            request = _parse(frames)
            if request is not None:
                self._decide(request)

    def close(self) -> None:
        # Unbound first: closing alone frees the address only some time later, in zmq's own thread.
        self._socket.unbind(_ADDRESS)
        self._socket.close()

    def _decide(self, request: _Request) -> None:
        keys = self._rooms.get(request.domain) if request.mechanism == b"CURVE" else None
        key = z85.encode(request.key).decode() if len(request.key) == _KEY_BYTES else ""
        worker = keys.worker(key) if keys and key else None
        if worker is None:
            self.refused += 1
            # 300, not 400: after a 400 the client's zmq never tries again, and a key may be enrolled a moment
            # later, as all are after the gateway has been restarted.
            verdict = [b"300", b"not enrolled", b"", b""]
        else:
            verdict = [b"200", b"OK", worker.encode(), _property(KEY_PROPERTY, key)]
        sockets.send(self._socket, [request.route, b"", _VERSION, request.number, *verdict])


def _parse(frames: list[bytes]) -> _Request | None:
    # Only zmq itself writes to this socket. Other mechanisms have other numbers of fields: they stay
    # unanswered, and zmq drops the connection when the handshake's time is over.
    if len(frames) != _FIELDS or frames[2] != _VERSION:
        return None
    route, _, _, number, domain, _, _, mechanism, key = frames
    return _Request(route, number, domain, mechanism, key)


def _property(name: str, value: str) -> bytes:
    """A ZMTP metadata property: name with a length of one byte, value with one of four."""
    return bytes([len(name)]) + name.encode() + len(value).to_bytes(4, "big") + value.encode()
