"""A stand-in for a model behind Anthropic's Messages API, on loopback only: what it says is given as data.

It drives the real Claude Code without an account and without the internet, for the demo and for the tests.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

_MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""A whole conversation travels with each request; nobody but a test's own client sends more."""
_SOCKET_SECONDS = 120
_PIECE_CHARACTERS = 4096
"""In which a text is streamed: small enough to come in several pieces, large enough that a megabyte stays quick."""


@dataclass(frozen=True, slots=True)
class Use:
    """A call of one of the agent's tools."""

    tool: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """An answer: text, then calls. `cut` drops the connection before its end; `held` is waited for before it begins."""

    text: str = ""
    uses: tuple[Use, ...] = ()
    tokens: tuple[int, int] = (100, 50)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    held: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """An error in the place of an answer, as the API words it."""

    status: int
    kind: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `turns` is how many answers its conversation has already; `session` is the same for all of one run of the agent."""

    session: str
    turns: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def is_aside(self) -> bool:
        """Without tools: a title or a summary, nothing of the work."""
        return not self.body.get("tools")


Answerer = Callable[[Asked], Say | Refuse]


class ModelServer(ThreadingHTTPServer):
    """Serves what `answer` says on a free port, or the given one. `url` is what ANTHROPIC_BASE_URL takes."""

    daemon_threads = True

    def __init__(self, answer: Answerer, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that were killed hang up in the middle; that is what they are killed for."""


@contextmanager
def serving(answer: Answerer, port: int = 0) -> Iterator[ModelServer]:
    """A running server; the block's end stops it."""
    with ModelServer(answer, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="model", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()


def text_of(content: Any) -> str:  # noqa: ANN401 - a text or nested blocks, as the API has it
    if isinstance(content, str):
        return content
    parts = (block.get("text") or text_of(block.get("content") or "") for block in content)
    return "\n".join(part for part in parts if part)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SOCKET_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nobody reads it."""

    def do_HEAD(self) -> None:
        self._send_json(200, {})

    def do_GET(self) -> None:
        self._send_json(404, _error("not_found_error", self.path))

    def do_POST(self) -> None:
        length = min(int(self.headers.get("content-length") or 0), _MAX_REQUEST_BYTES)
        raw = self.rfile.read(length)
        match self.path.partition("?")[0]:
            case "/v1/messages":
                self._answer(json.loads(raw))
            case "/v1/messages/count_tokens":
                self._send_json(200, {"input_tokens": max(1, length // 4)})
            case _:
                self._send_json(404, _error("not_found_error", self.path))

    def _answer(self, body: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        session = headers.get("x-claude-code-session-id", "")
        turns = sum(message["role"] == "assistant" for message in body["messages"])
        reply = cast("ModelServer", self.server).answer(Asked(session, turns, body, headers))
        if isinstance(reply, Refuse):
            self._send_json(reply.status, _error(reply.kind, reply.message), reply.headers)
            return
        if reply.held is not None:
            reply.held.wait(_SOCKET_SECONDS)
        message = _message(reply, str(body.get("model")))
        if body.get("stream"):
            self._stream(message, reply)
        else:
            self._send_json(200, message, reply.headers)

    def _send_json(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self._head(status, {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _stream(self, message: dict[str, Any], reply: Say) -> None:
        self._head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **reply.headers})
        for name, data in _events(message):
            if reply.cut and name == "message_delta":
                self.close_connection = True
                return
            self._chunk(f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode())
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _message(reply: Say, model: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [{"type": "tool_use", "id": f"toolu_{secrets.token_hex(11)}", "name": use.tool, "input": use.input} for use in reply.uses]
    used, written = reply.tokens
    return {
        "id": f"msg_{secrets.token_hex(11)}", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": "tool_use" if reply.uses else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": used, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": written},
    }  # fmt: skip


def _events(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "message_start", {"message": {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}}
    for index, block in enumerate(message["content"]):
        yield from ((name, {"index": index, **data}) for name, data in _block_events(block))
    yield "message_delta", {"delta": {"stop_reason": message["stop_reason"], "stop_sequence": None}, "usage": message["usage"]}
    yield "message_stop", {}


def _block_events(block: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if block["type"] == "text":
        empty, kind, key, whole = {**block, "text": ""}, "text_delta", "text", block["text"]
    else:
        empty, kind, key, whole = {**block, "input": {}}, "input_json_delta", "partial_json", json.dumps(block["input"])
    yield "content_block_start", {"content_block": empty}
    for start in range(0, len(whole), _PIECE_CHARACTERS):
        yield "content_block_delta", {"delta": {"type": kind, key: whole[start : start + _PIECE_CHARACTERS]}}
    yield "content_block_stop", {}
