"""Where a machine enrols that nobody knows yet: a bind of its own, for one small message by each connection.

Any key is let in, which is why nothing but a JOIN is taken here and few of them: what the message asks for is decided by its token.
Whoever has no join line does not know the factory's public key, and so does not get through the handshake.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import zmq

from factory.domain.token_bucket import TokenBucket
from factory.transport import sockets
from factory.transport.curve import KeyPair
from factory.transport.zap import KEY_PROPERTY, Admission

DOMAIN = b"enrol"

BURST, PER_SECOND = 5, 5 / 60
"""Machines that may try: whoever guesses at tokens of 256 bits is not to cost anything."""

MAX_JOIN = 16 * 1024
_HANDSHAKE_MS = 2000
_INCOMING = 10
_MOST_ROUTES = 1_000
_PARTS = 2
_DRAIN_MOST = 50


class Joining(NamedTuple):
    """A message of somebody with this key (Z85), which says nothing about who it is."""

    key: str
    route: bytes
    payload: bytes


class EnrolDesk:
    """The factory's end. `drain` when its socket has work.

    Args:
        admission: of the worker link in the same process.

    Attributes:
        endpoint: where it listens, with the port that was found.
        dropped: messages beyond the first of a connection, beyond what is let through, or that were none.
    """

    def __init__(self, endpoint: str, keys: KeyPair, admission: Admission, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._share = TokenBucket.full(BURST, PER_SECOND, now())
        self._heard: dict[bytes, None] = {}
        self.dropped = 0
        admission.guard(DOMAIN, _Anyone())
        self._router = sockets.open_socket(zmq.ROUTER, _OPTIONS)
        self._router.curve_secretkey = keys.secret.encode()
        self._router.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        sockets.bind(self._router, endpoint)
        self.endpoint = self._router.getsockopt_string(zmq.LAST_ENDPOINT)

    def pollable(self) -> sockets.Socket:
        return self._router

    def drain(self) -> list[Joining]:
        """Who asks to be enrolled."""
        asked: list[Joining] = []
        for _ in range(_DRAIN_MOST):
            frames = sockets.receive_frames(self._router)
            if frames is None:
                break
            one = self._take(frames)
            if one is None:
                self.dropped += 1
            else:
                asked.append(one)
        return asked

    def answer(self, route: bytes, payload: bytes) -> None:
        """Dropped where the asker has gone."""
        try:
            sockets.send(self._router, [route, payload])
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise

    def close(self) -> None:
        self._router.close()

    def _take(self, frames: list[zmq.Frame]) -> Joining | None:
        if len(frames) != _PARTS:
            return None
        route, payload = frames[0].bytes, frames[1]
        key = payload.get(KEY_PROPERTY)
        if route in self._heard or not isinstance(key, str):
            return None
        self._remember(route)
        self._share, taken = self._share.take(self._now())
        return Joining(key, route, payload.bytes) if taken else None

    def _remember(self, route: bytes) -> None:
        self._heard[route] = None
        while len(self._heard) > _MOST_ROUTES:
            del self._heard[next(iter(self._heard))]


class _Anyone:
    """Lets each key in, under a name that says nothing."""

    def worker(self, key: str) -> str | None:
        return "joining" if key else None


_OPTIONS: sockets.Options = {
    zmq.CURVE_SERVER: 1,
    zmq.ZAP_ENFORCE_DOMAIN: 1,
    zmq.HANDSHAKE_IVL: _HANDSHAKE_MS,
    zmq.MAXMSGSIZE: MAX_JOIN,
    zmq.RCVHWM: _INCOMING,
    zmq.SNDHWM: _INCOMING,
    zmq.ROUTER_MANDATORY: 1,
    zmq.ROUTER_HANDOVER: 0,
    zmq.HEARTBEAT_IVL: 5_000,
    zmq.HEARTBEAT_TIMEOUT: 10_000,
    zmq.IPV6: 1,
}
