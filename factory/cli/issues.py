"""`factory issues`: what was seen on GitHub and in the inbox, what became of it, and why it was not taken up."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from factory.cli.ask import Json, Limit, show_table, when
from factory.cli.client import here, view
from factory.cli.output import fields, note, show, show_json
from factory.domain.clean import clean, visible
from factory.errors import NotFound

Key = Annotated[str, typer.Argument(help="An issue's key, `owner/repo#12`, or its item's id.", metavar="KEY")]

group = typer.Typer(help="Issues that the factory has seen.", rich_markup_mode=None, invoke_without_command=True)

_NONE = "No issues yet. Name repositories in `repos`, label an issue with `intake_label`, or drop a file into `inbox`."


def register(app: typer.Typer) -> None:
    group.callback()(list_issues)
    group.command("show")(show_issue)
    app.add_typer(group, name="issues")


def list_issues(context: typer.Context, *, limit: Limit = 50, json: Json = False) -> None:
    """The issues that were seen, the latest first, each with its item, or why it was refused.

    \b
    Examples:
      factory issues
      factory issues show owner/repo#12 --raw
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    if context.invoked_subcommand:
        return
    data = view(here(context), "issues", limit=limit)
    if json:
        show_json("issues", data)
        return
    rows = [[row.get("key"), row.get("item"), _stands(row), row.get("labelled_by"), row.get("title"), _why(row)] for row in data["issues"]]
    show_table(("ISSUE", "ITEM", "STATE", "LABELLED BY", "TITLE", "WHY"), rows, 2, _NONE, ("LABELLED BY",))
    for source in data.get("sources") or ():
        if source.get("last_error"):
            note(f"tracker {source['repo']}: error since {when(source.get('error_since'))}: {source['last_error']}")


def show_issue(
    context: typer.Context,
    key: Key,
    *,
    raw: Annotated[
        bool, typer.Option("--raw/--clean", help="The text as it was sent, what cannot be seen as its escape [default: as agents get it].")
    ] = False,
    json: Json = False,
) -> None:
    """One issue with its text, and how it differs from what was labelled.

    \b
    Examples:
      factory issues show owner/repo#12
      factory issues show 7k2m9p4x1c --raw
    """  # noqa: D301
    from factory.domain.issue import IssueText, difference

    row = view(here(context), "issue", key).get("issue") or {}
    if not row:
        raise NotFound(f"there is no issue {key[:80]!r}; `factory issues` lists them")
    before, after = (IssueText(row[f"{name}_title"], row[f"{name}_body"]) for name in ("approved", "seen"))
    changed = "" if not row["digest"] or row["state"] == "refused" or before == after else difference(before, after)
    if json:
        show_json("issue", {"issue": row, "difference": changed})
        return
    show("\n".join(_head(row)))
    show(f"\n{_text(row, raw=raw)}")
    if changed:
        show(f"\nChanged since it was labelled:\n\n{clean(changed)}")


def _head(row: Mapping[str, Any]) -> list[str]:
    names = ("key", "item", "repo", "url", "author")
    told = [(name, row.get(name)) for name in names]
    labels = ", ".join(row.get("labels") or ())
    return fields([*told, ("labelled by", row.get("labelled_by")), ("labels", labels), ("state", _stands(row)), ("why", _why(row))])


def _text(row: Mapping[str, Any], *, raw: bool) -> str:
    """What was never taken up has no text of its own yet: it is shown as it was seen."""
    if raw:
        title, body = (row["raw_title"], row["raw_body"]) if row["raw_title"] else (row["seen_title"], row["seen_body"])
        return "\n".join([visible(title), "", *(visible(line) for line in body.splitlines())])
    if row["title"]:
        return f"{clean(row['title'])}\n\n{clean(row['body'])}".rstrip()
    from factory.domain.issue_text import sanitise

    return f"{sanitise(row['seen_title'])}\n\n{sanitise(row['seen_body'])}".rstrip()


def _stands(row: Mapping[str, Any]) -> str:
    """The item's status says more than that it was accepted."""
    state = str(row.get("state"))
    return str(row.get("item_status")) if row.get("item_status") and state in {"accepted", "over"} else state


def _why(row: Mapping[str, Any]) -> str:
    return str(row.get("last_error") or row.get("reason") or row.get("item_reason") or "")
