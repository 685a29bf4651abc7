"""The one socket that operators reach from elsewhere: CURVE, a key per operator, role and name looked up for each message.

Requests are answered on it, and deltas are sent on it to those who watch. Not a PUB socket: one of those would go on telling whoever is
connected, also after the key was taken back.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import zmq

from factory.domain.operators import Operator
from factory.domain.token_bucket import TokenBucket
from factory.errors import FactoryError
from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.commands import AnyRequest, Reply
from factory.protocol.feed import Subscribe, Watch
from factory.transport import sockets
from factory.transport.curve import KeyPair
from factory.transport.exchange import DRAIN_MOST, ReplyTo
from factory.transport.loop import Source
from factory.transport.operator_book import OperatorBook
from factory.transport.operator_frames import NO_NUMBER, opened, sealed
from factory.transport.zap import KEY_PROPERTY, Admission

DOMAIN = b"operators"

MAX_REQUEST = 768 * 1024
"""Bytes: a submission with the largest spec."""

BURST, PER_SECOND = 400, 100.0
"""Requests of one operator. A dashboard asks a few a second; what is more floods and is dropped."""

SNAPSHOT_COSTS = 20
"""Requests that one for a snapshot counts for: it is all of the factory."""

MOST_WATCHERS = 100

_WATCH_HEARTBEATS = 3
_HANDSHAKE_MS = 2000
_INCOMING = 50
"""Messages of one connection that wait to be read; each may be as large as `MAX_REQUEST`."""

_PARTS = 2  # routing id and message

Asked = AnyRequest | Subscribe


class Heard(NamedTuple):
    """A request of an operator whose key was known at the moment it was taken from the socket."""

    reply_to: ReplyTo
    operator: Operator
    request: Asked


@dataclass(slots=True)
class _Watcher:
    key: str
    until: float


class OperatorDesk:
    """The factory's end. Both of `pollables` must be waited for, and `drain` called when either has work.

    Args:
        endpoint: `tcp://ADDRESS:PORT`, with `*` for any port.
        keys: the factory's own pair; operators have its public half in their key files.
        heartbeat: H in seconds.

    Attributes:
        endpoint: where it listens, with the port that was found.
        bad: messages that were none, answered so where they could be.
        refused: messages whose key is not known any more.
        flooded: requests beyond what an operator may send, by name.
        skipped: deltas that a watcher was too slow for; it saw a gap.
    """

    def __init__(
        self, endpoint: str, keys: KeyPair, book: OperatorBook, heartbeat: float, now: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        self._book, self._now, self._heartbeat = book, now, heartbeat
        self._watchers: dict[bytes, _Watcher] = {}
        self._shares: dict[str, TokenBucket] = {}
        self._decode = Decoder[Asked | Watch](Asked | Watch)
        self.bad = self.refused = self.skipped = 0
        self.flooded: Counter[str] = Counter()
        # Before the desk is bound: who connects first must find somebody to be asked about.
        self._admission = Admission(book, DOMAIN)
        self._router = sockets.open_socket(zmq.ROUTER, _options(heartbeat))
        self._router.curve_secretkey = keys.secret.encode()
        self._router.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        try:
            sockets.bind(self._router, endpoint)
        except FactoryError:
            self._admission.close()
            raise
        self.endpoint = self._router.getsockopt_string(zmq.LAST_ENDPOINT)

    @property
    def turned_away(self) -> int:
        """Connections with a key that is nobody's."""
        return self._admission.refused

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def pollable(self) -> sockets.Socket:
        return self._router

    def pollables(self) -> list[Source]:
        return [self, self._admission]

    def drain(self, most: int = DRAIN_MOST) -> list[Heard]:
        """Lets in who is known, and returns the requests that are there, at most `most`."""
        self._admission.answer()
        heard: list[Heard] = []
        for _ in range(most):
            frames = sockets.receive_frames(self._router)
            if frames is None:
                break
            one = self._take(frames)
            if one is not None:
                heard.append(one)
        return heard

    def reply(self, reply_to: ReplyTo, reply: Reply) -> None:
        """Answers; dropped where the asker has gone."""
        try:
            frame = encode(reply)
        except BadMessage:
            frame = encode(Reply("refused", "The answer would be larger than one message: ask for less with a limit."))
        self.answer(reply_to, frame)

    def answer(self, reply_to: ReplyTo, *parts: bytes) -> None:
        """The parts of one answer, as a snapshot has them. Given up where the asker is too slow for it."""
        for number, part in enumerate(parts, 1):
            if not self._send(reply_to.route, sealed(reply_to.request, part, more=number < len(parts))):
                return

    def push(self, frame: bytes) -> None:
        """A delta for everyone who watches and whose key is still known. Who is too slow for it finds a gap in the numbers."""
        now = self._now()
        for route, watcher in list(self._watchers.items()):
            if now > watcher.until or self._book.operator(watcher.key) is None or self._send(route, sealed(NO_NUMBER, frame)) is None:
                del self._watchers[route]

    def close(self) -> None:
        self._router.close()
        self._admission.close()

    def _take(self, frames: list[zmq.Frame]) -> Heard | None:
        operator = self._operator(frames[-1])
        if operator is None:
            self.refused += 1
            self._watchers.pop(frames[0].bytes, None)
            return None
        part = opened(frames[1].bytes) if len(frames) == _PARTS else None
        if part is None or part.more:
            self.bad += 1
            return None
        reply_to = ReplyTo(frames[0].bytes, part.number)
        try:
            request = self._decode(part.payload)
        except BadMessage as error:
            self.bad += 1
            if self._affords(operator, 1):
                self.reply(reply_to, Reply("invalid", f"This factory does not understand the request: {error}"))
            return None
        return self._heard(reply_to, operator, request)

    def _heard(self, reply_to: ReplyTo, operator: Operator, request: Asked | Watch) -> Heard | None:
        if not self._affords(operator, SNAPSHOT_COSTS if isinstance(request, Subscribe) else 1):
            return None
        if not isinstance(request, Watch):
            return Heard(reply_to, operator, request)
        if reply_to.route in self._watchers or len(self._watchers) < MOST_WATCHERS:
            self._watchers[reply_to.route] = _Watcher(operator.key, self._now() + _WATCH_HEARTBEATS * self._heartbeat)
        return None

    def _operator(self, frame: zmq.Frame) -> Operator | None:
        # Asked again for each message, since taking a key back does not cut its connection. By key and not by name: the name may
        # belong to a new key by now.
        try:
            key = frame.get(KEY_PROPERTY)
        except zmq.ZMQError:
            return None
        return self._book.operator(key) if isinstance(key, str) else None

    def _affords(self, operator: Operator, cost: int) -> bool:
        share = self._shares.setdefault(operator.name, TokenBucket.full(BURST, PER_SECOND, self._now()))
        self._shares[operator.name], taken = share.take(self._now(), cost)
        if not taken:
            self.flooded[operator.name] += 1
        return taken

    def _send(self, route: bytes, message: bytes) -> bool | None:
        """False where the peer's queue is full, None where there is no such peer any more."""
        try:
            sent = sockets.send(self._router, [route, message])
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return None
        self.skipped += not sent
        return sent


def _options(heartbeat: float) -> sockets.Options:
    silence_ms = int(heartbeat * _WATCH_HEARTBEATS * 1000)
    return {
        zmq.CURVE_SERVER: 1,
        # Without this and the domain a missing handler means that every key is let in.
        zmq.ZAP_ENFORCE_DOMAIN: 1,
        zmq.HANDSHAKE_IVL: _HANDSHAKE_MS,
        zmq.MAXMSGSIZE: MAX_REQUEST,
        zmq.RCVHWM: _INCOMING,
        zmq.SNDHWM: sockets.PUBLISHER[zmq.SNDHWM],
        # A route that is gone is an error instead of silence.
        zmq.ROUTER_MANDATORY: 1,
        # Nobody takes over a living connection by choosing its routing id.
        zmq.ROUTER_HANDOVER: 0,
        zmq.HEARTBEAT_IVL: int(heartbeat * 1000),
        zmq.HEARTBEAT_TIMEOUT: silence_ms,
        zmq.HEARTBEAT_TTL: silence_ms,
        zmq.TCP_KEEPALIVE: 1,
        zmq.IPV6: 1,
    }
