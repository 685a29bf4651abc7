"""How child processes are made: forked, with all imports done, by a fork server that has no threads and no sockets.

The fork server is multiprocessing's. Three things about it need care, and all of that is here: a child's sentinel hangs
on the server's life (see `lifeline`), each child would run the program's main script again, and a server that is
stopped (SIGSTOP) would stop the root with it. And it hands the environment it was started with to every child: it gets only what
all of them may have.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from types import FrameType, ModuleType
from typing import Any

from actors.lifeline import News, read
from actors.process import ProcessOrder
from factory.domain.environment import is_inherited

COLD_SECONDS = 20.0
"""Until a child has been forked by a server that has yet to do its imports: half a second, many on a busy machine."""

WARM_SECONDS = 2.0
"""The same, by a server that has forked before: a millisecond. After this it counts as stuck and is replaced."""

EXIT_CODE_SECONDS = 0.5
"""From a child's end until its exit code is here. Both come from the kernel; the code goes through the fork server."""

SERVER_STOP_SECONDS = 2.0
"""The server and the resource tracker end when their pipes close; after this they are killed."""

_SERVER_DIED = 255
"""What multiprocessing says for "the fork server has been killed"."""

Target = Callable[[ProcessOrder, Connection], None]


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A process that was made, until its end has been seen. A source: readable when it says something or is gone."""

    process: ForkServerProcess
    lifeline: Connection

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    def pollable(self) -> int:
        return self.lifeline.fileno()

    def read(self) -> News:
        return read(self.lifeline)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal. Safe from hitting another process, as long as `read` has not said that this one is gone."""
        # Not Process.terminate: once the server has died, that takes every child for dead.
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def collect(self) -> int | None:
        """The exit code of a child that is gone, None where nobody could learn it. Ends the use of this object."""
        self.process.join(timeout=EXIT_CODE_SECONDS)
        self.lifeline.close()
        code = self.process.exitcode
        return None if code == _SERVER_DIED else code


class Launcher:
    """Makes child processes.

    Args:
        target: runs in the child; a function of a module, since it is sent by its name.
        preload: modules imported by the server. Their threads and sockets would be lost: they must only define things.
    """

    def __init__(self, target: Target, preload: Sequence[str] = ("actors.preload",)) -> None:
        self._target = target
        # The server that has forked at least once: only that one is known to have done its imports.
        self._warm: int | None = None
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))

    def start(self, order: ProcessOrder) -> Child:
        """Forks a child. Raises OSError or EOFError where that did not work; trying again makes a new fork server."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=self._target, args=(order, theirs), name=order.name)
        try:
            with _bounded(self._bound()), _without_main_script(), _without_environment():
                process.start()
            self._warm = _server_pid()
        except (OSError, EOFError) as error:
            ours.close()
            if isinstance(error, TimeoutError):
                _kill_server()
            raise
        finally:
            theirs.close()
        return Child(process, ours)

    def _bound(self) -> float:
        pid = _server_pid()
        return WARM_SECONDS if pid is not None and pid == self._warm else COLD_SECONDS

    def stop(self) -> None:
        """Ends the fork server and the resource tracker. All children must be gone: they hold both alive."""
        for helper, pid in ((_SERVER, "_forkserver_pid"), (_TRACKER, "_pid")):
            process: int | None = getattr(helper, pid)
            try:
                with _bounded(SERVER_STOP_SECONDS):
                    helper._stop()  # noqa: SLF001 - else they would only follow some time after this process
            except TimeoutError:
                if process is not None:
                    os.kill(process, signal.SIGKILL)
                    os.waitpid(process, 0)


def warm_up(preload: Sequence[str]) -> None:
    """Starts the fork server before anything is launched: its imports, the longest part of a start, then run beside the caller's own.

    Args:
        preload: what a `Launcher` of this process will ask for; the first one to ask decides.

    Raises:
        OSError: there is no room for another process.
    """
    get_context("forkserver").set_forkserver_preload(list(preload))
    with _bounded(COLD_SECONDS), _without_main_script(), _without_environment():
        forkserver.ensure_running()


# Private names, the same from 3.11 to 3.14. Without them a test could not tell a fork server that is about to end from
# one that was left behind, and a stopped one could not be got rid of.
_SERVER: Any = forkserver._forkserver  # noqa: SLF001
_TRACKER: Any = resource_tracker._resource_tracker  # noqa: SLF001


def _server_pid() -> int | None:
    pid: int | None = _SERVER._forkserver_pid  # noqa: SLF001
    return pid


def _kill_server() -> None:
    pid = _server_pid()
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in this, the main, thread: multiprocessing reads from the fork server without a bound."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the fork server did not answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _without_main_script() -> Iterator[None]:
    """Hides the main script: each child would run it first, which for a command line costs more than all the rest.

    Its arguments too, which are sent to each child: a setting among them may be a secret.
    """
    main, arguments = sys.modules["__main__"], sys.argv
    sys.modules["__main__"], sys.argv = ModuleType("__main__"), arguments[:1]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv = main, arguments


@contextmanager
def _without_environment() -> Iterator[None]:
    """Hides all of the environment that is not for every process. Another thread must not look at it meanwhile."""
    # Each time: nobody can say whether a server that has died is about to be replaced by this start.
    hidden = {name: value for name, value in os.environ.items() if not is_inherited(name)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
