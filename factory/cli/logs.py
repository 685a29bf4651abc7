"""`factory logs`: what a worker wrote, cleaned, and followed where asked."""

import time
from typing import Annotated, Any

import typer

from factory.cli.ask import Attempt, Item, Json
from factory.cli.board import ENDED
from factory.cli.client import here, item_id, view
from factory.cli.output import note, show, show_json
from factory.domain.clean import clean
from factory.paths import Paths

_LOOK_SECONDS = 0.5
"""Between two looks at a log that is followed: quick to the eye, and two small reads a second."""


def register(app: typer.Typer) -> None:
    app.command()(logs)


def logs(
    context: typer.Context,
    item: Item,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the attempt has ended.")] = False,
    attempt: Attempt = None,
    json: Json = False,
) -> None:
    """What the worker of an item wrote.

    \b
    Examples:
      factory logs 7k2 -f
      factory logs 7k2 --attempt 1
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    paths = here(context)
    whole = item_id(paths, item)
    if json:
        show_json("log", _read(paths, whole, attempt or 0, 0))
        return
    _print_log(paths, whole, attempt or 0, follow=follow)


def _print_log(paths: Paths, item: str, epoch: int, *, follow: bool) -> None:
    data = _read(paths, item, epoch, 0)
    if not data.get("epoch"):
        note(f"No attempt of {item} has begun yet.")
    while not _is_over(paths, item, data, follow=follow):
        show(clean(data["data"]), end="")
        if not data["data"]:
            time.sleep(_LOOK_SECONDS)
        # The attempt that was the latest at the beginning, also when it is retried meanwhile.
        data = _read(paths, item, epoch or data["epoch"], data["next"])


def _is_over(paths: Paths, item: str, data: dict[str, Any], *, follow: bool) -> bool:
    if data["data"]:
        return False
    if not follow or data["ended"]:
        return True
    # Cancelled before anybody began: no attempt will ever end.
    return not data["epoch"] and view(paths, "item", item)["item"].get("status") in ENDED


def _read(paths: Paths, item: str, epoch: int, offset: int) -> dict[str, Any]:
    return view(paths, "log", item, epoch=epoch, offset=offset)
