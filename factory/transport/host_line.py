"""A host's end of its way to the factory: one connection under its key. For one thread."""

import math
import time
from dataclasses import dataclass

import zmq

from factory.transport import sockets
from factory.transport.curve import KeyPair

_OPTIONS: sockets.Options = {
    **sockets.AGENT,
    zmq.LINGER: 0,
    # Beats of the transport too: a factory that went away without a word is noticed although nothing is sent.
    zmq.HEARTBEAT_IVL: 5_000,
    zmq.HEARTBEAT_TIMEOUT: 15_000,
    zmq.IPV6: 1,
}


@dataclass(frozen=True, slots=True)
class Door:
    """Where a factory is, and its public key (Z85): whoever answers there with another key is not it."""

    endpoint: str
    server_key: str


class HostLine:
    """Connects at once, and again by itself, at distances that are drawn at random."""

    def __init__(self, door: Door, keys: KeyPair, longest_wait_ms: int = 5_000) -> None:
        self._door, self._keys = door, keys
        self._options = {**_OPTIONS, zmq.RECONNECT_IVL_MAX: max(longest_wait_ms, sockets.AGENT[zmq.RECONNECT_IVL])}
        self._socket = self._connect()

    def pollable(self) -> sockets.Socket:
        return self._socket

    def send(self, frame: bytes) -> bool:
        """False while nobody is connected or too much is on its way."""
        return sockets.send(self._socket, [frame])

    def receive(self) -> bytes | None:
        frames = sockets.receive(self._socket)
        return None if frames is None else b"".join(frames)

    def renew(self, keys: KeyPair | None = None) -> None:
        """A new connection, under another key where one is given. What the old one held is dropped."""
        self._socket.close(linger=0)
        self._keys = keys or self._keys
        self._socket = self._connect()

    def close(self) -> None:
        self._socket.close(linger=0)

    def _connect(self) -> sockets.Socket:
        socket = sockets.open_socket(zmq.DEALER, self._options)
        socket.curve_publickey, socket.curve_secretkey = self._keys.public.encode(), self._keys.secret.encode()
        socket.curve_serverkey = self._door.server_key.encode()
        socket.connect(self._door.endpoint)
        return socket


def poll(lines: list[HostLine], waking: int, seconds: float) -> None:
    """Waits until one of the lines or the descriptor can be read."""
    poller = zmq.Poller()
    poller.register(waking, zmq.POLLIN)
    for line in lines:
        poller.register(line.pollable(), zmq.POLLIN)
    poller.poll(max(int(seconds * 1000), 1))


def ask_once(door: Door, keys: KeyPair, payload: bytes, timeout: float) -> bytes | None:
    """One question over a connection of its own; None where no answer came within `timeout` seconds."""
    line = HostLine(door, keys)
    socket = line.pollable()
    # The real clock: what is waited for is a socket, and no clock can be injected into that.
    deadline = time.monotonic() + timeout
    try:
        while (left := deadline - time.monotonic()) > 0:
            if socket.poll(math.ceil(left * 1000), zmq.POLLOUT) and line.send(payload):
                break
        left = max(deadline - time.monotonic(), 0.0)
        return line.receive() if socket.poll(math.ceil(left * 1000), zmq.POLLIN) else None
    finally:
        line.close()
