"""The only socket that workers reach: CURVE, one enrolled key per worker, identity from the key alone.

On this machine it is a unix socket; where a factory takes remote workers it is bound to a TCP address as well. Their hosts speak on it
under keys of their own, and hand on what their agents say byte by byte, so an agent's key is its own from end to end wherever it runs.

A peer can still fill this process's memory (endless frames of one message; neither MAXMSGSIZE nor a high-water mark
bounds that in zmq), hence the process that owns a link has a memory cap and may be killed at any time.
"""

from pathlib import Path
from typing import NamedTuple

import zmq

from factory.errors import FactoryError
from factory.transport import sockets
from factory.transport.curve import KeyPair
from factory.transport.exchange import DRAIN_MOST
from factory.transport.host_keys import HostKeyring, KnownKeys
from factory.transport.host_routes import HostRoutes
from factory.transport.loop import Source
from factory.transport.zap import DOMAIN, KEY_PROPERTY, Admission, Enrolment

_HANDSHAKE_MS = 2000
"""zmq allows 30 s by default: some hundred idle connections would then keep the workers out."""

_HEARTBEATS_TO_SILENCE = 3
"""As many as a lease has: a connection lives no shorter than what it is for."""

_OUTGOING = 256
"""Messages that wait for one connection: an agent's whole window of acknowledgements, and no more than 64 MiB of pieces for a host that
does not read, which has `MOST_ROUTES` of them. What finds no room is asked for again."""

_BACKLOG = 512
"""Connections that may wait to be accepted: all workers at once after a restart."""

_IPC = "ipc://"
_ANYBODY = 0o666
"""Workers run under other user ids. The folder above decides who gets as far as the handshake, the key who gets in."""


class Received(NamedTuple):
    """A message of a worker whose key was enrolled at the moment it was taken from the socket.

    Attributes:
        host: of workers, that it came from itself; empty for what a worker says. `key` and `route` are the connection's.
    """

    worker: str
    payload: bytes
    host: str = ""
    key: str = ""
    route: bytes = b""


class WorkerLink:
    """The gateway's end. Both of `pollables` must be waited for, and `drain` called when either has work.

    Args:
        endpoint: `ipc://PATH` (the folder must exist) or `tcp://ADDRESS:PORT` (`*` for any port).
        keys: the factory's own pair; workers are given its public half.
        heartbeat: H in seconds.
        listen: `tcp://ADDRESS:PORT` for remote workers and their hosts; empty for none.

    Attributes:
        endpoint: where workers connect, with the port that was found.
        listening: the same for remote ones; empty where there are none.
        hosts: the keys of hosts.
        malformed: messages dropped because they were not one frame of at most `MAX_ENVELOPE` bytes.
        refused: messages dropped because the key of their connection is not enrolled any more.
        unsent: messages to hosts that were dropped because they have too many connections.
    """

    def __init__(self, endpoint: str, keys: KeyPair, heartbeat: float = 5.0, *, listen: str = "") -> None:
        self._enrolment = Enrolment()
        self.hosts = HostKeyring()
        self._routes: dict[str, bytes] = {}
        # An empty message says nothing; zmq tells only by it whether a connection is there.
        self._host_routes = HostRoutes(lambda route: self._send(route, b"") is not None)
        self._binding: sockets.Binding | None = None
        self.malformed = 0
        self.refused = 0
        self.unsent = 0
        # Before the link is bound: who connects first must find somebody to be asked about.
        self._admission = Admission(KnownKeys(self._enrolment, self.hosts))
        self._router = sockets.open_socket(zmq.ROUTER, _options(heartbeat))
        self._router.curve_secretkey = keys.secret.encode()
        self._router.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        self.endpoint = self._bind(endpoint)
        self.listening = self._bind(listen) if listen else ""

    @property
    def admission(self) -> Admission:
        """Which other links of this process have to use, since it has room for one."""
        return self._admission

    @property
    def turned_away(self) -> int:
        """Connections with a key that was not enrolled."""
        return self._admission.refused

    def pollable(self) -> sockets.Socket:
        return self._router

    def pollables(self) -> list[Source]:
        return [self, self._admission]

    def enrol(self, worker: str, public_key: str) -> None:
        """Lets a key in as this worker, instead of the one before. Raises `Conflict` for a key that is another's."""
        if self._enrolment.key(worker) != public_key:
            # The route is that of the former key's connection.
            self._routes.pop(worker, None)
        self._enrolment.enrol(worker, public_key)

    def revoke(self, worker: str) -> None:
        """From now on nothing is taken from or sent to this worker, open connection or not."""
        self._enrolment.revoke(worker)
        self._routes.pop(worker, None)

    def drain(self, most: int = DRAIN_MOST) -> list[Received]:
        """Lets in who is enrolled, and returns the workers' messages that are there, at most `most`."""
        self._admission.answer()
        taken: list[Received] = []
        for _ in range(most):
            frames = sockets.receive_frames(self._router)
            if frames is None:
                break
            message = self._check(frames)
            if message is not None:
                taken.append(message)
        return taken

    def send(self, worker: str, payload: bytes) -> bool:
        """Sends on the route that the worker last spoke on. False where there is none or its queue is full."""
        route = self._routes.get(worker)
        sent = self._send(route, payload) if route is not None else False
        if sent is None:
            del self._routes[worker]
        return bool(sent)

    def send_host(self, host: str, route: bytes, payload: bytes) -> bool:
        """Sends to a host on a connection that it spoke on, as long as it has a key that is good. False where it does not arrive."""
        if not self.hosts.knows(host):
            return False
        if not self._host_routes.admits(host, route):
            self.unsent += 1
            return False
        sent = self._send(route, payload)
        if sent is None:
            self._host_routes.gone(host, route)
        return bool(sent)

    def _send(self, route: bytes, payload: bytes) -> bool | None:
        """None where there is no such connection any more."""
        try:
            return sockets.send(self._router, [route, payload])
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return None

    def close(self) -> None:
        if self._binding is not None:
            self._binding.release()
        self._router.close()
        self._admission.close()

    def _bind(self, endpoint: str) -> str:
        try:
            if endpoint.startswith(_IPC):
                self._binding = sockets.bind_path(self._router, Path(endpoint.removeprefix(_IPC)), _ANYBODY)
                return endpoint
            sockets.bind(self._router, endpoint)
        except FactoryError:
            self._admission.close()
            raise
        return self._router.getsockopt_string(zmq.LAST_ENDPOINT)

    def _check(self, frames: list[zmq.Frame]) -> Received | None:
        if len(frames) != 2 or len(frames[1]) > sockets.MAX_ENVELOPE:  # noqa: PLR2004 - routing id and payload
            self.malformed += 1
            return None
        route, payload = frames
        worker, key = _property(payload, "User-Id"), _property(payload, KEY_PROPERTY) or ""
        # Asked again for each message, since taking a key back does not cut its connection. By key and not
        # by name: the name may belong to a new key by now.
        host = self.hosts.host(key)
        if host is not None and worker == self.hosts.worker(key):
            return Received("", payload.bytes, host, key, route.bytes)
        if worker is None or self._enrolment.worker(key) != worker:
            self.refused += 1
            return None
        self._routes[worker] = route.bytes
        return Received(worker, payload.bytes)


def _property(frame: zmq.Frame, name: str) -> str | None:
    try:
        value = frame.get(name)
    except zmq.ZMQError:
        return None
    return value if isinstance(value, str) else None


def _options(heartbeat: float) -> sockets.Options:
    silence_ms = int(heartbeat * _HEARTBEATS_TO_SILENCE * 1000)
    return {
        zmq.CURVE_SERVER: 1,
        zmq.SNDHWM: _OUTGOING,
        # Without this and the domain a missing handler means that every key is let in.
        zmq.ZAP_ENFORCE_DOMAIN: 1,
        zmq.HANDSHAKE_IVL: _HANDSHAKE_MS,
        # A route that is gone is an error instead of silence.
        zmq.ROUTER_MANDATORY: 1,
        # Nobody takes over a living connection by choosing its routing id.
        zmq.ROUTER_HANDOVER: 0,
        zmq.HEARTBEAT_IVL: int(heartbeat * 1000),
        zmq.HEARTBEAT_TIMEOUT: silence_ms,
        zmq.HEARTBEAT_TTL: silence_ms,
        zmq.TCP_KEEPALIVE: 1,
        zmq.IPV6: 1,
        zmq.BACKLOG: _BACKLOG,
    }
