"""Processes that hold an embedded server, so that tests can kill them."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_END_SECONDS = 30
_HOLD = """
import sys
from pathlib import Path
from factory.storage.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
with server.hold():
    print(server.postmaster_pid(), flush=True)
    sys.stdin.read()
"""


class Holder:
    """A process that holds the server of a folder until it is told to end or killed."""

    def __init__(self, root: Path, prefix: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _HOLD, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def postmaster_pid(self) -> int:
        """Returns once the server is up."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._complaint()
        return int(line)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(_END_SECONDS)

    def end(self) -> None:
        self._process.communicate("", timeout=_END_SECONDS)

    def close(self) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _complaint(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.read()


@contextmanager
def holder(root: Path, prefix: Sequence[str] = ()) -> Iterator[Holder]:
    one = Holder(root, prefix)
    try:
        yield one
    finally:
        one.close()
