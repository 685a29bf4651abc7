"""What a worker asks of the model, as far as it is ruled here: which model, how long an answer, and what the provider would open for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

MAX_OBJECTS = 200_000
"""In one call: a body of the provider's largest size could hold so many that reading them would take a gigabyte."""
_REMOTE_TOOLS = ("web_fetch", "mcp")
"""Beginnings of tools with which the provider itself would open addresses that the agent chose."""
_NONE = (b"null", b"[]")


class _Tool(msgspec.Struct):
    type: str = ""


class _Part(msgspec.Struct):
    """A message, a block of one, or a block's source. Only what can hold a source is read; a tool's input is nobody's."""

    type: str = ""
    source: "_Part | str | None" = None
    content: "list[_Part] | _Part | str | None" = None


class _Body(msgspec.Struct):
    model: str = ""
    max_tokens: int = 0
    messages: list[_Part] = []
    tools: list[_Tool] | None = None
    mcp_servers: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Asked:
    """What matters of a call. `opens`: the provider would open addresses that the agent chose."""

    model: str = ""
    max_tokens: int = 0
    opens: bool = False


def read_call(body: bytes) -> Asked | None:
    """None for what is no JSON object of the Messages API, or no sensible one."""
    if body.count(b"{") > MAX_OBJECTS:
        return None
    try:
        told = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, RecursionError):
        return None
    remote = any(tool.type.startswith(_REMOTE_TOOLS) for tool in told.tools or ())
    opens = remote or bytes(told.mcp_servers).strip() not in _NONE or any(part.type == "url" for part in _sources(told.messages))
    return Asked(told.model, told.max_tokens, opens)


def _sources(parts: Iterable[_Part]) -> Iterator[_Part]:
    """All of them, at any depth."""
    left = list(parts)
    while left:
        part = left.pop()
        if isinstance(part.source, _Part):
            yield part.source
            left.append(part.source)
        if isinstance(part.content, _Part):
            left.append(part.content)
        elif isinstance(part.content, list):
            left.extend(part.content)
