"""How long beats took from being sent to being processed, for programs that are asked line by line."""

import json
import sys
import time

from factory.protocol.worker import Envelope, Ping

_MILLION = 1_000_000


def stamped(worker: str, number: int) -> Envelope:
    """A beat that says when it was sent, on the clock that all processes of a machine share."""
    return Envelope(worker, 1, Ping("running", progress=int(time.monotonic() * _MILLION)), number, "sid")


class Tally:
    """Of the beats since it was last told to forget."""

    def __init__(self) -> None:
        self._spans: list[float] = []

    def take(self, beat: Envelope) -> None:
        assert isinstance(beat.body, Ping)
        self._spans.append(time.monotonic() - beat.body.progress / _MILLION)

    def answer(self) -> None:
        """To the line on the standard input, `"forget"` or `"tell"`: how many, and the 99th of a hundred in milliseconds."""
        if json.loads(sys.stdin.readline()) == "forget":
            self._spans.clear()
        spans = sorted(self._spans)
        say({"count": len(spans), "p99": spans[len(spans) * 99 // 100] * 1000 if spans else 0.0})


class Asked:
    """The standard input as a source."""

    def pollable(self) -> int:
        return sys.stdin.fileno()


def say(what: object) -> None:
    print(json.dumps(what), flush=True)
