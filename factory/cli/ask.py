"""Commands that only look: status, queue, workers, show, events, pull requests, tree, version."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from factory.cli.client import here, view
from factory.cli.output import fields, show, show_json, table
from factory.cli.status import lasting, print_status

Json = Annotated[bool, typer.Option("--json", help="One JSON object with a `schema` field.")]
Item = Annotated[str, typer.Argument(help="An item's id, or the beginning of it.", metavar="ITEM")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Show at most so many.")]

pull_requests = typer.Typer(help="Pull requests that the factory opened.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    for command in (status, queue, workers, events, tree, version):
        app.command()(command)
    app.command("show")(show_item)
    pull_requests.command("list")(list_pull_requests)
    # A second command keeps `pr` a group: with one alone, typer would call it for `factory pr`.
    pull_requests.callback()(lambda: None)
    app.add_typer(pull_requests, name="pr")


def status(context: typer.Context, *, json: Json = False) -> None:
    """What the factory does, and if nothing: why.

    \b
    Examples:
      factory status
      factory status --json | jq .counts
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    print_status(here(context), json=json)


def queue(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Ended items too.")] = False,
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """What is to be done, in order, and why each item waits.

    \b
    Examples:
      factory queue
      factory queue --all --json
    """  # noqa: D301
    data = view(here(context), "items" if everything else "queue", limit=limit)
    if json:
        show_json("queue", data)
        return
    heads = ("ITEM", "PRIORITY", "STATUS", "TRIES", "ITER", "AGE", "REPO", "TITLE", "WHY")
    rows = [_queued(row) for row in data.get("items") or ()]
    _show_table(heads, rows, 2, "The queue is empty. Add to it: factory submit --repo PATH --spec SPEC.md --engine ...")


def workers(context: typer.Context, *, json: Json = False) -> None:
    """Who works on what, and when it was last heard of.

    \b
    Example:
      factory workers
    """  # noqa: D301
    data = view(here(context), "workers")
    if json:
        show_json("workers", data)
        return
    heads = ("WORKER", "ITEM", "STATUS", "PHASE", "ITER", "TOKENS", "AGE", "BEAT", "ISOLATION", "REASON")
    rows = [_worker(row) for row in data.get("workers") or ()]
    _show_table(heads, rows, 2, "No workers.")


def show_item(context: typer.Context, item: Item, *, json: Json = False) -> None:
    """One item: its state, attempts, pull request.

    \b
    Example:
      factory show 7k2
    """  # noqa: D301
    data = view(here(context), "item", item)
    if json:
        show_json("item", data)
        return
    show("\n".join(fields(_about(data["item"]))))
    attempts = data.get("attempts") or ()
    if attempts:
        heads = ("ATTEMPT", "OUTCOME", "ITER", "COMMITS", "FILES", "TOKENS", "REASON")
        show("")
        _show_table(heads, [_attempt(each) for each in attempts], None, "")
    if data.get("pull_request"):
        show("")
        show("\n".join(fields((name, data["pull_request"].get(name)) for name in ("number", "url", "state", "head"))))


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
        (row.get("seq"), _when(row.get("at")), row.get("epoch"), row.get("type"), _flat(row.get("data") or {}))
        for row in data.get("events") or ()
    ]
    _show_table(("SEQ", "AT", "EPOCH", "TYPE", "DATA"), rows, None, "No events.")


def list_pull_requests(context: typer.Context, *, json: Json = False) -> None:
    """The pull requests there are, newest first.

    \b
    Example:
      factory pr list
    """  # noqa: D301
    data = view(here(context), "pull_requests")
    if json:
        show_json("pull_requests", data)
        return
    names = ("number", "item", "state", "branch", "base_branch", "repo", "title")
    rows = [[row.get(name) for name in names] for row in data.get("pull_requests") or ()]
    _show_table(("NR", "ITEM", "STATE", "BRANCH", "BASE", "REPO", "TITLE"), rows, None, "No pull requests yet.")


def tree(context: typer.Context, *, json: Json = False) -> None:
    """The processes of the factory and how they are.

    \b
    Example:
      factory tree
    """  # noqa: D301
    data = view(here(context), "tree")
    if json:
        show_json("tree", data)
        return
    heads = ("LEVEL", "NAME", "PID", "STATE", "RESTARTS", "UP", "REASON")
    _show_table(heads, [_node(row) for row in data.get("tree") or ()], None, "The factory tells no processes.")


def version(*, json: Json = False) -> None:
    """The versions of the program and of its wire.

    \b
    Example:
      factory version --json
    """  # noqa: D301
    from importlib.metadata import version as installed

    from factory.protocol.version import VERSION

    found = {"version": installed("software-factory"), "protocol": VERSION}
    if json:
        show_json("version", found)
    else:
        show(f"factory {found['version']} (protocol {found['protocol']})")


def _show_table(heads: tuple[str, ...], rows: list[Any], status: int | None, empty: str) -> None:
    show("\n".join(table(heads, rows, status=status)) if rows else empty)


def _queued(row: Mapping[str, Any]) -> list[object]:
    return [
        row.get("id"),
        row.get("priority_name") or row.get("priority"),
        row.get("status"),
        row.get("attempts"),
        row.get("iterations"),
        lasting(row.get("age")),
        str(row.get("repo") or "").rstrip("/").rsplit("/", 1)[-1],
        row.get("title"),
        row.get("why") or row.get("reason") or "",
    ]


def _worker(row: Mapping[str, Any]) -> list[object]:
    told = [row.get(name) or "" for name in ("id", "item", "status", "phase")]
    counted = [row.get("iteration"), row.get("tokens"), lasting(row.get("age")), lasting(row.get("beat_age"))]
    return [*told, *counted, row.get("isolation") or "", row.get("reason") or ""]


def _node(row: Mapping[str, Any]) -> list[object]:
    told = [row.get(name) for name in ("level", "name", "pid", "state", "restarts")]
    return [*told, lasting(row.get("uptime")), row.get("reason") or ""]


def _about(row: Mapping[str, Any]) -> list[tuple[str, object]]:
    names = ("id", "status", "title", "repo", "base_branch", "branch", "engine", "attempts", "iterations", "reason", "why")
    times = ("created_at", "started_at", "completed_at", "scheduled_at")
    told = [*((name, row.get(name)) for name in names), *((name, _when(row.get(name))) for name in times)]
    return [*told, ("priority", row.get("priority_name"))]


def _attempt(row: Mapping[str, Any]) -> list[object]:
    burnt = "" if row.get("burnt", True) else " (not counted)"
    numbers = [row.get(name) for name in ("iterations", "commits", "files_changed", "tokens")]
    return [row.get("epoch"), f"{row.get('outcome') or 'under way'}{burnt}", *numbers, row.get("reason") or ""]


def _when(at: object) -> str:
    """In the zone of the reader; the JSON has the number."""
    if not isinstance(at, int | float):
        return str(at or "")
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(sep=" ", timespec="seconds")


def _flat(data: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in data.items() if value not in (None, ""))
