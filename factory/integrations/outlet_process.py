"""The way out of one worker as a process of its own, seen from the process that has it made: a pair of sockets between the two.

The key goes through them, so that it stands in no environment, no command line and no file. Whoever dies has the other one end.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import Sequence

from factory.errors import HostUnavailable
from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.host import HostLetOut, HostOutlay, HostTerms
from factory.transport.framed import Framed
from factory.worker_host.home import Home

log = logging.getLogger(__name__)

_MODULE = "factory.wiring_outlet"
_MOST_UNSAID = 8 * 1024 * 1024
"""Bytes that it has not taken: it hangs then."""


class OutletProcess:
    """The adapter of `worker_host.ways_out.Outlet`."""

    def __init__(self, process: subprocess.Popen[bytes], line: Framed) -> None:
        self._process, self._line = process, line
        self._decode: Decoder[HostOutlay] = Decoder(HostOutlay)

    def say(self, said: HostTerms | HostLetOut) -> None:
        self._line.send(encode(said))
        if self._line.unsent > _MOST_UNSAID:
            self._process.kill()

    def heard(self) -> Sequence[HostOutlay]:
        try:
            return [self._decode(frame) for frame in self._line.receive()]
        except BadMessage as error:
            # Whoever lets its worker out next has another one.
            log.error("a way out says what is no message, and is ended: %s", error)  # noqa: TRY400 - a sentence
            self._process.kill()
            self._line.is_over = True
            return ()

    def is_alive(self) -> bool:
        """Until it has ended and all that it told was heard."""
        if self._process.poll() is None or not self._line.is_over:
            return True
        self._line.close()
        return False

    def end(self) -> None:
        self._line.finish()


class OutletProcesses:
    """The adapter of `worker_host.ways_out.Outlets`: they count on this machine's disk, in the folder of its host."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def open(self, worker: str) -> OutletProcess:
        ours, its = socket.socketpair()
        command = [sys.executable, "-I", "-m", _MODULE, str(self._home.data), worker]
        try:
            self._home.way_out(worker).parent.mkdir(exist_ok=True)
            process = subprocess.Popen(command, stdin=its.fileno(), stdout=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            ours.close()
            raise HostUnavailable(f"no process could be made: {error}") from error
        finally:
            its.close()
        return OutletProcess(process, Framed(ours))
