"""`factory-tui`: opens the dashboard on the factory of a data folder, running or not."""

import argparse
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from factory.config import load
from factory.errors import FactoryError
from factory.paths import Paths, locate

_EXAMPLES = """examples:
  factory-tui                        the factory of the usual data folder
  factory-tui --data ~/second        another one
  factory-tui --read-only            looks, and sends no command
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point. Exit codes are those of `factory`."""
    parser = argparse.ArgumentParser(
        prog="factory-tui",
        description="See and steer a running factory from the keyboard.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="data folder of the factory")
    parser.add_argument("--read-only", action="store_true", help="send no command")
    parser.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII; also FACTORY_ASCII=1")
    given = parser.parse_args(arguments)
    try:
        paths = locate(os.environ, given.data)
        heartbeat = load(os.environ, Path.cwd()).heartbeat
    except FactoryError as error:
        parser.error(str(error))
    _open(paths, heartbeat, plain=given.ascii or bool(os.environ.get("FACTORY_ASCII")), read_only=given.read_only)
    return 0


def _open(paths: Paths, heartbeat: float, *, plain: bool, read_only: bool) -> None:
    from factory.cli.client import operator
    from factory.transport.command_client import CommandClient
    from factory.transport.feed_subscriber import FeedSubscriber
    from tui.app import FactoryTui
    from tui.context import Context
    from tui.link import Link
    from tui.states import patience
    from tui.world import World

    link = Link(partial(FeedSubscriber, paths.run, heartbeat), partial(CommandClient, paths.run))
    FactoryTui(Context(World(), link, time.monotonic, patience(heartbeat), operator(), plain, read_only)).run()
