"""`factory service`: a unit for systemd with the program of this installation in it."""

import typer

from factory.cli.output import show
from factory.cli.unit_file import unit_file


def register(app: typer.Typer) -> None:
    app.command()(service)


def service() -> None:
    """Print a unit for systemd that runs this factory, and watches it.

    \b
    Examples:
      factory service > /etc/systemd/system/factory.service
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    show(unit_file("factory.cli", "factory", "factory.cli").rstrip("\n"))
