"""Other agents, one entry each: how they are called, and which of their lines tell of tokens, errors and the end.

All but `ralph` were run for a turn against a scripted model; captured output is in tests/data/engines. Their formats change between
versions: a line that is not understood is skipped, and what is understood is only what the program says about itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from worker_agent.engines.ralph import RALPH
from worker_agent.engines.spoken import Entry, Said

Json = Mapping[str, Any]


def _events(meaning: Callable[[str, Json], Said | None]) -> Callable[[bytes], Said | None]:
    """For output with one JSON object a line that names its `type`."""

    def understand(line: bytes) -> Said | None:
        try:
            event = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            return None
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            return None
        return meaning(event["type"], event)

    return understand


def _codex(kind: str, event: Json) -> Said | None:
    match kind:
        case "turn.completed":
            # The cached part of the input is counted in it already.
            usage = _object(event.get("usage"))
            return Said(tokens=_number(usage, "input_tokens") + _number(usage, "output_tokens"), ended=True)
        case "turn.failed":
            return Said(error=_words(_object(event.get("error")).get("message")))
        case "error":
            return Said(error=_words(event.get("message")))
    return None


def _gemini(kind: str, event: Json) -> Said | None:
    match kind:
        case "result":
            tokens = _number(_object(event.get("stats")), "total_tokens")
            if event.get("status") == "success":
                return Said(tokens=tokens, ended=True)
            return Said(tokens=tokens, error=_words(_object(event.get("error")).get("message")))
        case "error" if event.get("severity") != "warning":
            return Said(error=_words(event.get("message")))
    return None


def _opencode(kind: str, event: Json) -> Said | None:
    match kind:
        case "step_finish":
            part = _object(event.get("part"))
            tokens, cache = _object(part.get("tokens")), _object(_object(part.get("tokens")).get("cache"))
            kinds = [(tokens, "input"), (tokens, "output"), (tokens, "reasoning"), (cache, "read"), (cache, "write")]
            return Said(tokens=sum(_number(where, key) for where, key in kinds), ended=part.get("reason") == "stop")
        case "error":
            error = _object(event.get("error"))
            data = _object(error.get("data"))
            status = f"{data['statusCode']} " if isinstance(data.get("statusCode"), int) else ""
            return Said(error=status + _words(data.get("message") or error.get("name")))
    return None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _number(where: Json, key: str) -> int:
    value = where.get(key)
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0


def _words(value: object) -> str:
    return value if isinstance(value, str) and value else "an error without words"


_CODEX = Entry(
    "codex",
    ("codex", "exec", "--json", "--dangerously-bypass-approvals-and-sandbox", "{prompt}"),
    _events(_codex),
    tail=1,
)
_GEMINI = Entry(
    "gemini",
    # Without --skip-trust it asks whether the folder may be trusted, and nobody is there to answer.
    ("gemini", "-o", "stream-json", "--yolo", "--skip-trust", "-p", "{prompt}"),
    _events(_gemini),
    tail=2,
    no_login=41,
)
_OPENCODE = Entry(
    "opencode",
    ("opencode", "run", "--format", "json", "--auto", "{prompt}"),
    _events(_opencode),
    tail=1,
    variables={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
)

TABLE: Mapping[str, Entry] = {entry.name: entry for entry in (RALPH, _CODEX, _GEMINI, _OPENCODE)}
"""By the name before the colon."""
