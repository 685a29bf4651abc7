"""`factory diff` and `factory gates`: what there is to say yes or no to."""

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from factory.cli.ask import Attempt, Item, Json
from factory.cli.client import here, view
from factory.cli.exits import TimedOut
from factory.cli.output import note, painted, show, show_json, table
from factory.cli.status import lasting
from factory.domain.clean import clean, clean_line, visible
from factory.errors import Retryable
from factory.paths import Paths
from factory.protocol.result_mail import NOT_YET

_LOOK_SECONDS = 0.1
_READ_SECONDS = 120.0
"""Delivery imports the bundle, and for a published result may fetch first."""
_NAMED = 50
"""Files listed above a patch; the JSON has more."""

_COLOURS = (("commit ", "33"), ("diff ", "1"), ("--- ", "1"), ("+++ ", "1"), ("@@", "36"), ("+", "32"), ("-", "31"))
"""Of lines by how they begin; the first that fits."""


def register(app: typer.Typer) -> None:
    for command in (diff, gates):
        app.command()(command)


def diff(
    context: typer.Context,
    item: Item,
    *,
    attempt: Attempt = None,
    commits: Annotated[bool, typer.Option("--commits", help="Each commit by itself: all of them are pushed, not only their end.")] = False,
    json: Json = False,
) -> None:
    """What the result of an item changes: exactly what an approval is for.

    Nothing is pushed for it. Lines that look as if they held a credential are left out. The result of an item that waits for approval,
    is on its way, or was published can be looked at.

    \b
    Examples:
      factory diff 7k2
      factory diff 7k2 --commits | less -R
      factory diff 7k2 --json | jq -r .files[].path
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    found = _read(here(context), item, attempt or 0, commits=commits)
    if json:
        show_json("diff", found)
        return
    show("\n".join(_lines(found)))
    if found["approvable"]:
        whole, epoch = found["item"], found["epoch"]
        note(f"Publish exactly this: factory approve {whole} --epoch {epoch}    Refuse it: factory reject {whole} --epoch {epoch}")


def gates(context: typer.Context, item: Item, *, attempt: Attempt = None, json: Json = False) -> None:
    """How the gates went when results of an item were verified, with the end of what each printed.

    \b
    Examples:
      factory gates 7k2
      factory gates 7k2 --json | jq '.gates[] | select(.passed | not)'
    """  # noqa: D301
    found = view(here(context), "item", item)
    rows = [row for row in found.get("gates") or () if attempt is None or row["epoch"] == attempt]
    if json:
        show_json("gates", {"item": found["item"]["id"], "gates": rows})
        return
    if not rows:
        show("No gate was run on a result of this item yet.")
        return
    show("\n".join(table(("ATTEMPT", "GATE", "RESULT", "REQUIRED", "EXIT", "TIME"), [_gate(row) for row in rows], status=2)))
    for row in rows:
        if printed := clean(row.get("output") or "").rstrip():
            show(f"\n== {clean_line(row['name'])}, attempt {row['epoch']}\n{printed}")


def _read(paths: Paths, item: str, epoch: int, *, commits: bool) -> dict[str, Any]:
    """The whole of it, page by page."""
    found = _page(paths, item, epoch, 0, commits=commits)
    pages = [found["patch"]]
    while found["next"] < found["size"] and pages[-1]:
        more = _page(paths, found["item"], found["epoch"], found["next"], commits=commits)
        pages.append(more["patch"])
        found["next"] = more["next"]
    return {**{name: value for name, value in found.items() if name not in {"offset", "next"}}, "patch": "".join(pages)}


def _page(paths: Paths, item: str, epoch: int, offset: int, *, commits: bool) -> dict[str, Any]:
    deadline = time.monotonic() + _READ_SECONDS
    while True:
        try:
            return view(paths, "diff", item, epoch=epoch, offset=offset, text="commits" if commits else "")
        except Retryable as error:
            if str(error) != NOT_YET:
                raise
            if time.monotonic() > deadline:
                raise TimedOut(f"The result could not be read within {_READ_SECONDS:g} s; the same command may be given again.") from error
            time.sleep(_LOOK_SECONDS)


def _lines(found: Mapping[str, Any]) -> Iterable[str]:
    commits, files = found["commits"], found["files"]
    yield f"{found['item']}, attempt {found['epoch']}: {clean_line(found['base'])[:12]}..{clean_line(found['commit'])[:12]}"
    yield from (f"  {each['commit'][:12]} {clean_line(each['subject'])}" for each in commits)
    yield ""
    yield from table(("ADDED", "DELETED", "FILE"), [_file(each) for each in files[:_NAMED]])
    if found["file_count"] > _NAMED:
        yield f"and {found['file_count'] - _NAMED} files more"
    yield ""
    if found["too_large"]:
        yield found["too_large"]
    yield from (_coloured(line) for line in found["patch"].rstrip("\n").split("\n"))


def _coloured(line: str) -> str:
    line = visible(line)
    code = next((code for start, code in _COLOURS if line.startswith(start)), "")
    return painted(line, code, sys.stdout) if code else line


def _file(row: Mapping[str, Any]) -> list[object]:
    return ["binary" if row["added"] is None else row["added"], "" if row["deleted"] is None else row["deleted"], row["path"]]


def _gate(row: Mapping[str, Any]) -> list[object]:
    required, code = "yes" if row["required"] else "no", row.get("code")
    result = "passed" if row["passed"] else "failed"
    return [row["epoch"], row["name"], result, required, "none" if code is None and not row["passed"] else code, lasting(row["seconds"])]
