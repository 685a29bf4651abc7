"""`factory image build`: makes the image that workers in containers are made of."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from factory.cli.output import note, show
from factory.domain.clean import clean_line

group = typer.Typer(help="The image of workers in containers.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    group.command()(build)
    # A group of one command would be taken for the command itself.
    group.callback()(lambda: None)
    app.add_typer(group, name="image")


def build(
    *,
    base: Annotated[
        str,
        typer.Option(help="The image to build on, with Python 3.11 or newer, by tag or digest [default: docker_base].", metavar="IMAGE"),
    ] = "",
    platform: Annotated[str, typer.Option(help="As in linux/arm64 [default: the engine's own].", metavar="PLATFORM")] = "",
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing: take packages and Claude Code from here; the base needs git and this Python.")
    ] = False,
    no_claude: Annotated[bool, typer.Option("--no-claude", help="Leave Claude Code out, for another engine.")] = False,
) -> None:
    """Build the workers' image with this machine's Docker engine, under the name that the settings expect.

    Needed once, and again after the factory was updated; `factory doctor` tells when. Before the image's name it says which digest
    it was built on; name that with docker_base or --base, as NAME:TAG@sha256:..., to build on the same one again.

    \b
    Examples:
      factory image build
      factory image build --base debian-with-my-compilers:12 --no-claude
      factory image build --base python@sha256:<64 digits>
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    from factory.config import load
    from factory.wiring_docker import build_image

    settings = load(os.environ, Path.cwd())
    said = build_image(settings, base, platform, offline=offline, with_claude=not no_claude)
    name = _last(said)
    sys.stderr.flush()
    show(name)


def _last(said: Iterator[str]) -> str:
    """Tells what comes and returns the last of it."""
    last = ""
    for line in said:
        if clean_line(last):
            note(clean_line(last))
        last = line
    return last
