"""Runs one command to its end, bounded in time and output, and leaves no process of it behind."""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from worker_agent.contact import Pulse
from worker_agent.limits import refused, since
from worker_agent.sweep import MARK, sweep

TICK_SECONDS = 0.1
"""How long a wait may last before the pulse is felt again: a stop is obeyed within it."""

GRACE_SECONDS = 2.0
"""From SIGTERM to SIGKILL. Below three heartbeats of one second, so that ending an engine never looks like a dead agent."""

REAP_SECONDS = 5.0
"""For the kernel to end a process that was killed; only a process in uninterruptible sleep takes longer."""

CHUNK_BYTES = 64 * 1024
"""One read of the output, and one LOG message."""

TAIL_BYTES = 16 * 1024
"""What is kept of an output: the end, where errors stand, and little enough for any message."""

_DRAIN_CHUNKS = 64
"""After the end, at most this much more is read: a descendant that goes on writing must not hold us."""


class Clock(Protocol):
    def monotonic(self) -> float: ...

    def now(self) -> float:
        """Seconds since 1970, for what others date by it."""
        ...


class NotStarted(Exception):
    """The program cannot be run: missing, not executable, or of a kind that the system does not know."""


@dataclass(frozen=True, slots=True)
class Command:
    """`timeout` in seconds, time in which the work was held not counted."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    timeout: float


@dataclass(frozen=True, slots=True)
class Finished:
    """`code` is negative for a signal; `output` is the tail of standard output and error together.

    `refused` says which limit of the worker was reached meanwhile, if one was.
    """

    code: int
    timed_out: bool
    seconds: float
    output: str
    refused: str = ""


def run(
    command: Command,
    pulse: Pulse,
    clock: Clock,
    on_output: Callable[[bytes], None],
    enough: Callable[[float], bool] = lambda _worked: False,
) -> Finished:
    """Runs a command in a session of its own. Whatever ends the wait, nothing of it is left running.

    Args:
        on_output: given each piece of standard output and error as it comes.
        enough: told after each turn for how many seconds the command has worked; True ends it.

    Raises:
        NotStarted: nothing ran.
        Ended: the pulse said so; the command has been ended first.
    """
    began, before = clock.monotonic(), refused()
    running = _Running(command)
    try:
        timed_out = _follow(running, pulse, clock, on_output=on_output, enough=enough, timeout=command.timeout)
        running.end()
        running.drain(on_output)
    finally:
        running.end()
        running.close()
        sweep(command.environment[MARK])
    return Finished(running.code, timed_out, clock.monotonic() - began, running.tail(), since(before))


def _follow(
    running: "_Running",
    pulse: Pulse,
    clock: Clock,
    *,
    on_output: Callable[[bytes], None],
    enough: Callable[[float], bool],
    timeout: float,
) -> bool:
    """Until it exits or is enough (False), or its time is over (True)."""
    began = clock.monotonic()
    while True:
        turn = clock.monotonic()
        running.read(TICK_SECONDS, on_output)
        if running.has_exited():
            return False
        pulse.tick()
        if pulse.must_hold():
            running.hold()
            began += clock.monotonic() - turn
        else:
            running.release()
        worked = clock.monotonic() - began
        if worked >= timeout or enough(worked):
            return worked >= timeout


class _Running:
    """The process, its group, and the tail of its output."""

    def __init__(self, command: Command) -> None:
        self._tail = bytearray()
        self._held = False
        self._open = True
        self._ended = False
        try:
            self._process = subprocess.Popen(
                command.argv,
                cwd=command.folder,
                env=command.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise NotStarted(f"{command.argv[0]!r} cannot be run: {error.strerror or error}.") from error
        self._pipe = cast("IO[bytes]", self._process.stdout)
        os.set_blocking(self._pipe.fileno(), False)

    @property
    def code(self) -> int:
        return self._process.returncode

    def has_exited(self) -> bool:
        return self._process.poll() is not None

    def read(self, seconds: float, on_output: Callable[[bytes], None]) -> bool:
        """Hands on what is there within `seconds`. False where nothing came."""
        if not self._open:
            # Output was closed on purpose: then only the exit is worth waiting for.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return False
        if not select.select([self._pipe], [], [], seconds)[0]:
            return False
        piece = os.read(self._pipe.fileno(), CHUNK_BYTES)
        if not piece:
            self._open = False
            # The end of output is mostly the end of the program, a moment before the kernel says so.
            return self.read(seconds, on_output)
        self._tail += piece
        del self._tail[:-TAIL_BYTES]
        on_output(piece)
        return True

    def drain(self, on_output: Callable[[bytes], None]) -> None:
        for _ in range(_DRAIN_CHUNKS):
            if not self._open or not self.read(0, on_output):
                return

    def tail(self) -> str:
        return self._tail.decode(errors="replace")

    def hold(self) -> None:
        if not self._held:
            self._signal(signal.SIGSTOP)
            self._held = True

    def release(self) -> None:
        if self._held:
            self._signal(signal.SIGCONT)
            self._held = False

    def end(self) -> None:
        """SIGTERM, grace, SIGKILL for the whole group. A program that has exited leaves no one of its group either."""
        if self._ended:
            return  # the number of a group that is gone may become another's
        if not self.has_exited():
            self._signal(signal.SIGTERM)
            self.release()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait(REAP_SECONDS)
        self._ended = True

    def close(self) -> None:
        self._pipe.close()

    def _signal(self, number: int) -> None:
        # The group is empty, or (macOS) holds only zombies.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
