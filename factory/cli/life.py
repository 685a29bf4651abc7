"""`factory up`; `factory down` is in `down`."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from factory.cli import down
from factory.cli.client import here
from factory.cli.output import note
from factory.errors import InvalidInput
from factory.paths import Paths, claim, prepare


def register(app: typer.Typer) -> None:
    app.command()(up)
    down.register(app)


def up(
    context: typer.Context,
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, as in max_workers=3; wins over files and environment.", metavar="K=V"),
    ] = None,
    lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False,
) -> None:
    """Run the factory, here or in the background.

    \b
    Examples:
      factory up
      factory up --detach --set max_workers=3 --set cooldown=0s
      FACTORY_HEARTBEAT=1s factory up
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    with _uncollected():
        from factory.config import Settings, load
        from factory.config_sources import ignored

    read_settings = partial(load, dict(os.environ), Path.cwd(), _flags(settings or []))
    # Read before anything is made or started, and again by a child: a mistake is told at once and here.
    loaded = read_settings()
    paths = here(context)
    if unknown := ignored(os.environ, frozenset(Settings.model_fields)):
        note(f"{', '.join(unknown)}: no such setting, so nothing is done with it; `factory config show` lists those there are.")
    if detach:
        _detach(paths, settings or [])
        return
    prepare(paths)
    if lifeline:
        threading.Thread(target=_leave_with_parent, name="lifeline", daemon=True).start()
    with claim(paths):
        from actors.fork_server import keep_socket_in
        from actors.launcher import warm_up
        from factory.domain.engine_keys import take

        # Before the first process is made: what is in the environment then, all of them inherit.
        credentials = take(os.environ, loaded.engine_keys)
        keep_socket_in(paths.fork)
        # Only to be ready sooner: where there is no room for a process, the supervisor tries again and says so.
        with suppress(OSError), _ctrl_c_ignored():
            warm_up(("actors.lean", "factory.wiring", "actors.preload"))
        with _uncollected():
            from factory.wiring import run_root

        raise typer.Exit(run_root(loaded, paths, credentials, read_settings))


@contextmanager
def _uncollected() -> Iterator[None]:
    """What is imported stays: a sixth of its time would go into looking at it again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """What is started meanwhile ignores it too: it goes to the whole group, and would end a fork server in its imports with a traceback."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _detach(paths: Paths, settings: list[str]) -> None:
    from factory.cli.own_factory import OwnFactory

    options = tuple(word for setting in settings for word in ("--set", setting))
    factory = OwnFactory(paths, os.environ, options=options, lasting=True)
    pid = factory.start()
    note(f"The factory runs in the background (process {pid}); its output goes to {factory.log}.")


def _flags(settings: list[str]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    for name, mark, _ in pairs:
        if not mark:
            raise InvalidInput(f"--set {name}: write it as NAME=VALUE, as in max_workers=3.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _leave_with_parent() -> None:
    """The parent holds the other end of stdin and never writes: it ends when the parent does, even by SIGKILL."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
