"""What an engine may answer that is no answer."""

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from factory.integrations.docker_engine import Engine
from tests.databases import short_folder


class Dying(BaseHTTPRequestHandler):
    """An engine whose containers end while it is asked what they use: it says that all is well, and then nothing."""

    def do_GET(self) -> None:
        body = b'{"ApiVersion": "1.41"}' if self.path.endswith("/version") else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A unix socket's peer has no address to tell."""


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def engine() -> Iterator[Engine]:
    with short_folder() as folder, _Server(str(path := Path(folder) / "engine.sock"), Dying) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        asked = Engine(f"unix://{path}")
        yield asked
        asked.close()
        server.shutdown()
        thread.join(10)


def test_of_a_container_that_ends_while_it_is_asked_nothing_is_known_and_the_engine_is_not_blamed(engine: Engine) -> None:
    assert engine.stats("worker") is None
