"""Commands that look at all of it: status, queue, workers, tree, version."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from factory.cli.client import here, view
from factory.cli.output import show, show_json, table
from factory.cli.status import lasting, print_status

Json = Annotated[bool, typer.Option("--json", help="One JSON object with a `schema` field.")]
Item = Annotated[str, typer.Argument(help="An item's id, or the beginning of it.", metavar="ITEM")]
Attempt = Annotated[int | None, typer.Option(min=1, help="The number of an attempt, as `factory show` has it [default: the latest].")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Show at most so many.")]


_LEASED = frozenset({"assigned", "running"})


def register(app: typer.Typer) -> None:
    for command in (status, queue, workers, tree, version):
        app.command()(command)


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
    spare = ("REPO", "ITER", "AGE", "PRIORITY", "TITLE", "TRIES")
    show_table(heads, rows, 2, "The queue is empty. Add to it: factory submit --repo PATH --spec SPEC.md --engine ...", spare)


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
    heads = ("WORKER", "ITEM", "STATUS", "PHASE", "ITER", "TOKENS", "AGE", "BEAT", "ISOLATION", "HOST", "REASON")
    rows = [_worker(row) for row in data.get("workers") or ()]
    show_table(heads, rows, 2, "No workers.")


def tree(context: typer.Context, *, json: Json = False) -> None:
    """The processes of the factory and how they are.

    RESTARTS counts the processes made after the first one. INBOX is what a process has taken and not dealt with, and empty while it
    does not say. RSS counts memory that it shares with others, PRIVATE does not. REASON is why the last one ended that nobody had asked to.

    \b
    Examples:
      factory tree
      factory tree --json | jq '.tree[] | select(.restarts > 0)'
    """  # noqa: D301
    from factory.cli.processes import tree_view

    data = tree_view(here(context))
    if json:
        show_json("tree", data)
        return
    heads = ("LEVEL", "NAME", "PID", "STATE", "RESTARTS", "UP", "INBOX", "RSS", "PRIVATE", "REASON")
    show_table(heads, [_node(row) for row in data.get("tree") or ()], None, "The factory tells no processes.")
    if data.get("stopping"):
        show(f"stopping: {data['stopping']}")


def version(*, json: Json = False) -> None:
    """The versions of the program and of its wire.

    \b
    Example:
      factory version --json
    """  # noqa: D301
    if json:
        show_json("version", _versions())
    else:
        show(version_line())


def version_line() -> str:
    found = _versions()
    return f"factory {found['version']} (protocol {found['protocol']})"


def _versions() -> dict[str, object]:
    from importlib.metadata import version as installed

    from factory.protocol.version import VERSION

    return {"version": installed("software-factory"), "protocol": VERSION}


def show_table(heads: tuple[str, ...], rows: list[Any], status: int | None, empty: str, spare: tuple[str, ...] = ()) -> None:
    show("\n".join(table(heads, rows, status=status, spare=spare)) if rows else empty)


def _queued(row: Mapping[str, Any]) -> list[object]:
    return [
        row.get("id"),
        row.get("priority_name") or row.get("priority"),
        row.get("status"),
        _tries(row),
        row.get("iterations"),
        lasting(row.get("age")),
        str(row.get("repo") or "").rstrip("/").rsplit("/", 1)[-1],
        row.get("title"),
        _why(row),
    ]


def _why(row: Mapping[str, Any]) -> object:
    """The reason of one that is worked on is that of the attempt before."""
    if row.get("status") in _LEASED:
        return f"{row['holder']} works on it" if row.get("holder") else ""
    return row.get("why") or row.get("reason") or ""


def _tries(row: Mapping[str, Any]) -> object:
    """All attempts made, and how many of them are held against the item where that is not none."""
    made, counted = row.get("attempts_made"), row.get("attempts") or 0
    return counted if made is None else f"{made} ({counted})" if counted else made


def _worker(row: Mapping[str, Any]) -> list[object]:
    told = [row.get(name) or "" for name in ("id", "item", "status", "phase")]
    counted = [row.get("iteration"), row.get("tokens"), lasting(row.get("age")), lasting(row.get("beat_age"))]
    return [*told, *counted, row.get("isolation") or "", row.get("host") or "", row.get("reason") or ""]


def _node(row: Mapping[str, Any]) -> list[object]:
    told = [row.get(name) for name in ("level", "name", "pid", "state", "restarts")]
    by, reason = row.get("stopped_by"), row.get("reason") or ""
    inbox = "" if row.get("inbox") is None else row["inbox"]
    return [*told, lasting(row.get("uptime")), inbox, _size(row.get("rss")), _size(row.get("private")), f"by {by}" if by else reason]


def _size(count: object) -> str:
    return f"{count / 1_048_576:.1f} MB" if isinstance(count, int) else ""


def when(at: object) -> str:
    """In the zone of the reader; the JSON has the number."""
    if not isinstance(at, int | float):
        return str(at or "")
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(sep=" ", timespec="seconds")
