"""Talking to the factory that runs on a data folder: requests in, views or errors out."""

import getpass
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from factory.errors import Conflict, FactoryError, FactoryUnreachable, InvalidInput, NotFound, Refused, Retryable
from factory.paths import Paths, locate, running_root

if TYPE_CHECKING:
    import typer

    from factory.protocol.commands import Reply, Request

ANSWER_SECONDS = 10.0
"""A command is carried out within a second; ten cover a database that just comes back."""

_ERRORS: Mapping[str, type[FactoryError]] = {
    "not_found": NotFound,
    "conflict": Conflict,
    "invalid": InvalidInput,
    "refused": Refused,
    "unavailable": Retryable,
}


def here(context: "typer.Context") -> Paths:
    """The folders of the factory that the command line means."""
    return locate(os.environ, context.obj)


def ask(paths: Paths, request: "Request", timeout: float = ANSWER_SECONDS) -> Any:  # noqa: ANN401 - a view is JSON
    """The answer's data. Timeout in seconds.

    Raises:
        FactoryUnreachable: no factory runs there, or it does not answer in time.
        NotFound, Conflict, InvalidInput, Refused, Retryable: as the factory says.
    """
    from factory.transport.command_client import CommandClient

    pid = running_root(paths)
    if pid is None:
        raise FactoryUnreachable(_not_there(paths))
    client = CommandClient(paths.run)
    try:
        reply = client.ask(request, timeout)
    except FactoryUnreachable as error:
        from factory.cli.processes import why_silent

        raise FactoryUnreachable(
            f"The factory on {paths.data} (process {pid}) is there but does not answer; {why_silent(paths)}"
        ) from error
    finally:
        client.close()
    raise_for(reply)
    return reply.data


def _not_there(paths: Paths) -> str:
    worked = paths.postgres.exists() or (paths.logs / "factory.log").exists()  # with an own database there is only the second
    kept = "What was done there is kept, and can be looked at once one runs" if worked else "Nothing was done there yet"
    return f"No factory runs on {paths.data}. {kept}: `factory up --detach` starts one."


def raise_for(reply: "Reply") -> None:
    """Raises NotFound, Conflict, InvalidInput, Refused or Retryable where the answer is not ok."""
    if reply.code != "ok":
        raise _ERRORS[reply.code](reply.reason)


def view(
    paths: Paths,
    what: Any,  # noqa: ANN401 - a literal of Query
    target: str = "",
    *,
    timeout: float = ANSWER_SECONDS,
    text: str = "",
    **more: Any,  # noqa: ANN401 - further fields of Query
) -> dict[str, Any]:
    """One of the views that `commands.Query` lists. Timeout in seconds."""
    from factory.protocol.commands import Query

    data = ask(paths, Query(what=what, target=target, text=text, **more), timeout)
    return data if isinstance(data, dict) else {}


def item_id(paths: Paths, text: str) -> str:
    """The whole id behind a unique prefix.

    Raises:
        NotFound, Conflict: no item begins so, or several do.
    """
    from factory.domain.ids import is_item_id

    wanted = text.strip().lower()
    return wanted if is_item_id(wanted) else str(view(paths, "item", wanted)["item"]["id"])


def new_command() -> str:
    """The id of a command: said again after a lost answer it is carried out once."""
    return secrets.token_hex(16)


def operator() -> str:
    """Who says it, for the audit trail."""
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return f"uid {os.getuid()}"
