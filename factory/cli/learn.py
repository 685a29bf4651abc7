"""Commands about what came of the work: what was learnt, and what it took."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from factory.cli.ask import Json, Limit
from factory.cli.client import here, view
from factory.cli.output import show, show_json, table
from factory.cli.status import lasting

_NO_LEARNINGS = "No learnings. Agents write them into .ai/new-learnings.md; they count once their pull request is there."
_PERCENT = 100


def register(app: typer.Typer) -> None:
    for command in (learnings, stats):
        app.command()(command)


def learnings(
    context: typer.Context,
    *,
    repo: Annotated[
        str, typer.Option(metavar="REPO", help="Only of this repository: path, URL, or the last parts of it [default: all].")
    ] = "",
    search: Annotated[str, typer.Option(metavar="TEXT", help="The active ones that are most like this text, best first.")] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """What agents learnt: notes for those who work on the same repository later.

    A learning is given to others while it is active, which is as long as the result that it came with stands published.

    \b
    Examples:
      factory learnings --repo .
      factory learnings --search "how are the tests run"
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    data = view(here(context), "learnings", _address(repo), limit=limit, text=search)
    if json:
        show_json("learnings", data)
        return
    rows = data.get("learnings") or ()
    heads = ("LIKE", "USED", "ITEM", "REPO", "LEARNING") if search else ("ID", "ACTIVE", "USED", "ITEM", "MODEL", "REPO", "LEARNING")
    show("\n".join(table(heads, [_found(row) if search else _learning(row) for row in rows])) if rows else _NO_LEARNINGS)


def stats(context: typer.Context, *, json: Json = False) -> None:
    """What the attempts took and how many came to a pull request, by repository and in all.

    \b
    Example:
      factory stats --json | jq .total.success_rate
    """  # noqa: D301
    data = view(here(context), "stats")
    if json:
        show_json("stats", data)
        return
    rows = [_rates(row) for row in (*(data.get("repos") or ()), data.get("total") or {})]
    show("\n".join(table(("ITEMS", "ATTEMPTS", "PUBLISHED", "SUCCESS", "ITER", "TOKENS", "FILES", "TIME", "REPO"), rows)))


def _address(repo: str) -> str:
    """As the factory knows it; what is no folder here may be the end of an address."""
    from factory.cli.git_look import repository

    return repository(repo) if repo and Path(repo).is_dir() else repo


def _learning(row: Mapping[str, Any]) -> list[object]:
    active = "yes" if row.get("active") else "no"
    return [row.get("id"), active, row.get("use_count"), _items(row), row.get("model"), _short(row), row.get("content")]


def _items(row: Mapping[str, Any]) -> str:
    """The item that it came from, and how many others found the same."""
    others = len(row.get("items") or ()) - 1
    return f"{row.get('item')} +{others}" if others > 0 else str(row.get("item"))


def _found(row: Mapping[str, Any]) -> list[object]:
    return [f"{row.get('similarity') or 0.0:.2f}", row.get("use_count"), row.get("item"), _short(row), row.get("content")]


def _rates(row: Mapping[str, Any]) -> list[object]:
    rate = row.get("success_rate")
    counted = [row.get(name) for name in ("items", "attempts", "published")]
    share = "" if rate is None else f"{rate * _PERCENT:.0f} %"
    spent = [row.get(name) for name in ("iterations", "tokens", "files_changed")]
    return [*counted, share, *spent, lasting(row.get("seconds")), row.get("repo") or "all"]


def _short(row: Mapping[str, Any]) -> str:
    return str(row.get("repo") or "").rstrip("/").rsplit("/", 1)[-1]
