"""`factory down`: gives work back, or lets it finish, or leaves it to the next factory."""

import os
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factory.cli.client import here, view
from factory.cli.exits import TimedOut
from factory.cli.output import note
from factory.domain.durations import parse_duration
from factory.errors import ActorUnavailable, FactoryError, InvalidInput, Refused, Retryable
from factory.paths import Paths, running_root

if TYPE_CHECKING:
    from factory.protocol.supervisor_mail import StopMode

_LOOK_SECONDS = 0.05
_SHOW_SECONDS = 0.5

_ASK_SECONDS = 3.0
"""The root answers in milliseconds; one that is just starting reads its mail within a second or two."""

_USUAL, _DRAINING = "60s", "24h"


def register(app: typer.Typer) -> None:
    app.command()(down)


def down(
    context: typer.Context,
    *,
    drain: Annotated[bool, typer.Option("--drain", help="Start nothing more, and stop when what runs has finished.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Leave workers running; the next `factory up` takes them over.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Give work under way back to the queue: the default, also while it drains.")] = False,
    timeout: Annotated[
        str | None,
        typer.Option(help=f"How long to wait until it has stopped [default: {_USUAL}, with --drain {_DRAINING}].", metavar="DURATION"),
    ] = None,
) -> None:
    """Stop the running factory.

    What is under way goes back to the queue; the next `factory up` goes on with it.

    \b
    Examples:
      factory down
      factory down --drain --timeout 2h
      factory down --detach && factory up --detach
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    mode = _mode(drain=drain, detach=detach, now=now)
    paths = here(context)
    seconds = _seconds(timeout or (_DRAINING if mode == "drain" else _USUAL))
    pid = running_root(paths)
    if pid is None:
        note(f"No factory runs on {paths.data}.")
        return
    _ask(paths, pid, mode)
    deadline = time.monotonic() + seconds
    if mode == "drain":
        _drain(paths, pid, deadline)
    _wait_until_gone(paths, pid, deadline)
    note("The factory has stopped; its workers go on, and the next `factory up` takes them over." if detach else "The factory has stopped.")


def _mode(*, drain: bool, detach: bool, now: bool) -> "StopMode":
    if drain + detach + now > 1:
        raise InvalidInput("--drain, --detach and --now exclude each other: give one of them.")
    return "drain" if drain else "detach" if detach else "now"


def _ask(paths: Paths, pid: int, mode: "StopMode") -> None:
    from factory.protocol import mailbox as mail
    from factory.protocol.limiter_mail import RoomChanged
    from factory.transport.mailbox_link import MailboxClient

    with closing(MailboxClient(paths.run)) as mailbox:
        try:
            answer = mailbox.ask("supervisor", mail.Shutdown(mode), _ASK_SECONDS)
        except ActorUnavailable:
            if mode != "now":
                raise Retryable(f"The factory (process {pid}) does not answer; it may be starting or stopping.") from None
            os.kill(pid, signal.SIGTERM)
        else:
            if isinstance(answer, mail.Refused):
                raise Refused(f"The factory is not drained: {answer.reason}.")
            if mode == "drain":
                # Only to be quicker: the dispatcher asks by itself, on its tick.
                mailbox.tell("dispatcher", RoomChanged())


def _drain(paths: Paths, pid: int, deadline: float) -> None:
    shown = ""
    try:
        while running_root(paths) == pid:
            waits = _waits_for(paths)
            if waits and waits != shown:
                note(f"Nothing more is started. Waiting for {waits}.")
                shown = waits
            if time.monotonic() > deadline:
                raise TimedOut("The factory still drains; `factory down --drain` again waits on, `factory down` stops it now.")
            time.sleep(_SHOW_SECONDS)
    except KeyboardInterrupt:
        note("The factory goes on draining, and stops when it is done; `factory down` stops it now.")
        raise


def _waits_for(paths: Paths) -> str:
    """What is under way, in words; empty where nothing is, or the factory is just stopping."""
    try:
        data = view(paths, "status", timeout=_ASK_SECONDS)
    except FactoryError:
        return ""
    workers = [str(row.get("item")) for row in data.get("workers") or ()]
    results = [str(row.get("item")) for row in data.get("outbox") or () if not row.get("last_error")]
    told = [_counted(workers, "worker"), _counted(results, "pull request")]
    return " and ".join(part for part in told if part)


def _counted(items: list[Any], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'} ({', '.join(items)})" if items else ""


def _wait_until_gone(paths: Paths, pid: int, deadline: float) -> None:
    while running_root(paths) == pid or _lives(pid):
        if time.monotonic() > deadline:
            raise TimedOut(f"The factory (process {pid}) is still stopping; `factory down` again waits on.")
        time.sleep(_LOOK_SECONDS)


def _lives(pid: int) -> bool:
    """The lock is given up a moment before the process is gone. One that nobody collects is gone too."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"--timeout: {text!r} {error}.") from error
