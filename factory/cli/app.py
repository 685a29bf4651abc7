"""All commands, put together from one file per group."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from factory.cli import (
    actor,
    ask,
    attach,
    demo,
    dev,
    diff,
    doctor,
    feed,
    image,
    interventions,
    issues,
    item,
    learn,
    life,
    logs,
    operate,
    operators,
    orders,
    prepare,
    pulls,
    service,
    steer,
    workers,
)
from factory.cli import run as run_command
from factory.cli.groups import Sections
from factory.cli.output import show

app = typer.Typer(
    name="factory",
    cls=Sections,
    help="Turns specs into checked pull requests, with coding agents, on your own machine.",
    epilog="Start with `factory demo`, then: factory run --repo . --spec SPEC.md --engine command:./agent.sh",
    no_args_is_help=True,
    # `factory completion` prints it; typer's own two options beside it would only be a second way.
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help comes up in half the time, and its examples can be copied from a pipe.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_USAGE_ERROR: Any = typer.BadParameter.__base__


def _print_version(asked: bool) -> None:  # noqa: FBT001 - a callback of the parser
    if asked:
        show(ask.version_line())
        raise typer.Exit


@app.callback()
def every(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Data folder of the factory that is meant [default: FACTORY_DATA, or your own].", metavar="FOLDER")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool | None, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = None,
) -> None:
    context.obj = data


for group in (
    run_command,
    life,
    service,
    orders,
    ask,
    item,
    diff,
    issues,
    pulls,
    logs,
    attach,
    steer,
    interventions,
    learn,
    operate,
    actor,
    operators,
    workers,
    feed,
    prepare,
    doctor,
    image,
    demo,
    dev,
):
    group.register(app)


def run() -> None:
    """The command that the command line names; ends the process."""
    if "_FACTORY_COMPLETE" in os.environ:
        # Done by the options that are left out above.
        from typer.completion import completion_init  # type: ignore[attr-defined] # what those options call

        completion_init()
    try:
        # Also where it was called as `python -m factory.cli`: help and completion are about this name.
        code = app(prog_name="factory", standalone_mode=False)
    except _USAGE_ERROR as error:
        error.message = plain(error.message)
        error.show(sys.stderr)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def plain(complaint: str) -> str:
    """A complaint of the parser about a value, in words for people: what validates for it speaks of its own types."""
    for words, instead in _PLAIN:
        complaint = words.sub(instead, complaint)
    return complaint


_PLAIN = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Input should be a valid integer.*"), "it should be a whole number."),
    (re.compile(r"^Input should be a valid number.*"), "it should be a number."),
    (re.compile(r"^Input should be greater than or equal to (\S+?)\.?$"), r"it should be \1 or more."),
    (re.compile(r"^Input should be less than or equal to (\S+?)\.?$"), r"it should be \1 or less."),
    (re.compile(r"^Input should "), "it should "),
)
