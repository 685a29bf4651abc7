"""`factory pr`: the pull requests that the factory opened."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from factory.cli.ask import Json, show_table, when
from factory.cli.client import here, view
from factory.cli.output import fields, show, show_json
from factory.domain.clean import clean
from factory.errors import NotFound

Which = Annotated[str, typer.Argument(help="An item's id or the beginning of it, or the pull request's number.", metavar="ITEM|NR")]

group = typer.Typer(help="Pull requests that the factory opened.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    group.command("list")(list_pull_requests)
    group.command("show")(show_pull_request)
    app.add_typer(group, name="pr")


def list_pull_requests(context: typer.Context, *, json: Json = False) -> None:
    """The pull requests there are, newest first.

    \b
    Example:
      factory pr list
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    data = view(here(context), "pull_requests")
    if json:
        show_json("pull_requests", data)
        return
    names = ("number", "item", "state", "branch", "base_branch", "repo", "title")
    rows = [[row.get(name) for name in names] for row in data.get("pull_requests") or ()]
    show_table(("NR", "ITEM", "STATE", "BRANCH", "BASE", "REPO", "TITLE"), rows, None, "No pull requests yet.")


def show_pull_request(context: typer.Context, which: Which, *, json: Json = False) -> None:
    """One pull request with its text, and where it is followed with its checks, its reviews and what is waited for.

    A number that several repositories have is refused: name the item.

    \b
    Examples:
      factory pr show 7k2
      factory pr show 12
    """  # noqa: D301
    paths = here(context)
    rows = view(paths, "pull_requests").get("pull_requests") or ()
    found = _named(which.strip().lower().removeprefix("#"), rows)
    row = view(paths, "item", found["item"]).get("pull_request") or found
    if json:
        show_json("pull_request", {"pull_request": row})
        return
    names = ("number", "item", "state", "title", "repo", "branch", "base_branch", "head", "url")
    show("\n".join(fields([*((name, row.get(name)) for name in names), ("created", when(row.get("created_at"))), *_followed(row)])))
    _show_reading(row.get("shown") or {})
    if row.get("body"):
        show(f"\n{clean(row['body']).rstrip()}")


def _followed(row: Mapping[str, Any]) -> list[tuple[str, object]]:
    """What its following has come to; nothing for one that is not followed."""
    if not (row.get("looked_at") or row.get("look_error")):
        return []
    trouble = [("look failed", row["look_error"])] if row.get("look_error") else []
    looked = [("looked at", when(row.get("looked_at"))), *_read_of_another(row)]
    return [("standing", row.get("standing")), ("reworks", row.get("reworks")), *looked, *trouble]


def _read_of_another(row: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Which commit the look was about, where that is not the head: after a push there is no other until the next look."""
    read = str((row.get("shown") or {}).get("head") or row.get("head"))
    told = f"{read[:12]}, which is not its head: what it waits for, checks and reviews are of then"
    return [("read of", told)] if read != str(row.get("head")) else []


def _show_reading(shown: Mapping[str, Any]) -> None:
    conflict = [("conflict", "with its base branch")] if shown.get("mergeable") is False else []
    labels = [("labels", ", ".join(map(str, shown["labels"])))] if shown.get("labels") else []
    if conflict or labels:
        show("\n".join(fields([*conflict, *labels])))
    checks = [[check.get("name"), check.get("state"), check.get("conclusion")] for check in shown.get("checks") or ()]
    if checks:
        show("")
        show_table(("CHECK", "STATE", "CONCLUSION"), checks, None, "")
    # Whose word counts is known of those only who may write.
    reviews = [[one.get("author"), one.get("verdict"), _weight(one), str(one.get("commit"))[:12]] for one in shown.get("reviews") or ()]
    if reviews:
        show("")
        show_table(("REVIEWER", "VERDICT", "COUNTS", "COMMIT"), reviews, None, "")


def _weight(review: Mapping[str, Any]) -> str:
    return "yes" if review.get("may_write") else "no, may not write"


def _named(which: str, rows: Any) -> Mapping[str, Any]:  # noqa: ANN401 - rows of a view
    found = [row for row in rows if str(row.get("number")) == which] or [row for row in rows if str(row.get("item")).startswith(which)]
    if len(found) == 1:
        return dict(found[0])
    if not found:
        raise NotFound(f"there is no pull request {which[:40]!r}; `factory pr list` lists them")
    raise NotFound(f"{which[:40]!r} may be {' or '.join(str(row.get('item')) for row in found[:3])}: name one of them")
