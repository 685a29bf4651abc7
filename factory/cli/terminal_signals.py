"""Signals to a program that has the terminal's screen: the terminal is given back before the program ends."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ASKING = (signal.SIGINT, signal.SIGTERM)
"""Not SIGHUP: by then there is no terminal that could be given back."""


@contextmanager
def closed_by_signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Signals that ask to stop call `stop` with their number. Those that were ignored at the start, as below `nohup`, stay so."""

    def asked(number: int, _: object) -> None:
        stop(number)

    before = {each: signal.signal(each, asked) for each in _ASKING if signal.getsignal(each) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for each, handler in before.items():
            _ = signal.signal(each, handler)


def die_of(number: int) -> None:
    """Ends the process by the signal itself, so that whoever started it sees by what it ended."""
    _ = signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
