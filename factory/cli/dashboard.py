"""`factory-tui`: opens the dashboard on the factory of a data folder, running or not, or on one of another machine."""

import gc

from factory.cli.first_paint import FirstPaint, open_picture

TYPE_CHECKING = False
"""As `typing` has it, which the first picture does not wait for."""

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from factory.config import Settings
    from factory.paths import Paths
    from factory.transport.command_client import CommandClient
    from factory.transport.operator_key import Remote
    from tui.app import FactoryTui
    from tui.context import Context

_EXAMPLES = """examples:
  factory-tui                        the factory of the usual data folder
  factory-tui --data ~/second        another one
  factory-tui --replay --since 2h    shows what was, from the events
  factory-tui --read-only            looks, and sends no command
  factory-tui --connect tcp://HOST:7710 --key FILE

? shows the keys; [keys] in factory.toml gives others. NO_COLOR and FACTORY_ASCII=1 are honoured.
"""


def main(arguments: "Sequence[str] | None" = None) -> int:
    """The entry point. Exit codes are those of `factory`."""
    # Before all imports that cost anything: a start is felt from its first picture on.
    picture = open_picture() if arguments is None else None
    # Imports make a lot and leave no garbage.
    gc.disable()
    from factory.cli.terminal_signals import closed_by_signals, die_of

    def give_up(number: int) -> None:
        if picture is not None:
            picture.take_back()
        die_of(number)

    try:
        with closed_by_signals(give_up):
            return _main(arguments, picture)
    finally:
        gc.enable()
        if picture is not None:
            picture.take_back()


def _main(arguments: "Sequence[str] | None", picture: FirstPaint | None) -> int:
    import os
    from pathlib import Path

    from factory.cli.exits import code_of
    from factory.cli.output import note
    from factory.config import load
    from factory.errors import FactoryError
    from factory.paths import locate

    given = _parser().parse_args(arguments)
    try:
        return _open(locate(os.environ, given.data), load(os.environ, Path.cwd()), given, os.environ, picture)
    except FactoryError as error:
        if picture is not None:
            picture.take_back()
        note(f"factory-tui: {error}")
        return int(code_of(error))


def _parser() -> "argparse.ArgumentParser":
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(
        prog="factory-tui",
        description="See and steer a running factory from the keyboard.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="data folder of the factory")
    parser.add_argument("--connect", default="", metavar="ADDRESS", help="a factory on another machine, as in tcp://HOST:7710")
    parser.add_argument("--key", type=Path, metavar="FILE", help="with --connect: the file of `factory operator add`")
    parser.add_argument("--replay", action="store_true", help="show what was, read-only: space stops, . and , step, f is faster")
    parser.add_argument("--since", default="2h", metavar="TIME", help="with --replay: how long ago it begins [default: 2h]")
    parser.add_argument("--read-only", action="store_true", help="send no command")
    parser.add_argument("--quiet", action="store_true", help="never ring the terminal's bell")
    parser.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII; also FACTORY_ASCII=1")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    return parser


def _open(
    paths: "Paths",
    settings: "Settings",
    given: "argparse.Namespace",
    environ: "Mapping[str, str]",
    picture: FirstPaint | None,
) -> int:
    from functools import partial

    from factory.cli.terminal_signals import closed_by_signals
    from factory.transport.command_client import CommandClient
    from tui.app import FactoryTui

    where = _place(paths, given)
    context = _context(where, paths, settings, given, environ)
    app = _replayed(context, partial(CommandClient, where), given.since, settings) if given.replay else FactoryTui(context, settings.keys)
    # What has been imported stays for good: to look through it for garbage would stop a key now and then for as long as a frame.
    gc.freeze()
    gc.enable()
    with closed_by_signals(app.stop):
        if picture is not None:
            picture.hand_over()
        app.run(mouse=not given.no_mouse)
    if app.picture and not given.connect:
        FirstPaint(paths.data).keep(app.picture)
    return 128 + app.stopped_by if app.stopped_by else app.return_code or 0


def watch_demo(paths: "Paths", items: "Collection[str]", environ: "Mapping[str, str]") -> int:
    """The dashboard on a demo's factory, until it is closed.

    Signals that ask to stop close it, and the terminal is given back first; an exception in the midst of it would leave it as it is.

    Args:
        items: ids of what the demo handed in.

    Returns:
        The signal by which the demo was asked to stop, 0 where it was not.
    """
    from factory.cli.terminal_signals import closed_by_signals
    from factory.config import Settings
    from tui.demo_app import DemoTui

    app = DemoTui(_context(paths.run, paths, Settings(), _parser().parse_args([]), environ), items)
    try:
        with closed_by_signals(app.stop):
            app.run()
    finally:
        app.context.link.close()
    return app.stopped_by


def _context(
    where: "Path | Remote", paths: "Paths", settings: "Settings", given: "argparse.Namespace", environ: "Mapping[str, str]"
) -> "Context":
    from functools import partial
    from pathlib import Path

    from factory.cli.client import operator
    from factory.clock import SystemClock
    from factory.transport.command_client import CommandClient
    from factory.transport.feed_subscriber import FeedSubscriber
    from tui.context import Context
    from tui.link import Link
    from tui.states import patience
    from tui.world import World

    clock = SystemClock()
    return Context(
        World(),
        Link(partial(FeedSubscriber, where, settings.heartbeat), partial(CommandClient, where)),
        clock.monotonic,
        patience(settings.heartbeat, settings.stalled_after),
        operator(),
        plain=given.ascii or bool(environ.get("FACTORY_ASCII")),
        read_only=given.read_only,
        quiet=given.quiet,
        place=given.connect or str(paths.run),
        workers=None if given.connect else paths.workers,
        saves=Path.cwd(),
        wall=clock.now,
    )


def _replayed(context: "Context", commands: "Callable[[], CommandClient]", since: str, settings: "Settings") -> "FactoryTui":
    """The same screens over a feed that tells what was. Raises `InvalidInput`."""
    from factory.domain.durations import parse_duration
    from factory.errors import InvalidInput
    from tui.link import Link
    from tui.replay_app import ReplayTui
    from tui.replay_feed import Controls, ReplayFeed

    try:
        seconds = parse_duration(since)
    except ValueError as error:
        raise InvalidInput(f"--since {since} {error}.") from error
    controls = Controls()
    context.link = Link(lambda: ReplayFeed(commands, controls, seconds, wall=context.wall, clock=context.clock), commands)
    context.read_only = context.quiet = True
    return ReplayTui(context, controls, settings.keys)


def _place(paths: "Paths", given: "argparse.Namespace") -> "Path | Remote":
    if not given.connect and given.key is None:
        return paths.run
    from factory.cli.elsewhere import place

    return place(paths, given.connect, given.key)
