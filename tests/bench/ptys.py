"""Programs on a pseudo-terminal that somebody reads: when something is first seen on it, what it costs, what a key brings."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

SIZE = (160, 50)
_END_SECONDS = 20
_LEFT_OUT = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """What a program writes, as it comes; nothing is drawn.

    Attributes:
        began: when it was started, as `time.perf_counter` has it.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        columns, lines = SIZE
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._news = threading.Condition()
        self._told = bytearray()
        self._ended = False
        self.began = time.perf_counter()
        told = {**environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)}
        self._process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=told)
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._ours, 1 << 16)
            except OSError:
                # Linux says so when the last who had the other end has closed it.
                part = b""
            with self._news:
                self._told += part
                self._ended = not part
                self._news.notify_all()
            if not part:
                return

    # -- what it writes -----------------------------------------------------------------------------------------------

    @property
    def written(self) -> int:
        """Bytes so far: a place for `shows`."""
        return len(self._told)

    def shows(self, pattern: str, since: int = 0, seconds: float = 30.0) -> float:
        """Waits until it has written something that matches after `since`; returns when that was."""
        return self.newest(lambda: re.compile(pattern.encode()).search(self._told, since), pattern, seconds)[0]

    def newest(self, look: Callable[[], T | None], what: str, seconds: float = 30.0) -> tuple[float, T]:
        """Waits until `look` finds something in what was written; returns when that was, and what."""
        found: list[T] = []

        def there() -> bool:
            value = look()
            found[:] = [] if value is None else [value]
            return bool(found) or self._ended

        with self._news:
            _ = self._news.wait_for(there, seconds)
            at = time.perf_counter()
            assert found, f"{'it ended first' if self._ended else f'not within {seconds:g} s'}: {what}\n{self.text()}"
        return at, found[0]

    def found(self, pattern: str, since: int = 0) -> list[str]:
        """All that matches, in the order in which it was written."""
        with self._news:
            return [match.decode() for match in re.compile(pattern.encode()).findall(self._told, since)]

    def text(self) -> str:
        """The last of what was written, for messages."""
        return _LEFT_OUT.sub(b"", bytes(self._told[-4_000:])).decode("utf-8", "replace")

    # -- what it costs, what it is told -------------------------------------------------------------------------------

    def cpu(self) -> float:
        """Milliseconds of CPU time of the whole process so far."""
        # The clock of another process: see clock_getcpuclockid(3). In /proc the same is counted in ticks of 10 ms.
        return time.clock_gettime((~self._process.pid << 3) | 2) * 1000

    def press(self, keys: str) -> float:
        """Returns when."""
        at = time.perf_counter()
        os.write(self._ours, keys.encode())
        return at

    def ends(self, seconds: float) -> int:
        """Waits for its end; returns the exit code."""
        return self._process.wait(seconds)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(_END_SECONDS)
        self._reader.join(_END_SECONDS)
        os.close(self._ours)


@contextmanager
def screen(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Screen]:
    opened = Screen(command, environ)
    try:
        yield opened
    finally:
        opened.close()
