"""Commands of a person who steps in: a note to the agent, a lock taken away, everything stopped at once."""

from typing import Annotated

import typer

from factory.cli.ask import Item
from factory.cli.client import ask, here, item_id, new_command, operator, view
from factory.cli.output import note
from factory.errors import InvalidInput, NotFound
from factory.paths import Paths

Text = Annotated[str, typer.Argument(help="What the agent is to know; - reads stdin.", metavar="TEXT")]


def register(app: typer.Typer) -> None:
    app.command("note")(note_to_agent)
    app.command("unlock")(unlock)
    app.command("emergency-stop")(emergency_stop)


def note_to_agent(context: typer.Context, item: Item, text: Text) -> None:
    """Have the agent of an item read something.

    It finds the note at its next iteration, and so does each attempt after this one. An item that waits keeps it for its next attempt.

    \b
    Examples:
      factory note 7k2 'Use the parser in lib/, do not write another one.'
      factory note 7k2 - < hints.md
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    from factory.protocol.commands import MAX_NOTE

    said = (typer.get_text_stream("stdin").read(MAX_NOTE + 1) if text == "-" else text).strip()
    check_note(said)
    paths = here(context)
    known = item_id(paths, item)
    note(f"{known}: {who_reads(hand_note(paths, known, said))}.")


def check_note(said: str) -> None:
    """Raises `InvalidInput` where it is empty or too long."""
    from factory.protocol.commands import MAX_NOTE

    if not 0 < len(said) <= MAX_NOTE:
        raise InvalidInput(f"A note has 1 to {MAX_NOTE:,} characters; this one has {'more' if said else 'none'}.")


def hand_note(paths: Paths, item: str, said: str) -> str:
    """Hands a note to the agent of an item; the worker that reads it, empty where none works on the item.

    Raises:
        InvalidInput: it is empty or too long.
        FactoryUnreachable, NotFound, Conflict, Refused, Retryable: as `ask` does.
    """
    from factory.protocol.commands import Steer

    check_note(said)
    answer = ask(paths, Steer(new_command(), "note", item, operator(), None, said))
    return str(answer.get("read_by") or "") if isinstance(answer, dict) else ""


def who_reads(reader: str) -> str:
    """What becomes of a note that was accepted, in words."""
    return f"{reader} reads it at its next iteration" if reader else "kept for the next attempt"


def unlock(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="As `factory locks` shows it.", metavar="FILE")],
    *,
    repo: Annotated[str, typer.Option(help="The repository, where the file is locked in several.", metavar="REPO")] = "",
) -> None:
    """Take a file lock away from the worker that holds it.

    The worker is not told: it may go on with what it was about to write. For locks that outlived their reason.

    \b
    Example:
      factory unlock src/app.py
    """  # noqa: D301
    from factory.protocol.commands import ReleaseLock

    paths = here(context)
    held = [row for row in view(paths, "locks").get("locks") or () if row["file_path"] == file and repo in {"", row["repo"]}]
    if not held:
        raise NotFound(f"{file} is not locked; `factory locks` shows what is.")
    if len(held) > 1:
        raise InvalidInput(f"{file} is locked in {len(held)} repositories: name one with --repo {held[0]['repo']}.")
    row = held[0]
    ask(paths, ReleaseLock(new_command(), row["repo"], file, row["worker_id"], operator()))
    note(f"{file} is free; {row['worker_id']} had it.")


def emergency_stop(context: typer.Context) -> None:
    """Stop all agents at once, and start none until `factory resume`.

    Their items are queued again, and nothing counts against them. The factory itself goes on: what is finished is still published.

    \b
    Example:
      factory emergency-stop
    """  # noqa: D301
    from factory.protocol.commands import EmergencyStop

    answer = ask(here(context), EmergencyStop(new_command(), operator()))
    stopped = (answer.get("stopped") if isinstance(answer, dict) else None) or []
    note(f"Stopped: {', '.join(stopped) if stopped else 'nothing was at work'}. No agent is started until `factory resume dispatch`.")
