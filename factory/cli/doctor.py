"""`factory doctor`: what keeps a factory from working here, and the command that mends it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from factory.cli.ask import Json
from factory.cli.client import here
from factory.cli.output import coloured, note, show, show_json
from factory.domain.clean import clean_line

if TYPE_CHECKING:
    from factory.doctor import Result


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    context: typer.Context,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is safe: permissions, and what a killed factory left.")] = False,
    json: Json = False,
) -> None:
    """Look for what keeps a factory from working here, and tell what mends it.

    Changes nothing without --fix. Exit code 0: fine; 1: problems; 2: something could not be checked.

    \b
    Examples:
      factory doctor
      factory doctor --fix
      factory doctor --json | jq '.checks[] | select(.level != "ok")'
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    from factory.clock import SystemClock
    from factory.doctor import examine, exit_code
    from factory.wiring_offline import checks

    clock = SystemClock()
    began = clock.monotonic()
    results = examine(checks(here(context), os.environ, Path.cwd()), clock, fix=fix)
    code = exit_code(results)
    if json:
        show_json("doctor", {"ok": code == 0, "seconds": clock.monotonic() - began, "checks": [each.as_json() for each in results]})
    else:
        show("\n".join(_lines(results)))
        note(_summary(results))
    sys.stdout.flush()
    raise typer.Exit(code)


def _lines(results: Sequence["Result"]) -> list[str]:
    lines: list[str] = []
    size = max(len(each.name) for each in results)
    group = ""
    for each in results:
        if each.group != group:
            lines += [each.group]
            group = each.group
        level = each.level.value
        lines.append(f"  {coloured(level)}{' ' * (4 - len(level))}  {each.name:<{size}}  {clean_line(each.why)}")
        if each.fixed:
            lines.append(f"        {'':<{size}}  fixed: {clean_line(each.fixed)}")
        if each.mend:
            lines.append(f"        {'':<{size}}  mend: {clean_line(each.mend)}")
    return lines


def _summary(results: Sequence["Result"]) -> str:
    counts = {level: sum(each.level == level for each in results) for level in ("fail", "warn")}
    unchecked = sum(not each.checked for each in results)
    parts = [_counted(counts["fail"], "problem"), _counted(counts["warn"], "warning")]
    parts += [f"{unchecked} could not be checked"] if unchecked else []
    return f"{len(results)} checks: {', '.join(parts)}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
