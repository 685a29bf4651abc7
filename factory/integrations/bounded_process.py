"""A process that was started, until it has ended: what it says is collected within bounds of time and size.

Whoever starts one starts it in a session of its own, around a shell line that waits at the `lifeline` and then kills the group.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

_CHUNK = 64 * 1024
_KILL_SECONDS = 10.0
"""A killed process is gone in milliseconds unless the disk below it hangs."""


class CommandTimeout(Exception):
    """It did not end within its bound."""


class TooMuchOutput(Exception):
    """It wrote more than its bound to stdout."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one process.

    Attributes:
        deadline: in monotonic seconds.
        output: bytes of stdout.
        errors: bytes kept of stderr; more is read and dropped, so that it does not block on it.
    """

    deadline: float
    output: int
    errors: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended with an exit code. `errors` is the head of stderr."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")


@contextmanager
def lifeline() -> Iterator[int]:
    """The end of a pipe at which this process's own end can be waited for. No other child inherits its other end."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


def collected(process: "subprocess.Popen[bytes]", stdin: bytes, bounds: Bounds) -> Ended:
    """Waits for its end. `stdin` is for a process that has a pipe there; one that does not read it all may still end well.

    Raises:
        CommandTimeout: it goes on, and is to be closed.
        TooMuchOutput: likewise.
    """
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        _register(selector, process.stdin, selectors.EVENT_WRITE)
        _register(selector, process.stdout, selectors.EVENT_READ)
        _register(selector, process.stderr, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(_left(bounds)):
                if key.fileobj is process.stdin:
                    stdin = _feed(selector, process.stdin, stdin)
                elif key.fileobj is process.stdout:
                    _take(selector, process.stdout, output, bounds.output + 1)
                else:
                    _take(selector, process.stderr, errors, bounds.errors)
            if len(output) > bounds.output:
                raise TooMuchOutput
    try:
        code = process.wait(_left(bounds))
    except subprocess.TimeoutExpired:
        raise CommandTimeout from None
    return Ended(code, bytes(output), errors.decode("utf-8", "replace"))


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Only while some process keeps the group's number from being given to others."""
    # A group of which nothing is left but a process that nobody has waited for cannot be signalled on macOS.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def close(process: "subprocess.Popen[bytes]") -> None:
    """Nothing of it is left afterwards, where it was not waited for: then its group is killed."""
    # Not yet waited for, the leader keeps the number of its group from being given to others, even when it has ended.
    if process.returncode is None:
        kill_group(process)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            pipe.close()
    process.wait(_KILL_SECONDS)


def _register(selector: selectors.BaseSelector, pipe: IO[bytes] | None, events: int) -> None:
    if pipe is not None:
        os.set_blocking(pipe.fileno(), False)
        selector.register(pipe, events)


def _feed(selector: selectors.BaseSelector, pipe: IO[bytes], data: bytes) -> bytes:
    try:
        rest = data[os.write(pipe.fileno(), data[:_CHUNK]) :]
    except BrokenPipeError:
        rest = b""  # it reads no more: its output and its exit code say what that means
    if not rest:
        selector.unregister(pipe)
        pipe.close()
    return rest


def _take(selector: selectors.BaseSelector, pipe: IO[bytes] | None, into: bytearray, limit: int) -> None:
    if pipe is None:
        return
    data = os.read(pipe.fileno(), _CHUNK)
    if not data:
        selector.unregister(pipe)
    into += data[: max(limit - len(into), 0)]


def _left(bounds: Bounds) -> float:
    left = bounds.deadline - time.monotonic()
    if left <= 0:
        raise CommandTimeout
    return left
