"""How many tokens an answer of the model's API took, read while it passes (pure): one JSON document, or a stream of events.

What a caller hangs up on before its end was made and is charged all the same, and the number of its tokens stands at the end:
those that were seen are then estimated by their length.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from factory.domain.model_prices import Tokens

MAX_KEPT = 8 * 1024 * 1024
"""Bytes of a document, or of a line of a stream, that are kept to be read; a longer one is estimated."""

BYTES_A_TOKEN = 3
"""On the careful side: English has about four, code and other scripts fewer."""

_MOST = 2**40
_DATA = b"data:"


class UsageReader:
    """Reads one answer."""

    def __init__(self, content_type: str) -> None:
        self._streams = content_type.partition(";")[0].strip().lower() == "text/event-stream"
        self._rest = bytearray()
        self._overlong = False
        self._usage: dict[str, Any] = {}
        self._heard = 0
        self._told = 0
        self._is_final = False
        self._model = ""

    @property
    def is_counted(self) -> bool:
        """Whether what was read so far tells what the answer costs, at least the question: a document tells it at its end alone."""
        return self._streams and bool(self._usage)

    def feed(self, data: bytes) -> None:
        """The body's next piece, of any size."""
        self._heard += len(data)
        self._rest += data
        if self._streams:
            *lines, rest = self._rest.split(b"\n")
            self._rest = rest
            for line in lines:
                self._read_line(bytes(line).strip())
        if len(self._rest) > MAX_KEPT:
            self._overlong = True
            self._rest.clear()

    def result(self) -> tuple[str, Tokens]:
        """The model that it names, and what is known of its tokens by now; all of it once the body has ended."""
        tokens = self._tokens()
        return self._model, tokens

    def _tokens(self) -> Tokens:
        if not self._streams and not self._overlong:
            self._take(_parsed(bytes(self._rest)))
            self._is_final = bool(self._usage)
        estimated = (self._told if self._usage else self._heard) // BYTES_A_TOKEN
        tokens = tokens_of(self._usage)
        return tokens if self._is_final else replace(tokens, output=max(tokens.output, estimated))

    def _read_line(self, line: bytes) -> None:
        if not line.startswith(_DATA):
            return
        event = _parsed(line.removeprefix(_DATA))
        match event.get("type"):
            case "message_start":
                self._take(_object(event.get("message")))
            case "content_block_delta":
                # Text, thinking or a tool's input; the names around it are not the model's.
                self._told += sum(
                    len(text) for name, text in _object(event.get("delta")).items() if name != "type" and isinstance(text, str)
                )
            case "message_delta":
                self._is_final = True
                self._take(event)

    def _take(self, message: Mapping[str, Any]) -> None:
        model, usage = message.get("model"), message.get("usage")
        self._model = model if isinstance(model, str) else self._model
        # A later one has what it knows better; none takes anything back.
        self._usage |= {name: value for name, value in usage.items() if value is not None} if isinstance(usage, dict) else {}


def tokens_of(usage: Mapping[str, Any]) -> Tokens:
    """What the API says in `usage` of an answer; what it does not say is 0."""
    by_age = usage.get("cache_creation")
    long = _count(by_age, "ephemeral_1h_input_tokens") if isinstance(by_age, dict) else 0
    written = _count(usage, "cache_creation_input_tokens")
    tools = usage.get("server_tool_use")
    searches = _count(tools, "web_search_requests") if isinstance(tools, dict) else 0
    return Tokens(
        _count(usage, "input_tokens"), _count(usage, "output_tokens"), _count(usage, "cache_read_input_tokens"),
        max(written - long, 0), long, searches, fast=usage.get("speed") == "fast", in_us=usage.get("inference_geo") == "us",
    )  # fmt: skip


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        return _object(json.loads(data))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return min(max(value, 0), _MOST) if isinstance(value, int) and not isinstance(value, bool) else 0
