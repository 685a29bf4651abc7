"""Signals as something to wait for beside sockets and pipes, instead of code that runs between any two lines."""

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

_MOST_AT_ONCE = 256
"""Signals read in one go. More of them wait in the pipe, and what does not fit there repeats one that does."""


class Signals:
    """The given signals as a source. For the main thread of a process; on exit their former handlers come back."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._read, self._write = os.pipe()
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        # The byte is written by the C handler at once; a Python handler would have to wait until poll returns, which
        # goes on waiting after a signal (PEP 475).
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, ignore) for number in self._numbers}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read)
        os.close(self._write)

    def pollable(self) -> int:
        return self._read

    def drain(self) -> list[signal.Signals]:
        """Those of the given signals that have come, in order."""
        try:
            taken = os.read(self._read, _MOST_AT_ONCE)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in taken if number in self._numbers]


def ignore(_number: int, _frame: FrameType | None) -> None:
    """Takes a signal and does nothing.

    Not SIG_IGN: that is inherited through exec, and an agent's program could not be interrupted any more.
    """
