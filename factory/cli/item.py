"""`factory show` and `factory events`: one item, and how it came there."""

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from factory.cli.ask import Item, Json, Limit, show_table, when
from factory.cli.client import here, view
from factory.cli.output import coloured, fields, show, show_json, table
from factory.cli.status import lasting
from factory.domain.clean import clean, clean_line, cut
from factory.domain.model_prices import dollars

EVIDENCE_LINES = 20
"""Of what was found, the last ones: enough to see what went wrong; `factory gates`, `factory logs` and --json have the rest."""
_DATA_COLUMNS = 400
"""Of an event's data in a table; the JSON has all of it."""

_STEPS: Mapping[str, tuple[str, ...]] = {
    "needs_approval": ("diff {0}", "approve {0}", "reject {0}", "retry {0}"),
    "stuck": ("logs {0}", "retry {0}", "cancel {0}"),
    "failed": ("logs {0}", "gates {0}", "retry {0}"),
}
"""What a person may do about an item that waits for one."""


def register(app: typer.Typer) -> None:
    app.command("show")(show_item)
    app.command()(events)


def show_item(context: typer.Context, item: Item, *, json: Json = False) -> None:
    """One item: its state, attempts, gates, pull request, and what to do next where it waits for a person.

    \b
    Example:
      factory show 7k2
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    data = view(here(context), "item", item)
    if json:
        show_json("item", data)
        return
    show("\n".join(_lines(data)))


def events(context: typer.Context, item: Item, *, limit: Limit = 200, json: Json = False) -> None:
    """The audit trail of an item, oldest first.

    \b
    Example:
      factory events 7k2 --json
    """  # noqa: D301
    data = view(here(context), "events", item, limit=limit)
    if json:
        show_json("events", data)
        return
    rows = [
        (row.get("seq"), when(row.get("at")), row.get("epoch"), row.get("type"), _flat(row.get("data") or {}))
        for row in data.get("events") or ()
    ]
    show_table(("SEQ", "AT", "EPOCH", "TYPE", "DATA"), rows, None, "No events.")


def attempts_told(row: Mapping[str, Any], most: object = None) -> str:
    """All attempts that were made, and how many of them are held against the item."""
    made, counted = row.get("attempts_made"), row.get("attempts") or 0
    if made is None:
        return str(counted)
    return f"{made} ({counted}{f' of {most}' if most else ''} counted)" if made else "0"


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    item = data["item"]
    yield from fields([*_about(item, data.get("max_attempts")), *_way_out(data.get("attempts") or ())])
    if attempts := data.get("attempts"):
        yield ""
        yield from table(("ATTEMPT", "OUTCOME", "ITER", "COMMITS", "FILES", "TOKENS", "REASON"), [_attempt(each) for each in attempts])
    yield from _gates(data.get("gates") or ())
    yield from _evidence(item)
    if pull := data.get("pull_request"):
        yield from ("", "pull request")
        yield from (f"  {line}" for line in fields((name, pull.get(name)) for name in ("number", "url", "state", "head")))
    if steps := _steps(item, data.get("attempts") or ()):
        yield from ("", "next")
        yield from (f"  factory {step.format(item['id'])}" for step in steps)


def _steps(item: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Of an attempt that left no commit there is nothing to look at, or to say yes to."""
    status = str(item.get("status"))
    nothing = status == "needs_approval" and attempts and attempts[-1].get("head_commit", "") is None
    return ("retry {0}", "cancel {0}") if nothing else _STEPS.get(status, ())


def _about(row: Mapping[str, Any], most: object) -> list[tuple[str, object]]:
    names = ("id", "status", "title", "repo", "base_branch", "branch", "engine")
    told = [*((name, row.get(name)) for name in names), ("needs", ", ".join(row.get("needs") or ()))]
    told += [("attempts", attempts_told(row, most))]
    told += [(name, row.get(name)) for name in ("iterations", "reason", "why")]
    told += [(name, when(row.get(name))) for name in ("created_at", "started_at", "completed_at", "scheduled_at")]
    return [*told, ("priority", row.get("priority_name"))]


def _way_out(attempts: Sequence[Mapping[str, Any]]) -> list[tuple[str, object]]:
    """What all attempts cost, and where they were not let to, as far as they had no other way out than the factory's."""
    micros, calls = (sum(row.get(name) or 0 for row in attempts) for name in ("spent_micros", "spent_calls"))
    hosts = dict.fromkeys(host for row in attempts for host in row.get("blocked_hosts") or ())
    return [("cost", f"{dollars(micros)} in {calls} calls of the model" if calls else None), ("not let to", ", ".join(hosts))]


def _attempt(row: Mapping[str, Any]) -> list[object]:
    # One that succeeded is held against nobody, and there is nothing to say about that.
    free = "" if row.get("burnt", True) or row.get("outcome") in {None, "done"} else " (not counted)"
    numbers = [row.get(name) for name in ("iterations", "commits", "files_changed", "tokens")]
    return [row.get("epoch"), f"{row.get('outcome') or 'under way'}{free}", *numbers, row.get("reason") or ""]


def _gates(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Of the last result that was verified."""
    last = max((row["epoch"] for row in rows), default=0)
    told = [row for row in rows if row["epoch"] == last]
    if told:
        yield from ("", f"gates of attempt {last}")
    for row in told:
        result = "passed" if row["passed"] else "failed"
        advisory = "" if row["required"] else " (not required)"
        code = "" if row["passed"] or row.get("code") is None else f", exit code {row['code']}"
        yield f"  {coloured(result)}  {clean_line(row['name'])}, {lasting(row['seconds'])}{code}{advisory}"


def _evidence(item: Mapping[str, Any]) -> Iterator[str]:
    """What is behind the reason, where the item is not past it."""
    lines = clean(item.get("evidence") or "").strip("\n").split("\n")
    if item.get("status") in {"completed", "in_review", "cancelled"} or not any(lines):
        return
    left_out = len(lines) - EVIDENCE_LINES
    yield from ("", "found" if item.get("status") == "needs_approval" else "what the last attempt came to")
    if left_out > 0:
        yield f"  ... {left_out} lines before these"
    yield from (f"  {line}" for line in lines[-EVIDENCE_LINES:])


def _flat(data: Mapping[str, Any]) -> str:
    told = (f"{name}={_value(value)}" for name, value in data.items() if value not in (None, ""))
    return cut(" ".join(told), _DATA_COLUMNS)


def _value(value: object) -> str:
    """As the JSON has it, but for plain text, which needs no quotes to be read."""
    return clean_line(value) if isinstance(value, str) else json_text.dumps(value, default=str)
