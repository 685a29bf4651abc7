"""The process of one actor: main thread waits (see `host`), actor's thread works, and every way to end says why.

fork server ──► serve() ──► inbox bound ──► actor started ──► ready ──► turns ... ──► on_stop ──► exit 0
                   │                            │                          │
                   │                            └─ 71, or 78: broken       └─ 70: an exception left a turn
                   └─ 72: the supervisor is gone, or has given this process up
"""

import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import Any, NoReturn

import structlog

from actors.base import FactoryActor
from actors.host import Host
from actors.lifeline import Lifeline
from actors.parent_watch import leave_with_parent
from actors.signals import Signals, ignore
from factory.domain.supervision import EXIT_BROKEN, EXIT_CRASHED, EXIT_FINISHED, EXIT_PARENT_GONE, EXIT_START_FAILED
from factory.errors import Broken
from factory.ports import Clock
from factory.transport import sockets
from factory.transport.health_link import HealthDesk
from factory.transport.mailbox_link import MailboxServer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessOrder:
    """What a process is started for. Travels through a pipe, so all of it can be pickled.

    Attributes:
        name: the child's name, which is its actor's address.
        kind: which actor.
        settings: what the composition root needs to build it; a secret only where this actor needs it.
        argument: an encoded message for actors of which there are many, such as the `Work` of a worker.
        environment: added to its own, for what it starts; the other processes do not have it.
    """

    name: str
    kind: str
    run_dir: Path
    settings: Any = None
    argument: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def serve(
    make: Callable[[], FactoryActor],
    *,
    name: str,
    run_dir: Path,
    inbox_kind: Any,
    ready: connection.Connection,
    clock: Clock,
) -> NoReturn:
    """Runs an actor until it is asked to stop, and ends the process. The first thing that a child process calls.

    Args:
        make: builds the actor with its adapters. An error in it is a failed start.
        name: the actor's address.
        run_dir: the folder of the inboxes.
        inbox_kind: the union of what the actor understands.
        ready: the child's end of the lifeline.
        clock: for ticks.
    """
    leave_with_parent()
    # Many of them hold a key, and what a crash writes down is for others to read.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A session of its own: a terminal's Ctrl-C reaches the root, which decides, and not a git or a database server that
    # this actor has started. The signals are ignored as well, for those who send them by hand.
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ignore)
    lifeline = Lifeline(ready)
    with Signals(signal.SIGTERM) as asked:
        _end(
            _run(
                lambda: Host(make, MailboxServer(run_dir, name, inbox_kind), lambda: HealthDesk(run_dir, name), asked, clock),
                lifeline,
                name,
            )
        )


def _run(make_host: Callable[[], Host], lifeline: Lifeline, name: str) -> int:
    running = False
    try:
        host = make_host()
        running = True
        if not lifeline.ready():
            return EXIT_PARENT_GONE
        host.run()
        sockets.terminate()
    except BaseException as error:
        # Also SystemExit: this is the outermost frame, and who waits for a reason gets one.
        # Without lingering sockets: the replacement waits, and what a crashed actor told last may well be wrong.
        log.exception("actor.crashed" if running else "actor.start_failed", actor=name)
        lifeline.because(_sentence(error))
        return _exit_code(error, running=running)
    return EXIT_FINISHED


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _exit_code(error: BaseException, *, running: bool) -> int:
    if isinstance(error, Broken):
        return EXIT_BROKEN
    return EXIT_CRASHED if running else EXIT_START_FAILED


def _end(code: int) -> NoReturn:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # Not sys.exit: that waits for threads, and one that a library left behind would keep a crashed actor's process.
    os._exit(code)
