"""The console of a process that must never wait for one.

A terminal held with Ctrl-S, or a pager that nobody scrolls, takes nothing. A root that waited for it would restart nobody, renew
nothing and not even stop. So each line is written as far as it goes at once; while one is under way those after it are left out and
counted. The log file has all of them.

The descriptor is opened anew, since "do not wait" belongs to what is open and not to the number: a shell shares it with its programs,
which would find their terminal changed. Rejected: a thread that writes. It may be the one that gets the signal which bounds a wait.
"""

import logging
import os
import select
import stat
from contextlib import suppress
from typing import TextIO

_PIECE = select.PIPE_BUF
"""Bytes that fit where a descriptor that could not be opened anew is writable."""


def _opened_anew(descriptor: int) -> int:
    ways = [f"/proc/self/fd/{descriptor}"]
    with suppress(OSError):
        ways.append(os.ttyname(descriptor))
    for way in ways:
        with suppress(OSError):
            return os.open(way, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    # Another user's terminal, a socket, another system: looked at before each piece, it waits hardly ever.
    return os.dup(descriptor)


def _missing(lines: int) -> str:
    if not lines:
        return ""
    return f"{lines} line{'s are' if lines > 1 else ' is'} not shown here, since nobody read on; the log file has them\n"


class _Unhurried:
    """Writes what fits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = _opened_anew(descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        self._rest = b""
        self._left_out = 0

    def write(self, text: str) -> None:
        """Takes the line, or counts it while an earlier one is still under way."""
        self.flush()
        if self._rest:
            self._left_out += 1
            return
        self._rest = (_missing(self._left_out) + text).encode("utf-8", "replace")
        self._left_out = 0
        self.flush()

    def flush(self) -> None:
        while self._rest and self._poll.poll(0):
            try:
                written = os.write(self._descriptor, self._rest[:_PIECE])
            except BlockingIOError:
                return
            except OSError:  # whoever read it is gone
                self._rest = b""
                return
            self._rest = self._rest[written:]

    def close(self) -> None:
        """Said more than once, it is done once."""
        descriptor, self._descriptor, self._rest = self._descriptor, -1, b""
        if descriptor >= 0:
            self._poll.unregister(descriptor)
            os.close(descriptor)


class ConsoleHandler(logging.StreamHandler[_Unhurried]):
    """Lines on a terminal, a pipe or another descriptor that may not take them now."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(_Unhurried(descriptor))

    def close(self) -> None:
        self.stream.close()
        super().close()


def console_handler(console: TextIO) -> logging.Handler:
    """One that never waits, where `console` could ask for that: a file takes everything, and what is no descriptor does as well."""
    with suppress(OSError, ValueError):
        descriptor = console.fileno()
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ConsoleHandler(descriptor)
    return logging.StreamHandler(console)
