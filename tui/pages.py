"""What the tabs of a detail show, as lines: gates, timeline, fields. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from factory.domain.timeline import in_words, kind_of
from tui.columns import show_age, show_bytes, show_count
from tui.page import Line, fields, paragraphs, shown, wrapped
from tui.states import Tone

Row = Mapping[str, Any]

_DAY_SECONDS = 86_400
_KIND_TONES: Mapping[str, Tone] = {
    "gate": "busy", "operator": "warn", "pull_request": "good", "note": "warn", "lock": "dim", "iteration": "dim",
}  # fmt: skip
_KIND_WIDTH = 12
_WIDE = 60
"""Columns from which on the kind of an event has a column of its own."""


def time_of(at: object, now: float = 0.0) -> str:
    """A time of day, UTC, with its date where it is not within the last day before `now`."""
    try:
        moment = datetime.fromtimestamp(float(str(at)), UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    near = 0 <= now - moment.timestamp() < _DAY_SECONDS
    return moment.strftime("%H:%M:%S" if near else "%m-%d %H:%M:%S")


def gates(rows: Sequence[Row], size: int, now: float) -> list[Line]:
    """How each gate went in the verification of each attempt, the latest first, with the end of what it printed."""
    lines: list[Line] = []
    for row in reversed(rows):
        passed = bool(row.get("passed"))
        code = "" if passed or row.get("code") is None else f"   exit {row['code']}"
        wanted = "" if row.get("required", True) else "   not required"
        took = show_age(float(row.get("seconds") or 0))
        head = f"{'✔ passed' if passed else '✖ failed'}   {shown(row.get('name'))}   attempt {row.get('epoch')}   {took}{code}{wanted}"
        lines.extend(Line(part, "good" if passed else "bad") for part in wrapped(f"{head}   {time_of(row.get('at'), now)}", size, "  "))
        if printed := str(row.get("output") or "").rstrip():
            lines.extend(paragraphs(printed, size, "dim" if passed else "", "    "))
        lines.append(Line(""))
    return lines[:-1]


def timeline(rows: Iterable[Row], size: int, now: float) -> list[Line]:
    """What happened to an item, oldest first, each with its attempt."""
    return [line for row in rows for line in _moment(row, size, now)]


def _moment(row: Row, size: int, now: float) -> Iterator[Line]:
    type_, data = str(row.get("type") or ""), row.get("data") if isinstance(row.get("data"), dict) else {}
    kind = str(row.get("kind") or kind_of(type_, data or {}))
    words = shown(row["text"] if "text" in row else in_words(type_, data or {}))
    attempt = f"#{row['epoch']}" if row.get("epoch") else ""
    name = f"{kind:<{_KIND_WIDTH}} " if size >= _WIDE else ""
    start = f"{time_of(row.get('at'), now)} {attempt:<3} {name}"
    bad = type_.endswith((".FAILED", ".EXPIRED", ".REFUSED", ".REJECTED", ".STALLED"))
    tone: Tone = "bad" if bad else _KIND_TONES.get(kind, "")
    return (Line(part, tone) for part in wrapped(start + words, size, " " * min(len(start), size // 2)))


def about_item(data: Row, size: int, now: float) -> list[Line]:
    """The answer to an `item` query: the item, its pull request, its attempts, what was found, its spec."""
    row: Row = data.get("item") or {}
    pull: Row = data.get("pull_request") or {}
    plain = (
        "id", "title", "status", "reason", "condition", "repo", "base_branch", "branch", "engine", "priority", "source", "holder", "epoch",
        "version", "iterations", "max_iterations", "commits",
    )  # fmt: skip
    told: list[tuple[str, object]] = [(name.replace("_", " "), row.get(name)) for name in plain]
    told += [("needs", ", ".join(row.get("needs") or ()))]
    told += [("tokens", show_count(row.get("tokens"))), ("held against it", f"{row.get('attempts')} of {data.get('max_attempts')}")]
    told += [(name.removesuffix("_at"), time_of(row[name], now)) for name in ("created_at", "started_at", "completed_at") if row.get(name)]
    told += [("pull request", pull.get("url") or row.get("pr_url")), ("its state", pull.get("state"))]
    lines = [Line("Item", "head"), *fields(told, size)]
    lines += _attempts(data.get("attempts") or (), size, now)
    for title, name in (("What was found", "evidence"), ("Spec", "spec")):
        if row.get(name):
            lines += [Line(""), Line(title, "head"), *paragraphs(row[name], size)]
    return lines


def _attempts(rows: Sequence[Row], size: int, now: float) -> list[Line]:
    if not rows:
        return []
    lines = [Line(""), Line("Attempts", "head")]
    for row in rows:
        lasted = (row.get("ended_at") or now) - row["started_at"] if row.get("started_at") else None
        counted = f"{row.get('commits') or 0} commits, {show_count(row.get('tokens') or 0)} tokens"
        burnt = "   held against it" if row.get("burnt") else ""
        reason = f"   {shown(row['reason'])}" if row.get("reason") else ""
        text = f"#{row.get('epoch')} {shown(row.get('outcome') or 'under way')}   {show_age(lasted)}   {counted}{burnt}{reason}"
        lines += [Line(part, "warn" if row.get("burnt") else "") for part in wrapped(text, size, "    ")]
    return lines


def about_worker(row: Row, size: int) -> list[Line]:
    """A worker's row of the feed, every field of it: what the factory adds later is shown too."""
    return [Line("Worker", "head"), *fields(((name.replace("_", " "), _value(name, value)) for name, value in row.items()), size)]


def _value(name: str, value: object) -> str:
    if isinstance(value, int | float) and name in {"memory", "memory_limit"}:
        return show_bytes(value)
    if isinstance(value, int | float) and name == "cpu":
        return f"{value:.2f} processors"
    if isinstance(value, float):
        return show_age(value)
    return "" if value is None else str(value)


def as_json(value: object, size: int) -> list[Line]:
    """All of it, so that nothing hides; control characters are escapes in JSON already."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return paragraphs(text, size)
