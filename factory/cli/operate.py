"""Commands about the factory as a whole: pause, resume, drain, reload, locks."""

import os
import signal
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factory.cli.ask import Json, Limit
from factory.cli.client import ask, here, new_command, operator, view
from factory.cli.exits import TimedOut
from factory.cli.output import note, show, show_json, table
from factory.cli.status import lasting
from factory.domain.durations import parse_duration
from factory.errors import FactoryUnreachable, InvalidInput
from factory.paths import running_root

if TYPE_CHECKING:
    from factory.domain.limits import Switchable, SwitchVerb
    from factory.paths import Paths

_LOOK_SECONDS = 0.25
_RELOAD_SECONDS = 1.5
"""The root reads its files in milliseconds and tells the limiter, which writes it down."""


class Part(StrEnum):
    """What can be stopped by itself."""

    INTAKE = "intake"
    DISPATCH = "dispatch"


Which = Annotated[Part | None, typer.Argument(help="New items, or the start of workers [default: both].", metavar="[intake|dispatch]")]


def register(app: typer.Typer) -> None:
    for command in (pause, resume, drain, reload, locks):
        app.command()(command)


def pause(context: typer.Context, part: Which = None) -> None:
    """Take no new items in and start no workers, until `factory resume`.

    What runs goes on to its end. It stays paused over a restart of the factory.

    \b
    Examples:
      factory pause
      factory pause dispatch
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    done = _switch(here(context), "pause", _parts(part))
    note(f"Paused: {', '.join(sorted(done['paused']))}. What runs goes on; `factory resume` ends the pause.")


def resume(context: typer.Context, part: Which = None) -> None:
    """Take back a pause or a drain, and use engines again that a limit holds.

    \b
    Example:
      factory resume
    """  # noqa: D301
    done = _switch(here(context), "resume", _parts(part))
    still, lifted = ", ".join(sorted(done["paused"])), ", ".join(done["lifted"])
    ended = f"Still paused: {still}." if still else "Work goes on: nothing is paused or drained any more."
    note(f"{ended}{f' Used again: {lifted}.' if lifted else ''}")


def drain(
    context: typer.Context,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until nothing runs any more.")] = False,
    timeout: Annotated[str, typer.Option(help="With --wait: give up after so long, as in 2h.", metavar="DURATION")] = "24h",
) -> None:
    """Start no workers any more, and let those that work finish.

    `factory status` says when it is drained. Ctrl-C ends the waiting, not the drain; `factory resume` ends the drain.

    \b
    Examples:
      factory drain --wait && factory down
      factory drain --wait --timeout 2h
    """  # noqa: D301
    seconds = _seconds(timeout)
    paths = here(context)
    _switch(paths, "drain", ("dispatch",))
    left = _at_work(paths)
    note(f"No worker is started any more; {left} at work." if left else "Drained: nothing runs.")
    if wait and left:
        _wait(paths, seconds)
        note("Drained: nothing runs.")


def reload(context: typer.Context) -> None:
    """Have the running factory read its settings again, as SIGHUP does.

    Those marked live in the README hold from then on; of the others it says that they need a restart. A mistake changes nothing.

    \b
    Example:
      factory reload
    """  # noqa: D301
    paths = here(context)
    before = _settings(paths)
    pid = running_root(paths)
    if pid is None:
        raise FactoryUnreachable(f"No factory runs on {paths.data}; it reads its settings when it starts.")
    os.kill(pid, signal.SIGHUP)
    deadline = time.monotonic() + _RELOAD_SECONDS
    # Nothing changes where nothing was changed, so that cannot be waited for any longer than this.
    while (found := _settings(paths)) == before and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    if problem := found.get("problem"):
        raise InvalidInput(f"The settings stay as they were: {problem}")
    restart = ", ".join(found.get("restart") or ())
    note(f"The settings were read again.{f' A restart is needed for {restart}.' if restart else ''}")


def _settings(paths: "Paths") -> dict[str, Any]:
    found = (view(paths, "status").get("limits") or {}).get("settings")
    return found if isinstance(found, dict) else {}


def locks(context: typer.Context, *, limit: Limit = 200, json: Json = False) -> None:
    """Which files are locked, and by which worker.

    \b
    Example:
      factory locks
    """  # noqa: D301
    data = view(here(context), "locks")
    data["locks"] = list(data.get("locks") or ())[:limit]
    if json:
        show_json("locks", data)
        return
    rows = [(row.get("file_path"), row.get("worker_id"), lasting(row.get("age")), row.get("repo")) for row in data["locks"]]
    show("\n".join(table(("FILE", "WORKER", "AGE", "REPO"), rows)) if rows else "No file is locked.")


def _switch(paths: "Paths", verb: "SwitchVerb", parts: "tuple[Switchable, ...]") -> dict[str, Any]:
    from factory.protocol.commands import Switch

    answer = ask(paths, Switch(new_command(), verb, parts, operator()))
    told = answer if isinstance(answer, dict) else {}
    return {"paused": told.get("paused") or {}, "lifted": told.get("lifted") or []}


def _parts(part: Part | None) -> "tuple[Switchable, ...]":
    return ("intake", "dispatch") if part is None else (part.value,)


def _wait(paths: "Paths", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while left := _at_work(paths):
        if time.monotonic() > deadline:
            raise TimedOut(f"{left} still at work; `factory drain --wait` again waits on.")
        time.sleep(_LOOK_SECONDS)


def _at_work(paths: "Paths") -> int:
    """Workers, and results on their way to their pull request."""
    data = view(paths, "status")
    return len(data.get("workers") or ()) + len(data.get("outbox") or ())


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"--timeout: {text!r} {error}.") from error
