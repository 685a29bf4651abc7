"""A Docker engine that takes its time: a socket in front of the real one, which holds back each answer to some requests."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_CHUNK = 65_536
_POST = re.compile(rb"^POST (\S+)", re.MULTILINE)


class SlowEngine:
    """Attributes: held: how many requests were held back.

    Args:
        which: paths of POST requests that are held back, as an expression that is searched for.
        wait: called before each of those reaches the engine, on a thread of its own.
    """

    def __init__(self, place: Path, engine: str, which: str, wait: Callable[[], object]) -> None:
        self.address, self.held = f"unix://{place}", 0
        self._place, self._engine, self._which, self._wait = place, engine.removeprefix("unix://"), re.compile(which.encode()), wait
        self._listening = socket.socket(socket.AF_UNIX)
        self._open: list[socket.socket] = []

    @contextmanager
    def serving(self) -> Iterator["SlowEngine"]:
        self._listening.bind(str(self._place))
        self._listening.listen(64)
        threads = [threading.Thread(target=self._accept, daemon=True)]
        threads[0].start()
        try:
            yield self
        finally:
            for each in (self._listening, *self._open):
                _shut(each)
            threads[0].join(60)
            self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return  # it was shut
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._engine)
            self._open += [near, far]
            threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        # Only this end is closed: the other thread still reads from the other.
        with closing(source):
            try:
                while piece := source.recv(_CHUNK):
                    if asks and any(self._which.search(path) for path in _POST.findall(piece)):
                        self.held += 1
                        self._wait()
                    target.sendall(piece)
            except OSError:
                pass  # one of the two has gone, which the next line tells the other
            _shut(target)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is shut already
