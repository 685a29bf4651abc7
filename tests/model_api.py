"""A model's API on loopback that answers what a test says, one answer for each request."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `held` is waited for before it is sent; `cut` closes the connection instead."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    held: threading.Event | None = None
    cut: bool = False


def message(text: str, *, stop: str = "end_turn", tokens: tuple[int, int] = (1_200, 340)) -> Reply:
    """A message of the model's."""
    usage = {"input_tokens": tokens[0], "output_tokens": tokens[1], "cache_read_input_tokens": 7}
    content = [{"type": "text", "text": text}] if text else []
    given = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": stop,
             "stop_sequence": None, "usage": usage}  # fmt: skip
    return Reply(body=json.dumps(given).encode())


def failure(status: int, said: str = "not now", **headers: str) -> Reply:
    """An error in the API's own form."""
    error = {"type": "error", "error": {"type": "some_error", "message": said}}
    return Reply(status, json.dumps(error).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


class ModelApi(ThreadingHTTPServer):
    """`requests` holds what was asked: path, headers in lower case, and the body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Reply] = []
        self.requests: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that waits no longer hangs up."""


@contextmanager
def model_api() -> Iterator[ModelApi]:
    with ModelApi() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nobody reads it."""

    def do_POST(self) -> None:
        server = cast("ModelApi", self.server)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        reply = server.replies.pop(0)
        if reply.held is not None:
            reply.held.wait(60)
        if reply.cut:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", "content-length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
