"""Talking about the processes of a running factory: through its journal as with all commands, and without it where it does not answer.

A journal that was stopped or hangs must not be what keeps an operator from starting it again, so there the supervisor is asked itself: its
inbox is a socket in the run folder that only its own user can open, as the command socket is.
"""

from typing import Any

from factory.cli.client import ask, raise_for, view
from factory.errors import ActorUnavailable, FactoryUnreachable, Retryable
from factory.paths import Paths, running_root
from factory.protocol.commands import SteerActor

JOURNAL_SECONDS = 3.0
"""The journal answers in milliseconds; one that waits for its store does not, for up to a minute."""

ROOT_SECONDS = 5.0
"""The root answers in milliseconds unless it has to make a new fork server first."""

LOOK_SECONDS = 1.0
"""For a question whose answer only makes an error message better."""


def tree_view(paths: Paths) -> dict[str, Any]:
    """The view `tree`.

    Raises:
        FactoryUnreachable: no factory runs there, or its root does not answer.
    """
    try:
        data = view(paths, "tree", timeout=JOURNAL_SECONDS)
        if data.get("tree"):
            return data
    except Retryable:
        if running_root(paths) is None:
            raise
    return supervisors_tree(paths)


def supervisors_tree(paths: Paths, seconds: float = ROOT_SECONDS) -> dict[str, Any]:
    """The same, from the supervisor itself."""
    from factory.protocol.mailbox import Children, Tree
    from factory.tree_view import view_of

    tree = _ask_supervisor(paths, Children(), seconds)
    return view_of(tree) if isinstance(tree, Tree) else {"tree": [], "stopping": ""}


def steer_actor(paths: Paths, order: SteerActor) -> dict[str, Any]:
    """Has an order begun. It may be said twice: the supervisor carries it out once.

    Raises:
        FactoryUnreachable: no factory runs there, or its root does not answer.
        NotFound, Refused: as the supervisor says.
    """
    try:
        data = ask(paths, order, JOURNAL_SECONDS)
    except Retryable:
        if running_root(paths) is None:
            raise
        reply = _ask_supervisor(paths, order)
        raise_for(reply)
        data = reply.data
    return data if isinstance(data, dict) else {}


def why_silent(paths: Paths) -> str:
    """Why commands find nobody who answers, one sentence with what mends it."""
    try:
        nodes = supervisors_tree(paths, LOOK_SECONDS)["tree"]
    except FactoryUnreachable:
        nodes = []
    journal = next((node for node in nodes if node["name"] == "journal"), None)
    if journal is not None and journal["state"] == "running":
        return "its journal gets no further, as while the database is away: `factory doctor` looks."
    if journal is None or journal["state"] in {"planned", "starting"}:
        return "it may be starting or stopping."
    by = f" ({journal['stopped_by']})" if journal["stopped_by"] else ""
    return f"its journal is {journal['state']}{by}: see `factory tree`; `factory actor start journal` starts it."


def _ask_supervisor(paths: Paths, question: object, seconds: float = ROOT_SECONDS) -> Any:  # noqa: ANN401 - each question has its own answer
    from factory.transport.mailbox_link import MailboxClient

    client = MailboxClient(paths.run)
    try:
        return client.ask("supervisor", question, seconds)
    except ActorUnavailable as error:
        raise FactoryUnreachable(f"The factory on {paths.data} is there but its supervisor does not answer; it may be stopped.") from error
    finally:
        client.close()
