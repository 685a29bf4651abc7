"""How child processes are made: a warm spare becomes the actor where there is one, else the fork server forks a process.

Both have all imports done. A child is known by its lifeline and not by multiprocessing's sentinel, which hangs on the
fork server's life (see `lifeline`).
"""

import os
import signal
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from actors.exiting import wait_status
from actors.fork_server import ForkServer, exit_code, send
from actors.lifeline import News, read
from actors.process import ProcessOrder
from actors.processors import current, go_anywhere, leave_to
from actors.spares import Practice, Spares, Target

_NO_PRACTICE = Practice()


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A process that was made, until its end has been seen. A source: readable when it says something or is gone.

    Attributes:
        notice: see `parent_watch`; None where nobody looks.
        yields: to its replacement as soon as it is past its last instruction, since it holds nothing that this one must have.
    """

    process: ForkServerProcess
    lifeline: Connection
    notice: Connection | None
    yields: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    def pollable(self) -> int:
        return self.lifeline.fileno()

    def read(self) -> News:
        return read(self.lifeline)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal. Safe from hitting another process, as long as `read` has not said that this one is gone."""
        send(self.process, number)

    def code_ahead(self, *, over: bool = False) -> int | None:
        """The exit code of one that yields and is past its last instruction, though not gone; None where nobody knows, see `exiting`."""
        status = wait_status(self.pid, over=over) if self.yields else None
        return None if status is None else os.waitstatus_to_exitcode(status)

    def make_room(self) -> None:
        """Of one that is dying and yields: lets its replacement begin on this processor."""
        if self.yields:
            leave_to(current(), self.pid)

    def go_anywhere(self) -> None:
        """Of one that has begun beside the root: from now on it may work beside all others."""
        go_anywhere(self.pid)

    def collect(self) -> int | None:
        """The exit code of a child that is gone, None where nobody could learn it. Ends the use of this object."""
        code = exit_code(self.process)
        self.lifeline.close()
        if self.notice is not None:
            self.notice.close()
        return code


@dataclass(frozen=True, slots=True, eq=False)
class Notice:
    """That a child is about to be gone (see `parent_watch`). A source: readable once, and to be forgotten then."""

    child: Child
    connection: Connection

    def pollable(self) -> int:
        return self.connection.fileno()


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    """A child whose end has been dealt with. A source: readable once the fork server has its exit code.

    Only then it is collected: the root would wait for what the kernel still has to do.
    """

    child: Child

    def pollable(self) -> int:
        return self.child.process.sentinel


class Launcher:
    """Makes child processes.

    Args:
        target: runs in the child; a function of a module, since it is sent by its name.
        preload: modules imported by the fork server. Their threads and sockets would be lost: they must only define things.
        spared: kinds of actors that a spare may become.
        yielding: those of them that hold nothing of which there is only one, such as a port.
        practice: what a spare does before it begins.
    """

    def __init__(
        self,
        target: Target,
        preload: Sequence[str] = ("actors.preload",),
        spared: Collection[str] = (),
        yielding: Collection[str] = (),
        practice: Practice = _NO_PRACTICE,
    ) -> None:
        self._target = target
        self._spared, self._yielding = frozenset(spared), frozenset(yielding)
        self._server = ForkServer(preload)
        self._spares = Spares(self._server, target, practice)

    def offer(self, kind: str, make: Callable[[], ProcessOrder]) -> None:
        """An order of this kind is likely to be started next. Nothing of it is carried out before it is."""
        if kind in self._spared:
            self._spares.offer(make(), self._here(kind))

    def start(self, order: ProcessOrder) -> Child:
        """Makes a child. Raises OSError or EOFError where that did not work; trying again makes a new fork server."""
        taken = self._spares.take(order, self._here(order.kind)) if order.kind in self._spared else None
        return Child(*(taken or self._fork(order)), yields=order.kind in self._yielding)

    def keep_spares(self, number: int) -> None:
        """From now on so many spares wait; they are made here and in each `refill`."""
        self._spares.wanted = number
        self.refill()

    def refill(self) -> None:
        """Makes the spares that are missing, some milliseconds each: to be called when nobody waits for a start."""
        self._spares.refill()

    def stop(self) -> None:
        """Ends spares, fork server and resource tracker. All children must be gone: they hold the last two alive."""
        self._spares.end_all()
        self._server.stop()

    def _here(self, kind: str) -> int | None:
        # The others have no predecessor any more who could be in their way.
        return current() if kind in self._yielding else None

    def _fork(self, order: ProcessOrder) -> tuple[ForkServerProcess, Connection, Connection | None]:
        with ExitStack() as theirs, ExitStack() as ours:
            lifeline, said = self._pipe(ours, theirs)
            # Of the others there may be hundreds, and nothing would be prepared.
            notice, dies = self._pipe(ours, theirs) if order.kind in self._spared else (None, None)
            process = self._server.fork(self._target, (order, said), order.name, dies)
            ours.pop_all()
        return process, lifeline, notice

    def _pipe(self, ours: ExitStack, theirs: ExitStack) -> tuple[Connection, Connection]:
        reading, writing = self._server.pipe()
        return ours.enter_context(reading), theirs.enter_context(writing)


def warm_up(preload: Sequence[str]) -> None:
    """Starts the fork server before anything is launched: its imports, the longest part of a start, then run beside the caller's own.

    Args:
        preload: what a `Launcher` of this process will ask for; the first one to ask decides.

    Raises:
        OSError: there is no room for another process.
    """
    ForkServer(preload).warm_up()
