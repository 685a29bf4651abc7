"""The agent: takes one assignment, works on it, says how it ended, and leaves."""

import contextlib
import logging
import secrets
import signal
import threading
from pathlib import Path

import msgspec

from factory.domain.engine_keys import secrets_of
from factory.domain.ids import Epoch, ItemId, worker_id
from factory.transport.agent_link import AgentLink, LinkConfig
from worker_agent.contact import EXIT_OK, Ended
from worker_agent.conversation import Conversation
from worker_agent.engines.base import EngineProblem
from worker_agent.engines.login import read_credential
from worker_agent.folders import Folders
from worker_agent.lock_paths import Ground
from worker_agent.lock_server import LockServer, socket_path
from worker_agent.loop import run_attempt
from worker_agent.outcome import report
from worker_agent.processes import Clock
from worker_agent.progress import watch
from worker_agent.session import Session
from worker_agent.way_out import open_way_out
from worker_agent.worksite import Site
from worker_agent.workspace import Workspace

FLUSH_SECONDS = 0.5
"""For the last lines of the log. All that counts has been acknowledged by then, or nobody wants it any more."""

_log = logging.getLogger(__name__)


class LinkFile(msgspec.Struct, frozen=True):
    """`in/link.json`, as the factory writes it. `heartbeat` in seconds.

    `source`: what is cloned instead of the assignment's source, on a machine that has the repository elsewhere.
    """

    endpoint: str
    server_key: str
    item: str
    epoch: int
    heartbeat: float
    source: str = ""


def run_agent(folders: Folders, clock: Clock) -> int:
    """Holds the whole conversation and returns the exit status. Raises `LinkDown` where the link breaks for good."""
    told = msgspec.json.decode((folders.inbox / "link.json").read_bytes(), type=LinkFile)
    config = LinkConfig(told.endpoint, told.server_key, folders.inbox / "link.key", told.heartbeat)
    session = Session(told.item, told.epoch, secrets.token_hex(8), told.heartbeat, clock.monotonic())
    link = AgentLink(config, session, clock)
    way_out = open_way_out(folders)
    hidden = (*_secrets(folders), *way_out.secrets)
    conversation = Conversation(link, clock, hidden)
    signal.signal(signal.SIGTERM, lambda _number, _frame: conversation.terminate())
    worker = worker_id(ItemId(told.item), Epoch(told.epoch))
    site = Site(folders, worker, told.item, told.epoch, conversation, clock, hidden, way_out.environment)
    link.start()
    try:
        return _converse(conversation, site, told.source)
    finally:
        link.close(FLUSH_SECONDS)
        way_out.close()


def _secrets(folders: Folders) -> tuple[str, ...]:
    try:
        return secrets_of(read_credential(folders))
    except EngineProblem:
        return ()  # no engine starts with it, and so nobody tells it


def _converse(conversation: Conversation, site: Site, source: str) -> int:
    leave = threading.Event()
    locks = contextlib.ExitStack()
    try:
        assign = conversation.assignment()
        assign = msgspec.structs.replace(assign, source=source or assign.source)
        ending = run_attempt(assign, site, ready=lambda workspace: _accompany(workspace, conversation, site.folders, leave, locks))
        conversation.at("waiting", ending.iterations, ending.tokens)
        conversation.finish(report(ending.outcome, ending.iterations, ending.tokens))
    except Ended as ended:
        conversation.note(f"leaving: {ended}")
        return ended.code
    finally:
        leave.set()
        locks.close()
    return EXIT_OK


def _accompany(
    workspace: Workspace, conversation: Conversation, folders: Folders, leave: threading.Event, locks: contextlib.ExitStack
) -> None:
    """What runs beside the engine. Raises `OSError` where it cannot: without locks every edit would be refused."""
    ground = Ground(workspace.repo, (workspace.spec, workspace.notes, folders.home, folders.tmp))
    server = LockServer(socket_path(folders), ground, conversation.locks)
    server.start()
    locks.callback(server.close)
    watch(Path(workspace.repo), conversation.moved, leave)
