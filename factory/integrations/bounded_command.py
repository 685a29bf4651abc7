"""A command of the operator's, run once: bounded in time and output, and ended with all that it started."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

ERROR_LIMIT = 16_384
"""Bytes of stderr that are kept; the rest is read and dropped."""
_CHUNK = 64 * 1024
_KILL_SECONDS = 10.0
"""A killed process is gone in milliseconds unless the disk below it hangs."""
_WITH_US: Final = """\
{ read -r _ || kill -KILL 0; } 2>/dev/null <"/dev/fd/$0" >/dev/null &
exec "$@"
"""
"""Around the command: its group ends with this process, in whatever way that ends. The first line waits at a pipe whose other end this
process alone holds, and never writes to. It also keeps the group's number from being given to others before the group is killed."""


class CommandTimeout(Exception):
    """It did not end within its bound, and was killed."""


class TooMuchOutput(Exception):
    """It wrote more than its bound to stdout, and was killed."""


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """`errors` is the head of stderr."""

    code: int
    output: bytes
    errors: str


def run(command: Sequence[str], stdin: bytes, *, folder: Path, environment: Mapping[str, str], timeout: float, limit: int) -> CommandEnded:
    """Runs it in a session of its own. What it leaves running in its process group is ended as well.

    Args:
        timeout: seconds until it is killed.
        limit: bytes of stdout.

    Raises:
        CommandTimeout: it was killed.
        TooMuchOutput: it was killed.
        OSError: it cannot be started.
    """
    deadline = time.monotonic() + timeout
    with _lifeline() as lifeline:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WITH_US, str(lifeline), *command],
            pass_fds=[lifeline],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            return _collected(process, stdin, deadline, limit)
        finally:
            _close(process)


@contextmanager
def _lifeline() -> Iterator[int]:
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


def _collected(process: "subprocess.Popen[bytes]", stdin: bytes, deadline: float, limit: int) -> CommandEnded:
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, events in (
            (process.stdin, selectors.EVENT_WRITE),
            (process.stdout, selectors.EVENT_READ),
            (process.stderr, selectors.EVENT_READ),
        ):
            _register(selector, pipe, events)
        while selector.get_map():
            for key, _ in selector.select(_left(deadline)):
                if key.fileobj is process.stdin:
                    stdin = _feed(selector, process.stdin, stdin)
                elif key.fileobj is process.stdout:
                    _take(selector, process.stdout, output, limit + 1)
                else:
                    _take(selector, process.stderr, errors, ERROR_LIMIT)
            if len(output) > limit:
                raise TooMuchOutput
    try:
        code = process.wait(_left(deadline))
    except subprocess.TimeoutExpired:
        raise CommandTimeout from None
    return CommandEnded(code, bytes(output), errors.decode("utf-8", "replace"))


def _register(selector: selectors.BaseSelector, pipe: IO[bytes] | None, events: int) -> None:
    if pipe is not None:
        os.set_blocking(pipe.fileno(), False)
        selector.register(pipe, events)


def _feed(selector: selectors.BaseSelector, pipe: IO[bytes], data: bytes) -> bytes:
    try:
        rest = data[os.write(pipe.fileno(), data[:_CHUNK]) :]
    except BrokenPipeError:
        rest = b""  # it reads no more; what it prints counts
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


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise CommandTimeout
    return left


def _close(process: "subprocess.Popen[bytes]") -> None:
    # Also after a good end: what it left running would go on unseen.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            pipe.close()
    process.wait(_KILL_SECONDS)
