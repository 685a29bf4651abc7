"""An engine that is there and does not take a container's inputs is none that is away, for which an item would wait at no cost."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from factory.errors import HostAway, HostUnavailable
from factory.integrations.docker_engine import Engine

_VERSION = b'{"ApiVersion":"1.43","MinAPIVersion":"1.24","Version":"24"}'


class Refuses(BaseHTTPRequestHandler):
    """As a proxy of the engine's socket does that lets nobody attach."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_VERSION)))
        self.end_headers()
        self.wfile.write(_VERSION)

    def do_POST(self) -> None:
        if "/attach" in self.path:
            self.attach()
        else:
            self.send_response(204)
            self.end_headers()

    def attach(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def address_string(self) -> str:
        return "a unix socket"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Not to the terminal."""


class Dies(Refuses):
    """The container has ended before it has read all."""

    def attach(self) -> None:
        self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
        self.wfile.flush()
        self.rfile.read(10)
        self.close_connection = True


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def engine(handler: type[Refuses], folder: Path) -> Iterator[Engine]:
    with Server(str(folder / "s"), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with closing(Engine(f"unix://{folder / 's'}")) as made:
            yield made
        server.shutdown()


@pytest.mark.parametrize("handler", [Refuses, Dies])
def test_one_that_answers_and_does_not_take_the_inputs_is_not_away(tmp_path: Path, handler: type[Refuses]) -> None:
    with engine(handler, tmp_path) as asked, pytest.raises(HostUnavailable) as refused:
        asked.start("c1", bytes(4_000_000))

    assert not isinstance(refused.value, HostAway)
