"""`factory actor stop|start|restart NAME`: the word of an operator about one process of the tree."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from factory.cli.client import here, new_command, operator
from factory.cli.exits import TimedOut
from factory.cli.output import note
from factory.domain.durations import parse_duration
from factory.errors import InvalidInput

if TYPE_CHECKING:
    from factory.paths import Paths

_LOOK_SECONDS = 0.1

_HELP = """Stop, start or restart one process of the factory: an actor, by its name in `factory tree`."""

Name = Annotated[str, typer.Argument(help="As `factory tree` shows it.", metavar="NAME")]
Timeout = Annotated[str, typer.Option(help="How long to wait until it is done.", metavar="DURATION")]
Node = Mapping[str, Any]

group = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    for command in (stop, start, restart):
        group.command()(command)
    app.add_typer(group, name="actor")


def stop(context: typer.Context, name: Name, *, timeout: Timeout = "60s") -> None:
    """Stop one actor, and keep it stopped until `factory actor start`.

    Nothing else starts it again, also not the restart of those around it. It lasts as long as this run of the factory: the next
    `factory up` starts all.

    \b
    What waits while it is stopped, and is made up for afterwards:
      queue       submissions, claims and results; workers work on
      limiter     the start of workers
      locks       edits of files that are to be locked
      gateway     all that workers say; those not heard for 4 heartbeats are queued again
      dispatcher  the start of workers, the clearing away of old ones
      journal     every command but `factory tree`, `factory actor` and `factory down`
      delivery    checks of results and pull requests
      learner     learnings, to be taken and to be given

    Refused for `database`, without which nothing works (`factory down`), and for the actor of a worker (`factory kill ITEM`).

    \b
    Examples:
      factory actor stop delivery
      factory actor stop dispatcher --timeout 10s
    """  # noqa: D301 - \b keeps the lines apart, and is no escape here
    paths, seconds = here(context), _seconds(timeout)
    _steer(paths, "stop", name)
    _wait(paths, name, seconds, lambda node: node["stopped_by"] != "" and node["pid"] is None)
    note(f"{name} is stopped; `factory actor start {name}` starts it again.")


def start(context: typer.Context, name: Name, *, timeout: Timeout = "60s") -> None:
    """Start an actor that was stopped, or that waits for its next try. One that runs goes on.

    \b
    Example:
      factory actor start delivery
    """  # noqa: D301
    paths, seconds = here(context), _seconds(timeout)
    _steer(paths, "start", name)
    node = _wait(paths, name, seconds, lambda node: node["state"] == "running")
    note(f"{name} runs (process {node['pid']}).")


def restart(context: typer.Context, name: Name, *, timeout: Timeout = "60s") -> None:
    """Stop an actor in order and start it again. The others go on; what they say to it meanwhile waits.

    Where it does not stop by itself in its time, it is killed. One that was stopped is started.

    \b
    Example:
      factory actor restart journal
    """  # noqa: D301
    paths, seconds = here(context), _seconds(timeout)
    before = _steer(paths, "restart", name).get("pid_before")
    node = _wait(paths, name, seconds, lambda node: node["state"] == "running" and node["pid"] != before)
    note(f"{name} runs (process {node['pid']}).")


def _steer(paths: "Paths", verb: Literal["stop", "start", "restart"], name: str) -> dict[str, Any]:
    from factory.cli.processes import steer_actor
    from factory.protocol.commands import SteerActor

    return steer_actor(paths, SteerActor(new_command(), verb, name, operator()))


def _wait(paths: "Paths", name: str, seconds: float, done: Callable[[Node], bool]) -> Node:
    """Looks until it is so. The supervisor itself is asked: the journal may be what is stopped."""
    from factory.cli.processes import supervisors_tree

    deadline = time.monotonic() + seconds
    while True:
        nodes: list[Node] = supervisors_tree(paths)["tree"]
        node = next((node for node in nodes if node["name"] == name), None)
        if node is not None and done(node):
            return node
        if time.monotonic() > deadline:
            state = f"it is {node['state']}{f', {reason}' if (reason := node['reason']) else ''}" if node else "it is gone"
            raise TimedOut(f"{name}: {state}; it goes on all the same, `factory tree` shows how.")
        time.sleep(_LOOK_SECONDS)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"--timeout: {text!r} {error}.") from error
