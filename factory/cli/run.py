"""`factory run`: one item in the foreground, by the factory that runs or by one started for it alone."""

import os
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factory.cli.board import SUCCEEDED
from factory.cli.client import ask, here, new_command, operator, view
from factory.cli.exits import Exit, TimedOut
from factory.cli.item import attempts_told
from factory.cli.orders import (
    Base,
    Engine,
    MaxIterations,
    Priority,
    Repo,
    SpecFile,
    Title,
    Wish,
    make_order,
    missing_for,
    refuse_what_it_lacks,
)
from factory.cli.output import fields, note, show, show_json
from factory.domain.durations import parse_duration
from factory.errors import Conflict, FactoryError, InvalidInput
from factory.paths import Paths, running_root

if TYPE_CHECKING:
    from factory.protocol.commands import Submit


def register(app: typer.Typer) -> None:
    app.command()(run)


def run(
    context: typer.Context,
    *,
    repo: Repo,
    spec: SpecFile,
    engine: Engine,
    base: Base = "",
    title: Title = "",
    max_iterations: MaxIterations = 50,
    timeout: Annotated[str, typer.Option(help="Give up after so long, as in 30m; the item is cancelled then.", metavar="DURATION")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the end as JSON.")] = False,
) -> None:
    """Work on one spec now, until its pull request is there.

    Shows how it goes. Uses the factory that runs, else starts one for this item alone and stops it again. Exit code 0: the pull request is
    there; 1: it is not, and the reason is shown.

    \b
    Examples:
      factory run --repo . --spec SPEC.md --engine claude
      factory run --repo git@example.org:me/app.git --spec SPEC.md --engine 'command:my-agent --fast' --base develop
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    paths = here(context)
    seconds = _seconds(timeout)
    order = make_order(Wish(repo, spec, engine, base, title, Priority.HIGH, 0.0, max_iterations))
    if running_root(paths) is None:
        _refuse_without_access(order.engine)
        ended = _run_by_own(paths, order, seconds, json=json)
    else:
        _refuse_if_busy_with_another(paths)
        refuse_what_it_lacks(paths, order.engine)
        ask(paths, order)
        note(f"{order.item}: {order.title}")
        ended = follow_to_the_end(paths, order.item, order.title, seconds, json=json)
    raise typer.Exit(ended)


def _refuse_without_access(engine: str) -> None:
    """Before anything is started; a factory that runs already has its own environment, and is asked what it lacks."""
    if missing := missing_for(engine):
        raise InvalidInput(missing)


def follow_to_the_end(paths: Paths, item: str, title: str, timeout: float | None = None, *, json: bool = False) -> Exit:
    """Follows an item of a factory that somebody else runs; Ctrl-C only ends the following."""
    from factory.cli.follow import follow

    try:
        follow(paths, {item: title}, timeout=timeout)
    except TimedOut as error:
        _cancel(paths, item)
        raise TimedOut(f"{str(error).rstrip('.')}; {item} is cancelled.") from error
    except KeyboardInterrupt:
        chosen = f" --data {shlex.quote(str(paths.data))}"
        note(f"The factory goes on with {item}. Look at it: factory{chosen} show {item}")
        note(f"Follow it: factory{chosen} logs {item} -f    End it: factory{chosen} cancel {item}")
        return Exit.INTERRUPTED
    return report(paths, item, json=json)


def report(paths: Paths, item: str, *, json: bool = False) -> Exit:
    """Prints how an item ended, and says so by the exit code."""
    data = view(paths, "item", item)
    row: dict[str, Any] = data["item"]
    if json:
        show_json("run", data)
    else:
        show("\n".join(fields(_end(data))))
    return Exit.OK if row.get("status") in SUCCEEDED else Exit.FAILED


def _run_by_own(paths: Paths, order: "Submit", timeout: float | None, *, json: bool) -> Exit:
    from factory.cli.follow import follow
    from factory.cli.own_factory import OwnFactory, ended_by_sigterm

    environ = {**os.environ, "FACTORY_ONLY": order.item, "FACTORY_COOLDOWN": "0s"}
    note(f"{order.item}: {order.title}")
    note(f"No factory runs, so one is started for this item alone (data in {paths.data}).")
    with ended_by_sigterm(), OwnFactory(paths, environ) as factory:
        try:
            ask(paths, order)
            follow(paths, {order.item: order.title}, alive=factory.check, timeout=timeout)
            ended = report(paths, order.item, json=json)
            note(f"The factory stops again. To look at what it keeps: factory up --detach, then: factory show {order.item}")
            return ended
        except TimedOut as error:
            _cancel(paths, order.item)
            raise TimedOut(f"{str(error).rstrip('.')}; {order.item} is cancelled.") from error
        except KeyboardInterrupt:
            note(f"Stopping; {order.item} is cancelled.")
            _cancel(paths, order.item)
            return Exit.INTERRUPTED
        except (FactoryError, SystemExit):
            _cancel(paths, order.item)
            raise


def _cancel(paths: Paths, item: str) -> None:
    """Else the next factory on this data would go on with an item that nobody waits for."""
    from factory.cli.own_factory import undisturbed
    from factory.protocol.commands import Steer

    with undisturbed(), suppress(FactoryError):
        ask(paths, Steer(new_command(), "cancel", item, operator()))


def _refuse_if_busy_with_another(paths: Paths) -> None:
    only = view(paths, "status").get("only")
    if only:
        raise Conflict(
            f"The factory on {paths.data} was started for {only} alone and stops after it: try again then, "
            "or give this one a data folder of its own with --data."
        )


def _end(data: dict[str, Any]) -> list[tuple[str, object]]:
    row, pull, attempts = data["item"], data.get("pull_request") or {}, data.get("attempts") or [{}]
    last: dict[str, Any] = attempts[-1]
    done = row.get("status") in SUCCEEDED
    return [
        ("item", row.get("id")),
        ("status", row.get("status")),
        ("reason", "" if done else row.get("reason") or row.get("why")),
        ("attempts", attempts_told(row, data.get("max_attempts"))),
        ("iterations", last.get("iterations")),
        ("commits", last.get("commits")),
        ("branch", pull.get("branch") or (row.get("branch") if done else "")),
        ("commit", pull.get("head")),
        ("pull request", f"#{pull['number']} {pull.get('url') or ''}" if pull.get("number") else ""),
    ]


def _seconds(text: str) -> float | None:
    try:
        return parse_duration(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"--timeout: {text!r} {error}.") from error
