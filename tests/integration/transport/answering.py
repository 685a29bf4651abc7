"""A thread that serves one end of a link, so that the test can wait at the other."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from factory.transport.loop import Loop, Source

_LOOK_SECONDS = 0.02
_JOIN_SECONDS = 60


@contextmanager
def answering(source: Source, serve: Callable[[], object]) -> Iterator[None]:
    """Calls `serve` whenever the source has work. The socket belongs to the thread until the block ends."""
    stop = threading.Event()

    def run() -> None:
        loop = Loop()
        loop.add(source)
        while not stop.is_set():
            if loop.wait(_LOOK_SECONDS):
                serve()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_JOIN_SECONDS)
