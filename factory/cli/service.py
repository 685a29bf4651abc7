"""`factory service`: a unit for systemd with the program of this installation in it."""

import shutil
import sys
from importlib.resources import files
from pathlib import Path

import typer

from factory.cli.output import show


def register(app: typer.Typer) -> None:
    app.command()(service)


def service() -> None:
    """Print a unit for systemd that runs this factory, and watches it.

    \b
    Examples:
      factory service > /etc/systemd/system/factory.service
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    unit = (files("factory.cli") / "factory.service").read_text("utf-8")
    program = shutil.which("factory", path=str(Path(sys.executable).parent)) or f"{sys.executable} -m factory.cli"
    show(unit.replace("/usr/local/bin/factory", program).rstrip("\n"))
