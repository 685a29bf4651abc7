"""Warm spares: processes that have been forked before they are needed and wait for the order that makes one of them an actor.

root: refill ──► fork server ──► spare: warms up, waits ──────────┐
root: offer ─ order ────────────────────────────────────────────► │ "taken", prepares, waits ───┐
root: take ── "go" ──────────────────────────────────────────────────────────────────────────────► │ the actor's own main function
              └─ no "taken" in time: killed, the next one or the fork server takes its place

Without its "go" a spare does nothing that others could see: an order that it takes too late is carried out by another.
A spare knows nothing of the factory it is for: settings, secrets and the name come with the order. It hangs on the root
by the pipe that it waits on, whose other end only the root has.
"""

import gc
import logging
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import ForkingPickler

from actors.fork_server import ForkServer, bounded, exit_code, send
from actors.lifeline import Lifeline, heard_go, heard_taken, read, say_go
from actors.process import ProcessOrder
from actors.processors import begin_on
from actors.signals import ignore
from factory.errors import FactoryError

TAKE_SECONDS = 0.2
"""From the order until the spare says that it has it: a tenth of a millisecond. After this it is stopped or stuck, or the machine
is so busy that another process may do better; the root waits for nothing else meanwhile."""

REST_SECONDS = 0.1
"""From its making, which follows a restart, until a spare rehearses: what was restarted answers by then."""

_PREPARE, _BEGIN = b"p", b"b"
"""The first byte of an order: what to do with the time until the go, which is to come at once after the second."""

log = logging.getLogger(__name__)

Target = Callable[[ProcessOrder, Connection], None]
Rehearsal = Callable[[], None]


Preparation = Callable[[ProcessOrder], None]


def no_rehearsal() -> None:
    """For spares that only have their imports done."""


def no_preparation(_order: ProcessOrder) -> None:
    """For spares that wait for the word to begin with the order unpacked."""


@dataclass(frozen=True, slots=True)
class Practice:
    """What a spare does before it begins: nothing of it may be seen by others. Can be pickled, since it is sent.

    Attributes:
        rehearse: before it waits for an order.
        prepare: with its order, while the root finds out whether it is to be carried out: two milliseconds that cost nothing.
    """

    rehearse: Rehearsal = no_rehearsal
    prepare: Preparation = no_preparation


@dataclass(frozen=True, slots=True)
class _Spare:
    process: ForkServerProcess
    lifeline: Connection
    orders: Connection
    notice: Connection

    def is_told(self, order: bytes, *, first: bytes, here: int | None) -> bool:
        begin_on(here, self.process.pid or 0)
        try:
            with bounded(TAKE_SECONDS, "a spare"):
                self.orders.send_bytes(first + order)
        except OSError:
            return False
        return True

    def begins(self) -> bool:
        try:
            if not heard_taken(self.lifeline, TAKE_SECONDS) or self.is_dying():
                return False
            say_go(self.orders)
        except OSError:
            return False
        return True

    def is_dying(self) -> bool:
        """What it is told now may be heard by nobody: the order would count as carried out, and its end as the actor's."""
        return self.notice.poll(0)

    def lives(self) -> bool:
        # Only the end of the stream means that it is gone: there is more to read where it has taken an order late.
        return not read(self.lifeline).gone

    def end(self) -> None:
        # Not one that is gone: its pid may be another's.
        if self.lives():
            send(self.process, signal.SIGKILL)
        exit_code(self.process)
        for ours in (self.orders, self.lifeline, self.notice):
            ours.close()


class Spares:
    """The spares of one root.

    Args:
        server: forks them.
        target: what a spare runs once it has an order.
        practice: what it does before.

    Attributes:
        wanted: how many there should be.
    """

    def __init__(self, server: ForkServer, target: Target, practice: Practice) -> None:
        self._server, self._target, self._practice = server, target, practice
        self._waiting: deque[_Spare] = deque()
        # By the order that it has, and has not been told to carry out.
        self._offered: dict[bytes, _Spare] = {}
        self.wanted = 0

    def offer(self, order: ProcessOrder, here: int | None = None) -> None:
        """Gives a spare an order that is likely to be taken next: it prepares while it is found out what is to be done.

        Args:
            here: see `processors.begin_on`.
        """
        given = bytes(ForkingPickler.dumps(order))
        if given not in self._offered and (spare := self._told(given, _PREPARE, here)) is not None:
            self._offered[given] = spare

    def take(self, order: ProcessOrder, here: int | None = None) -> tuple[ForkServerProcess, Connection, Connection] | None:
        """Makes a spare the process of this order; None where there is none that takes it.

        Args:
            here: see `processors.begin_on`.
        """
        given = bytes(ForkingPickler.dumps(order))
        while spare := self._offered.pop(given, None) or self._told(given, _BEGIN, here):
            if spare.begins():
                spare.orders.close()
                spare.process.name = order.name
                return spare.process, spare.lifeline, spare.notice
            self._drop(spare)
        return None

    def _told(self, given: bytes, first: bytes, here: int | None) -> _Spare | None:
        """A spare that has been given this order, and none before."""
        while self._waiting:
            spare = self._waiting.popleft()
            if spare.lives() and not spare.is_dying() and spare.is_told(given, first=first, here=here):
                return spare
            self._drop(spare)
        return None

    def _withdraw(self) -> None:
        """Who has an order serves for no other, and without a word it does not begin."""
        while self._offered:
            self._offered.popitem()[1].end()

    @staticmethod
    def _drop(spare: _Spare) -> None:
        log.warning("the spare process %s is gone or stuck", spare.process.pid)
        spare.end()

    def refill(self) -> None:
        """Makes what is missing, in the place of those too whose orders nobody took.

        Where that does not work a start still has the fork server, and says what is wrong.
        """
        self._withdraw()
        for spare in [spare for spare in self._waiting if not spare.lives()]:
            self._waiting.remove(spare)
            spare.end()
        with suppress(OSError, EOFError):
            while len(self._waiting) < self.wanted:
                self._waiting.append(self._make())

    def end_all(self) -> None:
        """Kills them: they have nothing to give back."""
        self._withdraw()
        while self._waiting:
            self._waiting.popleft().end()

    def _make(self) -> _Spare:
        lifeline, said = self._server.pipe()
        taken, orders = self._server.pipe()
        notice, dies = self._server.pipe()
        try:
            process = self._server.fork(wait_for_order, (self._target, self._practice, said, taken), "spare", dies)
        except (OSError, EOFError):
            for ours in (lifeline, orders, notice):
                ours.close()
            raise
        finally:
            for theirs in (said, taken, dies):
                theirs.close()
        return _Spare(process, lifeline, orders, notice)


def wait_for_order(target: Target, practice: Practice, lifeline: Connection, orders: Connection) -> None:
    """The main function of a spare: ends when the root does, or becomes what it is told to be."""
    # As in every actor's process, which is still to come: a terminal's Ctrl-C is for the root.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ignore)
    # First those get the processor who have just been restarted. An order that comes so soon is better carried out at once.
    if not orders.poll(REST_SECONDS):
        practice.rehearse()
    # What is alive now stays alive, as in the fork server (see `preload`).
    gc.collect()
    gc.freeze()
    try:
        given = orders.recv_bytes()
    except EOFError:
        os._exit(0)
    Lifeline(lifeline).taken()
    order: ProcessOrder = ForkingPickler.loads(given[1:])
    if given.startswith(_PREPARE):
        _prepare(practice, order)
    if not heard_go(orders):
        os._exit(0)
    multiprocessing.current_process().name = order.name
    target(order, lifeline)


def _prepare(practice: Practice, order: ProcessOrder) -> None:
    try:
        practice.prepare(order)
    except (FactoryError, OSError):
        # It may have its go already, so that leaving would count as the actor's end. What fails here fails in the actor
        # too, which says so as an actor does.
        log.exception("the spare process %s could not prepare for %s", os.getpid(), order.name)
