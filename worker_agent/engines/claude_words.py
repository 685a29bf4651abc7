"""Claude Code's events as lines that a person reads: one line for what was said, called, and came back (pure)."""

from collections.abc import Iterator, Mapping
from typing import Any

from worker_agent.engines.claude_stream import Event, table, tables, text, words_of

_LINE_CHARACTERS = 300
_SUBJECTS = ("file_path", "notebook_path", "command", "pattern", "url", "query", "description", "prompt", "skill")
"""Which input says best what a tool is called for, in the order of asking."""


def lines_of(event: Event) -> Iterator[str]:
    """Nothing for events that tell a person nothing."""
    match event.type, event.subtype:
        case "system", "init":
            yield f"claude {text(event.data.get('claude_code_version'))}, model {text(event.data.get('model'))}"
        case "system", "api_retry":
            data = event.data
            yield f"retry {data.get('attempt')} of {data.get('max_retries')}: {data.get('error')} ({data.get('error_status')})"
        case "assistant", _:
            yield from _said(table(event.data.get("message")))
        case "user", _:
            yield from _came_back(table(event.data.get("message")))
        case "rate_limit_event", _:
            info = table(event.data.get("rate_limit_info"))
            if info.get("status") != "allowed":
                yield f"usage limit {text(info.get('rateLimitType'))}: {text(info.get('status'))}"
        case "result", _:
            data = event.data
            yield f"result: {event.subtype}, {data.get('num_turns')} turns, {data.get('total_cost_usd')} USD"
        case _:
            return


def readable(event: Event) -> str:
    """Each line with its line end and without control characters, which could play with a terminal."""
    return "".join(f"{_plain(line)}\n" for line in lines_of(event))


def said(line: bytes) -> str:
    """A line that is no event: a warning, or the last words of a crash."""
    return f"{_plain(line.decode(errors='replace'))}\n"


def _said(message: Mapping[str, Any]) -> Iterator[str]:
    words = words_of(message)
    if words:
        yield words
    for block in tables(message.get("content")):
        if block.get("type") == "tool_use":
            given = table(block.get("input"))
            subject = next((text(given.get(name)) for name in _SUBJECTS if given.get(name)), "")
            yield f"> {text(block.get('name'))} {subject}"


def _came_back(message: Mapping[str, Any]) -> Iterator[str]:
    for block in tables(message.get("content")):
        if block.get("type") == "tool_result":
            whole = text(block.get("content")) or words_of(block)
            more = whole.count("\n")
            first = whole.partition("\n")[0]
            yield f"  {'failed: ' if block.get('is_error') is True else ''}{first}{f' (+{more} lines)' if more else ''}"


def _plain(line: str) -> str:
    indent = "  " if line.startswith("  ") else ""
    kept = "".join(each if each.isprintable() else " " for each in line[: 4 * _LINE_CHARACTERS])
    folded = indent + " ".join(kept.split())
    return folded if len(folded) <= _LINE_CHARACTERS else folded[: _LINE_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
