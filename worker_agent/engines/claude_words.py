"""Claude Code's events as lines that a person reads: one line for what was said and called, some for what came back (pure).

Secrets were hidden in the stream before any of it is cut here: half of one would not be known again.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from worker_agent.engines.claude_stream import Event, table, tables, text, words_of

_LINE_CHARACTERS = 300
_ROW_CHARACTERS = _LINE_CHARACTERS - 2
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_RESULT_LINES = 40
_RESULT_BYTES = 4_096
"""Of what a tool printed: enough to see how it went; all of it is in the worker's transcript."""
_TAB = 4
_SUBJECTS = ("file_path", "notebook_path", "command", "pattern", "url", "query", "description", "prompt", "skill")
"""Which input says best what a tool is called for, in the order of asking."""


def readable(event: Event) -> str:
    """Each line with its line end and without control characters, which could play with a terminal."""
    came_back = _came_back(table(event.data.get("message"))) if event.type == "user" else ()
    return "".join(f"{line}\n" for line in (*map(_plain, _lines_of(event)), *came_back))


def said(line: bytes) -> str:
    """A line that is no event: a warning, or the last words of a crash."""
    return f"{_plain(line.decode(errors='replace'))}\n"


def _lines_of(event: Event) -> Iterator[str]:
    """Nothing for events that tell a person nothing."""
    match event.type, event.subtype:
        case "system", "init":
            yield f"claude {text(event.data.get('claude_code_version'))}, model {text(event.data.get('model'))}"
        case "system", "api_retry":
            data = event.data
            yield f"retry {data.get('attempt')} of {data.get('max_retries')}: {data.get('error')} ({data.get('error_status')})"
        case "assistant", _:
            yield from _said(table(event.data.get("message")))
        case "rate_limit_event", _:
            info = table(event.data.get("rate_limit_info"))
            if info.get("status") != "allowed":
                yield f"usage limit {text(info.get('rateLimitType'))}: {text(info.get('status'))}"
        case "result", _:
            data = event.data
            yield f"result: {event.subtype}, {data.get('num_turns')} turns, {data.get('total_cost_usd')} USD"
        case _:
            return


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
            whole = (text(block.get("content")) or words_of(block)).rstrip("\n")
            yield from _in_short(f"failed: {whole}" if block.get("is_error") is True else whole)


def _in_short(whole: str) -> Iterator[str]:
    """Its first lines, indented, and how much is missing: lines, and characters of those and of long ones."""
    lines, room, missing, told = whole.split("\n", _RESULT_LINES), _RESULT_BYTES, len(whole) + 1, 0
    for line in lines[:_RESULT_LINES]:
        row = _printable(line[:_LINE_CHARACTERS].expandtabs(_TAB)).rstrip()
        is_cut = len(line) > _LINE_CHARACTERS or len(row) > _ROW_CHARACTERS
        shown = f"  {row[: _ROW_CHARACTERS - 1]}{_ELLIPSIS}" if is_cut else f"  {row}"
        room -= len(shown.encode(errors="replace")) + 1
        if room < 0:
            break
        yield shown
        told += 1
        missing -= _ROW_CHARACTERS if is_cut else len(line) + 1
    left = whole.count("\n") + 1 - told
    if missing > 0:
        yield f"  (+{f'{left:,} lines, ' if left else ''}{missing:,} characters)"


def _plain(line: str) -> str:
    folded = " ".join(_printable(line[: 4 * _LINE_CHARACTERS]).split())
    return folded if len(folded) <= _LINE_CHARACTERS else folded[: _LINE_CHARACTERS - 1] + _ELLIPSIS


def _printable(line: str) -> str:
    return "".join(each if each.isprintable() else " " for each in line)
