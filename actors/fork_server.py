"""multiprocessing's fork server, with what it needs care for: it must hang on nobody, hide what is not for all, and leave with the root.

Each child would run the program's main script again. A server that is stopped (SIGSTOP) would stop the root with it. And
it hands the environment it was started with to every child: it gets only what all of them may have.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import current_process
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from actors.lifeline import heard_go, say_go
from actors.parent_watch import leave_with_parent
from factory.domain.environment import is_inherited
from factory.domain.supervision import EXIT_PARENT_GONE

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


class ForkServer:
    """Forks processes that have all imports done. There is one in a process, whoever asks for it.

    Args:
        preload: modules imported by the server. Their threads and sockets would be lost: they must only define things.
    """

    def __init__(self, preload: Sequence[str]) -> None:
        # The server that has forked at least once: only that one is known to have done its imports.
        self._warm: int | None = None
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))

    def pipe(self) -> tuple[Connection, Connection]:
        """The reading and the writing end."""
        return self._context.Pipe(duplex=False)

    def fork(
        self, run: Callable[..., None], arguments: tuple[object, ...], name: str, notice: Connection | None = None
    ) -> ForkServerProcess:
        """Forks a process that runs a function of a module, sent by its name.

        Args:
            notice: see `parent_watch`; None where nobody looks.

        Raises:
            OSError, EOFError: that did not work, and the function is not run; trying again makes a new server.
        """
        told, go = self.pipe()
        # Where the time is over between the fork and its news, there is a process that nobody knows: it must not begin.
        with told, go:
            process = self._context.Process(target=_when_told, args=(told, notice, run, arguments), name=name)
            try:
                with bounded(self._bound(), "the fork server"), _without_main_script(), _without_environment():
                    process.start()
            except (TimeoutError, FileNotFoundError, ConnectionRefusedError):
                # One whose socket somebody took away lives, and nobody would ever reach it.
                _kill_server()
                raise
            say_go(go)
        self._warm = _server_pid()
        return process

    def warm_up(self) -> None:
        """Starts the server and lets its imports run beside the caller's own. Raises OSError where there is no room for a process."""
        with bounded(COLD_SECONDS, "the fork server"), _without_main_script(), _without_environment():
            forkserver.ensure_running()

    def stop(self) -> None:
        """Ends the server and the resource tracker. All processes it forked must be gone: they hold both alive."""
        for helper, pid in ((_SERVER, "_forkserver_pid"), (_TRACKER, "_pid")):
            process: int | None = getattr(helper, pid)
            try:
                # Its socket may be gone with the folder that it is in.
                with bounded(SERVER_STOP_SECONDS, "the fork server"), suppress(FileNotFoundError):
                    helper._stop()  # noqa: SLF001 - else they would only follow some time after this process
            except TimeoutError:
                if process is not None:
                    os.kill(process, signal.SIGKILL)
                    os.waitpid(process, 0)
                    # Else whoever wants another one asks after this one first, and is told that there is no such child.
                    setattr(helper, pid, None)

    def _bound(self) -> float:
        pid = _server_pid()
        return WARM_SECONDS if pid is not None and pid == self._warm else COLD_SECONDS


def keep_socket_in(folder: Path) -> None:
    """Has the fork servers of this process listen in a folder, which is emptied: nobody else may use it.

    multiprocessing makes one below /tmp otherwise, and who is killed leaves it there for ever.
    """
    for left in folder.iterdir():
        left.unlink()
    # A private name too. The children have it from here.
    vars(current_process())["_config"]["tempdir"] = str(folder)


def _when_told(told: Connection, notice: Connection | None, run: Callable[..., None], arguments: tuple[object, ...]) -> None:
    leave_with_parent(notice)
    if not heard_go(told):
        os._exit(EXIT_PARENT_GONE)
    run(*arguments)


def send(process: ForkServerProcess, number: signal.Signals) -> None:
    """Sends a signal to a process whose end has not been seen yet."""
    # Not Process.terminate: once the server has died, that takes every child for dead.
    if process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def exit_code(process: ForkServerProcess) -> int | None:
    """Of a process that is gone; None where nobody could learn it."""
    process.join(timeout=EXIT_CODE_SECONDS)
    return None if process.exitcode == _SERVER_DIED else process.exitcode


@contextmanager
def bounded(seconds: float, who: str) -> Iterator[None]:
    """Raises TimeoutError in this, the main, thread: reads and writes of multiprocessing's pipes have no bound of their own."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"{who} did not answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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
