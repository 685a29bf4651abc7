"""Commands about a factory on another machine: `--connect` with `--key`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from factory.errors import InvalidInput
from factory.paths import Paths

if TYPE_CHECKING:
    from factory.transport.operator_key import Remote

Connect = Annotated[str, typer.Option("--connect", help="A factory on another machine, as in tcp://HOST:7710.", metavar="ADDRESS")]
KeyFile = Annotated[Path | None, typer.Option("--key", help="With --connect: the file of `factory operator add`.", metavar="FILE")]


def place(paths: Paths, connect: str, key: Path | None) -> "Path | Remote":
    """What feed and commands are reached by: the run folder of this machine's factory, or the way to another.

    Raises:
        InvalidInput: one of both is missing or cannot be used.
    """
    if not connect and key is None:
        return paths.run
    if not connect or key is None:
        raise InvalidInput("--connect and --key belong together: the address of a factory, and the file of `factory operator add`.")
    from factory.transport.operator_key import Remote

    return Remote.read(connect, key)
