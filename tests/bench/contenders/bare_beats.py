"""Beats without a factory: a bare socket with CURVE, `pull` drained on a tick of 20 ms or `router` that answers each at once."""

import sys
import threading

import zmq

from factory.protocol.codec import Decoder
from factory.protocol.worker import Envelope
from factory.transport import sockets
from factory.transport.curve import KeyPair
from factory.transport.loop import Loop
from tests.bench.contenders.tally import Asked, Tally, say

TICK_SECONDS = 0.02


class _Bare:
    def __init__(self, kind: int) -> None:
        keys = KeyPair.generate()
        self.socket = sockets.open_socket(kind, {zmq.CURVE_SERVER: 1, zmq.RCVHWM: 10_000, zmq.BACKLOG: 512})
        self.socket.curve_secretkey = keys.secret.encode()
        self.socket.bind("tcp://127.0.0.1:*")
        self.told = {"endpoint": self.socket.getsockopt_string(zmq.LAST_ENDPOINT), "key": keys.public}
        self.tally = Tally()
        self._decode: Decoder[Envelope] = Decoder(Envelope)
        self._epochs: dict[str, int] = {}

    def pollable(self) -> sockets.Socket:
        return self.socket

    def drain(self) -> None:
        while (frames := sockets.receive(self.socket)) is not None:
            beat = self._decode(frames[-1])
            # The least that counts as processed: known, fenced, noted.
            if self._epochs.setdefault(beat.item, beat.epoch) == beat.epoch:
                self.tally.take(beat)
            if len(frames) > 1:
                sockets.send(self.socket, frames)


def main(kind: str) -> None:
    bare, asked, loop, pause = _Bare(zmq.PULL if kind == "pull" else zmq.ROUTER), Asked(), Loop(), threading.Event()
    say(bare.told)
    loop.add(asked)
    if kind == "router":
        loop.add(bare)
    while True:
        if kind == "pull":
            pause.wait(TICK_SECONDS)
            bare.drain()
        for source in loop.wait(0.0 if kind == "pull" else None):
            if source is asked:
                bare.tally.answer()
            else:
                bare.drain()


if __name__ == "__main__":
    main(sys.argv[1])
