"""Somebody between a worker and the gateway who keeps what passes, and says it again."""

import socket
import threading
from contextlib import suppress


class Recorder:
    """Hands on the bytes of one connection at a time, from its making until `close`.

    Attributes:
        said, heard: what came from the client and from the target, in pieces.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.said: list[bytes] = []
        self.heard: list[bytes] = []
        self._far: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def say_again(self) -> None:
        """The last piece that the client said, on the same connection."""
        assert self._far is not None
        self._far.sendall(self.said[-1])

    def close(self) -> None:
        # An accept that waits is not ended by closing alone.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                with near, socket.create_connection(self._target) as far:
                    self._far = far
                    back = threading.Thread(target=_pour, args=(far, near, self.heard), daemon=True)
                    back.start()
                    _pour(near, far, self.said)
                    back.join(10)


def _pour(source: socket.socket, sink: socket.socket, kept: list[bytes]) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            kept.append(piece)
            sink.sendall(piece)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
