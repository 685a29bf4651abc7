"""All commands, put together from one file per group."""

from pathlib import Path
from typing import Annotated

import typer

from factory.cli import ask, demo, doctor, learn, life, logs, operate, orders, prepare, run, steer

app = typer.Typer(
    name="factory",
    help="Turns specs into checked pull requests, with coding agents, on your own machine.",
    epilog="Start with `factory demo`, then: factory run --repo . --spec SPEC.md --engine command:./agent.sh",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help comes up in half the time, and its examples can be copied from a pipe.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def every(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Data folder of the factory that is meant [default: FACTORY_DATA, or your own].")
    ] = None,
) -> None:
    context.obj = data


for group in (run, life, orders, ask, logs, steer, learn, operate, prepare, doctor, demo):
    group.register(app)
