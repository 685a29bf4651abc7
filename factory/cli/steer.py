"""Commands that change one item: kill, retry, cancel, approve, reject, priority."""

from typing import Annotated, Any

import typer

from factory.cli.ask import Item
from factory.cli.client import ask, here, item_id, new_command, operator
from factory.cli.orders import Priority
from factory.cli.output import note
from factory.errors import InvalidInput

Why = Annotated[str, typer.Option("--reason", help="Why, for those who read the item later; - reads stdin.", metavar="TEXT")]
Epoch = Annotated[int | None, typer.Option("--epoch", help="Refuse when the item is at another attempt than the one you looked at.")]

_MOST_READ = 100_000
"""Characters from stdin; what is longer is refused without reading it to its end."""


def register(app: typer.Typer) -> None:
    for command in (kill, retry, cancel, approve, reject):
        app.command()(command)
    app.command("priority")(prioritise)


def kill(context: typer.Context, item: Item, *, epoch: Epoch = None) -> None:
    """End the running attempt.

    It counts as one, and the item goes back to the queue while it has attempts left.

    \b
    Example:
      factory kill 7k2
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    _steer(context, "kill", item, epoch)


def retry(context: typer.Context, item: Item, *, epoch: Epoch = None) -> None:
    """Queue an ended or waiting item again.

    All its attempts are given back to it.

    \b
    Example:
      factory retry 7k2
    """  # noqa: D301
    _steer(context, "retry", item, epoch)


def cancel(context: typer.Context, item: Item, *, epoch: Epoch = None) -> None:
    """End an item for good; a running attempt is stopped.

    \b
    Example:
      factory cancel 7k2
    """  # noqa: D301
    _steer(context, "cancel", item, epoch)


def approve(context: typer.Context, item: Item, *, epoch: Epoch = None) -> None:
    """Say yes to the result that waits for it.

    Exactly that result is published then.

    \b
    Example:
      factory show 7k2 && factory approve 7k2
    """  # noqa: D301
    _steer(context, "approve", item, epoch)


def reject(context: typer.Context, item: Item, *, reason: Why = "", epoch: Epoch = None) -> None:
    """Say no to the result that waits for approval.

    The item is cancelled then, with your reason in it and in its events.

    \b
    Examples:
      factory reject 7k2
      factory reject 7k2 --reason 'It drops the tests of the parser.'
    """  # noqa: D301
    from factory.domain.clean import clean_line
    from factory.protocol.commands import MAX_WHY

    said = clean_line(typer.get_text_stream("stdin").read(_MOST_READ) if reason == "-" else reason)
    if len(said) > MAX_WHY:
        raise InvalidInput(f"--reason: it has at most {MAX_WHY:,} characters; say the rest where you say it to people.")
    _steer(context, "reject", item, epoch, said)


def prioritise(context: typer.Context, item: Item, level: Annotated[Priority, typer.Argument(metavar="critical|high|medium|low")]) -> None:
    """Move a waiting item forward or back.

    \b
    Example:
      factory priority 7k2 critical
    """  # noqa: D301
    _steer(context, "prioritise", item, None, str(level.number))


def _steer(context: typer.Context, verb: Any, text: str, epoch: int | None, argument: str = "") -> None:  # noqa: ANN401
    from factory.protocol.commands import Steer

    paths = here(context)
    item = item_id(paths, text)
    answer = ask(paths, Steer(new_command(), verb, item, operator(), epoch, argument))
    status = answer.get("status") if isinstance(answer, dict) else None
    note(f"{verb} {item}: {f'it is {status} now' if status else 'done'}.")
