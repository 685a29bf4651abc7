"""Lines that a person types while something else is shown. The terminal keeps its own line editing; nothing of it is changed."""

import errno
import os
import select
import sys
import time

_MOST = 65_536


class TypedLines:
    """Whole lines from the terminal on stdin; none where stdin is no terminal, so that a pipe or `nohup` is left alone.

    Attributes:
        closed: Ctrl-D was pressed, or the terminal is gone.
    """

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else -1
        self._kept = b""
        self.closed = False

    @property
    def there(self) -> bool:
        """Whether there is somebody who could type."""
        return self._descriptor >= 0

    def wait(self, seconds: float) -> list[str]:
        """The lines that were typed, at the latest after so many seconds."""
        if not self.there or self.closed or not self._in_front():
            time.sleep(seconds)
            return []
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        return self._read() if readable else []

    def _in_front(self) -> bool:
        """A command in the background that reads is stopped by the terminal."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            # No controlling terminal, or it is gone: reading says which.
            return True

    def _read(self) -> list[str]:
        try:
            data = os.read(self._descriptor, _MOST)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        self.closed = not data
        *whole, self._kept = (self._kept + data).split(b"\n")
        return [line.decode(errors="replace") for line in whole]
