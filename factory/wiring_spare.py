"""What a spare process does before it waits: the way of an actor until it answers, once, for nobody.

The imports are the fork server's. What is left are the first calls: the interpreter specialises the code that runs, copies the pages
that it shared, libraries set themselves up. That is three quarters of the time between an order and an answer.
"""

import logging
import os
import pickle
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from actors.base import FactoryActor
from actors.host import Host
from actors.process import ProcessOrder
from actors.signals import Signals
from factory import logs
from factory.clock import SystemClock
from factory.config import Settings
from factory.errors import FactoryError
from factory.paths import Paths
from factory.protocol.codec import Decoder, encode
from factory.protocol.mailbox import Health, Shutdown
from factory.transport import sockets
from factory.transport.curve import KeyPair
from factory.transport.exchange import Caller
from factory.transport.health_link import HealthDesk
from factory.transport.mailbox_link import MailboxServer, inbox_folder, mailbox_path
from factory.transport.worker_link import WorkerLink
from factory.wiring_actors import KINDS, log_as
from factory.wiring_site import Shared, Site

_HEARTBEAT = 1.0

_TIMES = 3
"""The interpreter specialises code that has run a few times. More than this is not seen any more beside what a restart varies by."""

_DESKS = 2
"""An actor's inbox, and where the supervisor asks how it does."""

_BUILT = ("queue", "limiter", "locks")
"""Kinds that are built and not started. To build one of the others has effects."""


_LEFT = re.compile(rf"(?:{re.escape(sockets.AHEAD)}|\.?spare-)([0-9]+)\..*")
"""The names of the files of spares, with their pids."""


def remove_left(run_dir: Path, of: Callable[[int], bool] = lambda _pid: True) -> None:
    """Removes the sockets that spares have left behind. To be called for all where none is left that might still use them."""
    for path in inbox_folder(run_dir).glob("*"):
        known = _LEFT.fullmatch(path.name)
        if known is not None and of(int(known[1])):
            path.unlink(missing_ok=True)


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        # Also where it is not allowed: then it is no process of this factory's.
        return True
    return False


def rehearse(run_dir: Path) -> None:
    """Leaves nothing in the run folder but, where it is killed halfway, a socket that nobody knows."""
    for _ in range(_TIMES):
        _once(run_dir)


def get_ready(run_dir: Path) -> None:
    """All that can be done without an order: rehearses, and opens the sockets of the actor to come, which nobody knows so far."""
    rehearse(run_dir)
    # Of those that were killed: an offer that nobody took ends a spare, and a factory may run for months.
    remove_left(run_dir, _is_gone)
    sockets.bind_ahead(inbox_folder(run_dir), _DESKS)


def _once(run_dir: Path) -> None:
    site, name = _order(run_dir).settings, f"spare-{os.getpid()}"
    # Where the actor's own lines go is in its order.
    logs.configure(name, file=Path(os.devnull))
    structlog.get_logger(__name__).info("spare.rehearses")
    for kind in KINDS.values():
        Decoder(kind.inbox)
    for built in _BUILT:
        KINDS[built].build(site, Shared(site, name), b"")
    _answer(site, name, run_dir)
    _link(run_dir, name)
    # Nobody is there: it goes as far as the driver and its libraries being ready to connect.
    with suppress(FactoryError, OSError), Shared(site, name).database().transaction():
        pass


def prepare(order: ProcessOrder) -> None:
    """With the order: opens the log, and brings the code that is about to run back into the processor's caches."""
    site: Site = order.settings
    log_as(order.name, site.log_file)
    if order.kind in _BUILT:
        KINDS[order.kind].build(site, Shared(site, order.name), order.argument)
    elif order.kind == "gateway":
        _link(order.run_dir, f"spare-{os.getpid()}")


def _order(run_dir: Path) -> ProcessOrder:
    nowhere = Paths(run_dir / "nowhere", run_dir)
    site = Site(Settings(database_url=f"host={nowhere.data}"), nowhere, "", "unconfined", "", Path(os.devnull))
    # The way by which the real one comes.
    order: ProcessOrder = pickle.loads(pickle.dumps(ProcessOrder("spare", "spare", run_dir, site)))  # noqa: S301 - our own
    return order


def _answer(site: Site, name: str, run_dir: Path) -> None:
    """Starts an actor, asks it how it is and to stop."""
    shared = Shared(site, name)
    inbox = MailboxServer(run_dir, name, KINDS["queue"].inbox)
    caller = Caller(mailbox_path(run_dir, name))
    for mail in (Health(), Shutdown()):
        caller.post(encode(mail))
    with Signals(signal.SIGTERM) as asked:
        Host(lambda: _Understudy(**shared.common), inbox, lambda: HealthDesk(run_dir, name), asked, SystemClock()).run()
    caller.close(drop=True)


def _link(run_dir: Path, name: str) -> None:
    path = mailbox_path(run_dir, name)
    WorkerLink(f"ipc://{path}", KeyPair.generate(), _HEARTBEAT).close()
    path.unlink(missing_ok=True)


class _Understudy(FactoryActor):
    tick_every = _HEARTBEAT

    def on_start(self) -> None:
        logging.getLogger(__name__).info("an actor of nobody")
