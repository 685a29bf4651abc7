"""Simulated workers, each with a connection and a key of its own. Lines on the standard input say what they do.

First {"endpoint", "key", "pull", "workers": {name: [public, secret]}}, answered when all are connected; then any number of
{"beats": a second and worker, "seconds"} or {"window": unanswered messages of a worker, "seconds"}.
"""

import json
import resource
import sys
import threading
import time
from typing import Any

import zmq

from factory.protocol.codec import encode
from factory.transport import sockets
from tests.bench.contenders.tally import say, stamped

_CONNECT_SECONDS = 60.0


class Crowd:
    """All of them."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._names, self._sockets = [name.partition("-")[0] for name in told["workers"]], list[sockets.Socket]()
        self._number = 0
        for public, secret in told["workers"].values():
            socket = sockets.open_socket(zmq.PUSH if told["pull"] else zmq.DEALER, {zmq.IMMEDIATE: 1})
            socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = public.encode(), secret.encode(), told["key"].encode()
            socket.connect(told["endpoint"])
            self._sockets.append(socket)
        self._answers = not told["pull"]
        deadline = time.monotonic() + _CONNECT_SECONDS
        for socket in self._sockets:
            assert socket.poll(max(int((deadline - time.monotonic()) * 1000), 0), zmq.POLLOUT), "not all of them are let in"

    def beat(self, rate: float, seconds: float) -> dict[str, float]:
        """All of them evenly, one after the other."""
        pause, began, sent = threading.Event(), time.monotonic(), 0
        for number in range(int(len(self._sockets) * rate * seconds)):
            left = began + number / (len(self._sockets) * rate) - time.monotonic()
            if left > 0:
                pause.wait(left)
            at = number % len(self._sockets)
            while self._answers and sockets.receive(self._sockets[at]) is not None:
                pass
            sent += self._say(at)
        return {"count": sent, "seconds": time.monotonic() - began}

    def flood(self, window: int, seconds: float) -> dict[str, float]:
        """Each says the next when it has an answer."""
        poller, indices, answered = zmq.Poller(), {socket: at for at, socket in enumerate(self._sockets)}, 0
        for at, socket in enumerate(self._sockets):
            while sockets.receive(socket) is not None:
                pass
            poller.register(socket, zmq.POLLIN)
            for _ in range(window):
                self._say(at)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for socket, _ in poller.poll(100):
                while sockets.receive(socket) is not None:
                    answered += 1
                    self._say(indices[socket])
        return {"count": answered, "seconds": time.monotonic() - began}

    def _say(self, at: int) -> bool:
        self._number += 1
        return sockets.send(self._sockets[at], [encode(stamped(self._names[at], self._number))])


def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    crowd = Crowd(json.loads(sys.stdin.readline()))
    say({})
    for line in sys.stdin:
        order = json.loads(line)
        say(crowd.flood(order["window"], order["seconds"]) if "window" in order else crowd.beat(order["beats"], order["seconds"]))


if __name__ == "__main__":
    main()
