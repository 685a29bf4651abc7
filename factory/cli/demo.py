"""`factory demo`: the main job on a fresh machine, with a sample repository, and a program that plays the agent or Claude Code."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from factory.cli.board import SUCCEEDED
from factory.cli.client import ask, view
from factory.cli.exits import Exit
from factory.cli.orders import Priority, Wish, make_order
from factory.cli.output import note, show, table
from factory.config_sources import INHERITED
from factory.domain.durations import show_duration
from factory.errors import FactoryError, InvalidInput
from factory.paths import Paths, fresh_folder

if TYPE_CHECKING:
    from factory.protocol.commands import Submit

_SETTINGS = {"FACTORY_MAX_WORKERS": "3", "FACTORY_COOLDOWN": "0s", "FACTORY_HEARTBEAT": "500ms", "FACTORY_MIN_FREE_DISK": "10m"}
_HEARTBEAT_SECONDS = 0.5
_DONE_SECONDS = 900.0
"""Six items of a few seconds each, on a machine that is busy with something else."""
_STAYS = ("FACTORY_ISOLATION",)
_STOPS = (signal.SIGINT, signal.SIGTERM)
_MODEL = "FACTORY_DEMO_MODEL_URL"
"""Where Claude Code finds a stand-in for its model: then it needs no account."""


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    *,
    engine: Annotated[str, typer.Option(envvar="ENGINE", help="Who works: demo, a small program, or claude, with your account.")] = "demo",
    tui: Annotated[
        bool | None, typer.Option("--tui/--no-tui", help="Watch it in the dashboard, or in lines. On a terminal: the dashboard.")
    ] = None,
) -> None:
    """See six specs become pull requests.

    In a sample repository of its own, with a small program as the agent; needs no account, key, database or Docker. With ENGINE=claude
    the real agent works, with your account, or with the model that FACTORY_DEMO_MODEL_URL names.

    On a terminal the dashboard opens on it; q closes that, and Ctrl-C stops all.

    \b
    Examples:
      factory demo
      factory demo --no-tui
      ENGINE=claude factory demo
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    if engine not in {"demo", "claude"}:
        raise InvalidInput(f"ENGINE={engine}: this engine is not known; the demo runs with demo or claude.")
    if engine == "claude":
        _log_in()
    watched = _is_watched(tui)
    with _stopped_once():
        _run(engine, tui=watched)


def _run(engine: str, *, tui: bool) -> NoReturn:
    folder = fresh_folder("factory-demo-")
    try:
        ended = _play(folder, engine, tui=tui)
    except (KeyboardInterrupt, SystemExit, BrokenPipeError):
        _remove([folder])
        note("The demo was stopped; nothing of it is left.")
        raise
    except FactoryError:
        _tell_logs(folder)
        raise
    if ended is Exit.OK:
        # The remote stays to be looked at.
        _remove([folder / name for name in ("data", "run", "specs", "config")])
        show(f"Remove it when you have seen enough: rm -r {folder}")
    else:
        _tell_logs(folder)
    raise typer.Exit(ended)


@contextmanager
def _stopped_once() -> Iterator[None]:
    """Ctrl-C and SIGTERM unwind the stack, once: what comes after the first must not cut short the removing of what is left."""
    before = {each: signal.signal(each, lambda number, _: _stop(number)) for each in _STOPS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _stop(number: int) -> NoReturn:
    for each in _STOPS:
        signal.signal(each, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _is_watched(asked: bool | None) -> bool:  # noqa: FBT001 - the option as it was given
    """Whether the dashboard opens. Raises `InvalidInput` where it was asked for and there is no terminal."""
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)) and os.environ.get("TERM", "dumb") != "dumb"
    if asked and not terminal:
        raise InvalidInput("--tui: the dashboard needs a terminal, and this is none; --no-tui tells its progress in lines.")
    return terminal if asked is None else asked


def _log_in() -> None:
    """To the model's stand-in, where one is named: then no account of the user is touched.

    Raises:
        InvalidInput: there is nothing to log in with, or no program.
    """
    from factory.integrations.claude_code import ADDRESS, KEY, TOKEN, missing

    address = os.environ.get(_MODEL)
    if address:
        os.environ.pop(TOKEN, None)
        os.environ.update({ADDRESS: address, KEY: "demo"})
    if lacking := missing(os.environ):
        raise InvalidInput(lacking)


def _play(folder: Path, engine: str, *, tui: bool) -> Exit:
    from factory.cli.follow import follow
    from factory.cli.own_factory import OwnFactory
    from factory.demo.sample import make_remote

    remote = make_remote(folder)
    # A run folder of its own: the short path that sockets need, whatever the environment says.
    paths = Paths(folder / "data", folder / "run")
    note(f"A sample repository is in {remote}. The factory starts; its first start makes a database.")
    with OwnFactory(paths, _environment(folder), folder=folder) as factory:
        _tell_isolation(paths, engine)
        orders = _submit_all(paths, folder, remote, engine)
        names = {order.item: order.title for order in orders}
        if tui:
            _watch(paths, list(names))
        # Whoever closed the dashboard early sees the rest in lines; where all is over this returns at once.
        follow(paths, names, alive=factory.check, timeout=_DONE_SECONDS, heartbeat=_HEARTBEAT_SECONDS)
        views = [view(paths, "item", order.item) for order in orders]
    return _report(views, remote)


def _watch(paths: Paths, items: list[str]) -> None:
    """Stops the demo where a signal ended it."""
    from factory.cli.dashboard import watch_demo

    if stopped_by := watch_demo(paths, items, os.environ):
        _stop(stopped_by)


def _environment(folder: Path) -> dict[str, str]:
    """The user's own settings, files and server are not for the demo."""
    foreign = {name for name in os.environ if name.startswith("FACTORY_") and name not in _STAYS}
    kept = {name: value for name, value in os.environ.items() if name not in foreign | INHERITED.keys()}
    claude = {name: os.environ[name] for name in ("CLAUDE_BIN",) if name in os.environ}
    return {**kept, **claude, **_SETTINGS, "XDG_CONFIG_HOME": str(folder / "config")}


def _tell_isolation(paths: Paths, engine: str) -> None:
    grade = str(view(paths, "status").get("isolation") or "unknown")
    meaning = {
        "confined": "kept from your files and processes",
        "unconfined": "plain processes with the rights of this user",
    }.get(grade, "see `factory status`")
    agents = {"demo": "a demo agent: a small program that knows these tasks only", "claude": "Claude Code"}
    note(f"Workers are {grade}: {meaning}. The agent is {agents[engine]}.")


def _submit_all(paths: Paths, folder: Path, remote: Path, engine: str) -> list["Submit"]:
    from factory.demo import sample

    command = sample.engine() if engine == "demo" else engine
    wishes = [Wish(str(remote), spec.file, command, priority=Priority(spec.priority)) for spec in sample.write_specs(folder)]
    orders = [make_order(wish) for wish in wishes]
    for order in orders:
        ask(paths, order)
    return orders


def _report(views: list[dict[str, Any]], remote: Path) -> Exit:
    from factory.demo.sample import heads

    branches = heads(remote)
    done = [_is_delivered(each, branches) for each in views]
    heading = ("ITEM", "PRIORITY", "STATUS", "ITERATIONS", "COMMITS", "BRANCH", "PULL REQUEST", "TIME", "TITLE")
    show("\n".join(["", *table(heading, [_row(each) for each in views], status=2), ""]))
    for each, delivered in zip(views, done, strict=True):
        if not delivered:
            note(f"{each['item']['id']}: {each['item'].get('reason') or 'no pull request with the branch behind it'}")
    if not all(done):
        return Exit.FAILED
    show(f"{len(done)} pull requests. Look at one:")
    show(f"  git -C {remote} log --oneline factory/{views[0]['item']['id']}")
    show(f"  git -C {remote} diff main factory/{views[0]['item']['id']}")
    return Exit.OK


def _is_delivered(found: dict[str, Any], branches: dict[str, str]) -> bool:
    """Not the factory's word alone: the remote itself must have the commit that the pull request names."""
    pull = found.get("pull_request") or {}
    ended = found["item"].get("status") in SUCCEEDED
    return bool(ended and pull.get("number") and branches.get(str(pull.get("branch"))) == pull.get("head"))


def _row(found: dict[str, Any]) -> list[object]:
    item, pull, attempts = found["item"], found.get("pull_request") or {}, found.get("attempts") or [{}]
    counts = [sum(int(each.get(name) or 0) for each in attempts) for name in ("iterations", "commits")]
    number = f"#{pull['number']}" if pull.get("number") else ""
    told = [item.get("id"), item.get("priority_name"), item.get("status"), *counts, pull.get("branch") or "", number]
    return [*told, _lasted(item), item.get("title")]


def _lasted(item: dict[str, Any]) -> str:
    began, ended = item.get("started_at"), item.get("completed_at")
    return show_duration(ended - began) if isinstance(began, float) and isinstance(ended, float) else ""


def _tell_logs(folder: Path) -> None:
    note(f"What the factory wrote is in {folder / 'data' / 'logs'}.")


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        if folder.exists():
            try:
                shutil.rmtree(folder)
            except OSError as error:
                note(f"{folder} could not be removed: {error.strerror or error}.")
