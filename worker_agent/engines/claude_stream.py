"""Claude Code's output, one JSON object a line, read into what is worth knowing of it (pure: no clock, no files).

Key order, new fields and new types change from version to version: only what is named here is looked at, and a line that is
no object is skipped. Results of tools (type `user`) are untrusted text and decide nothing, whatever they look like.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

MAX_LINE_BYTES = 16 * 1024 * 1024
"""A line holds a whole file that was written or read; what is longer is skipped up to its end."""

_MOST = 10**12
"""More tokens than any run has; a larger number would not fit into the messages that carry the sum."""

_SYNTHETIC = "<synthetic>"
"""The model's name in messages that the program itself wrote, for instance about an error."""

LastEvent = Literal["", "tool_result", "result", "other"]


@dataclass(frozen=True, slots=True)
class Event:
    """A line. `data` is all of it; nothing in it is known to be of the type that it should have."""

    type: str
    subtype: str
    data: Mapping[str, Any]


class Lines:
    """Cuts a stream into lines, however its pieces are cut."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._keep(piece)
            if not self._skipping and self._rest:
                yield bytes(self._rest)
            self._rest.clear()
            self._skipping = False
        self._keep(rest)

    def end(self) -> Iterator[bytes]:
        """The last line, where its line end is missing."""
        yield from self.feed(b"\n")

    def _keep(self, piece: bytes) -> None:
        if len(self._rest) + len(piece) > self._limit:
            self._skipping = True
            self._rest.clear()
        elif not self._skipping:
            self._rest += piece


def parse(line: bytes) -> Event | None:
    """The event of a line, None where it is none."""
    try:
        data = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        return None
    return Event(data["type"], text(data.get("subtype")), data)


@dataclass(frozen=True, slots=True)
class Limit:
    """A usage limit that is shut. `resets_at`: seconds since 1970, None where nobody said."""

    kind: str
    resets_at: float | None


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the program itself says of a failed call of the model: its code, and the words for people."""

    error: str = ""
    words: str = ""
    status: int | None = None
    api_error: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The last line of a run. Costs in US dollars; `tokens` without those read from the cache."""

    subtype: str
    is_error: bool
    terminal_reason: str
    status: int | None
    words: str
    turns: int
    cost: float
    tokens: int
    cached_tokens: int
    denied: Mapping[str, str]


@dataclass(slots=True)
class Story:
    """What a run has told so far.

    Attributes:
        signs: events that show life; a retry is none.
        last: what the last sign was.
        retried: the code of the last retry, empty once the model has answered after it.
        refused_by_hook: calls of tools that a hook denied, which an agent has to live with.
    """

    version: str = ""
    model: str = ""
    signs: int = 0
    last: LastEvent = ""
    retried: str = ""
    limit: Limit | None = None
    complaint: Complaint | None = None
    result: Result | None = None
    refused_by_hook: set[str] = field(default_factory=set)
    _seen: dict[str, int] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Those of the result; before it those of each message, which comes in several events with the same usage."""
        return max(self.result.tokens if self.result else 0, sum(self._seen.values()))

    def hear(self, event: Event) -> None:
        match event.type, event.subtype:
            case "system", "api_retry":
                self.retried = text(event.data.get("error")) or "unknown"
                return
            case "system", "init":
                self.version = text(event.data.get("claude_code_version"))
                self.model = text(event.data.get("model"))
            case "assistant", _:
                self._hear_assistant(event.data)
            case "user", _:
                self.last = "tool_result"
                self._hear_decisions(event.data)
            case "rate_limit_event", _:
                self._hear_limit(table(event.data.get("rate_limit_info")))
            case "result", _:
                self.result = _result(event)
                self.last = "result"
            case "stream_event", _:
                self.last = "other"
            case _:
                pass
        self.signs += 1

    def _hear_assistant(self, data: Mapping[str, Any]) -> None:
        self.last = "other"
        message = table(data.get("message"))
        if text(message.get("model")) == _SYNTHETIC or data.get("is_api_error_message") is True:
            code = _number(data.get("api_error_status"))
            self.complaint = Complaint(text(data.get("error")), words_of(message), code, text(data.get("api_error")))
            return
        # The model answers: whatever was shut before is open.
        self.complaint, self.limit, self.retried = None, None, ""
        self._seen[text(message.get("id"))] = _tokens(table(message.get("usage")))

    def _hear_limit(self, info: Mapping[str, Any]) -> None:
        if text(info.get("status")) != "rejected" or info.get("isUsingOverage") is True:
            self.limit = None
            return
        resets_at = info.get("resetsAt")
        self.limit = Limit(text(info.get("rateLimitType")), float(resets_at) if isinstance(resets_at, int | float) else None)

    def _hear_decisions(self, data: Mapping[str, Any]) -> None:
        """What the program itself notes beside the results of tools; the results are not looked at."""
        for entry in tables(data.get("tool_result_meta")):
            if text(table(entry.get("permission_decision")).get("source")) == "hook":
                self.refused_by_hook.add(text(entry.get("id")))


def _result(event: Event) -> Result:
    data = event.data
    used = _used(data)
    denied = {text(each.get("tool_use_id")): text(each.get("tool_name")) for each in tables(data.get("permission_denials"))}
    errors = data.get("errors")
    words = text(data.get("result")) or "; ".join(each for each in (errors if isinstance(errors, list) else ()) if isinstance(each, str))
    cost = data.get("total_cost_usd")
    return Result(
        subtype=event.subtype,
        is_error=data.get("is_error") is not False,
        terminal_reason=text(data.get("terminal_reason")),
        status=_number(data.get("api_error_status")),
        words=words,
        turns=_number(data.get("num_turns")) or 0,
        cost=float(cost) if isinstance(cost, int | float) else 0.0,
        tokens=used[0],
        cached_tokens=used[1],
        denied=denied,
    )


def _used(data: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens, and those from the cache. Per model where it is told: `usage` leaves out subagents and some ends."""
    since = table(data.get("model_usage_since_last_result"))
    models = [table(each) for each in (since or table(data.get("modelUsage"))).values()]
    if not models:
        usage = table(data.get("usage"))
        return _tokens(usage), _number(usage.get("cache_read_input_tokens")) or 0
    names = ("inputTokens", "outputTokens", "cacheCreationInputTokens")
    return _sum(models, *names), _sum(models, "cacheReadInputTokens")


def _tokens(usage: Mapping[str, Any]) -> int:
    # What is read from the cache is the same text again with each turn, at a tenth of the price: it is told apart.
    return _sum([usage], "input_tokens", "output_tokens", "cache_creation_input_tokens")


def _sum(tables: list[Mapping[str, Any]], *names: str) -> int:
    return sum(_number(each.get(name)) or 0 for each in tables for name in names)


def words_of(message: Mapping[str, Any]) -> str:
    """The text in a message."""
    return "\n".join(text(block.get("text")) for block in tables(message.get("content")) if block.get("type") == "text")


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def tables(value: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def _number(value: object) -> int | None:
    return min(max(0, value), _MOST) if isinstance(value, int) and not isinstance(value, bool) else None
