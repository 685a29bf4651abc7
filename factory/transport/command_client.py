"""The operator's side of the command socket. Imports little: `factory status` is as fast as this module."""

import socket
from pathlib import Path

from factory.errors import FactoryUnreachable
from factory.protocol.codec import Decoder, encode
from factory.protocol.commands import Reply, Request
from factory.transport.exchange import Caller

_PROBE_SECONDS = 1.0
"""For connecting to a socket of this machine: an answer comes at once, unless the listener's queue is full."""


def commands_path(run_dir: Path) -> Path:
    return run_dir / "commands.sock"


class CommandClient:
    """Asks the running factory, one request at a time. To be closed."""

    def __init__(self, run_dir: Path) -> None:
        self._path = commands_path(run_dir)
        self._caller = Caller(self._path)
        self._decode = Decoder[Reply](Reply)

    def ask(self, request: Request, timeout: float) -> Reply:
        """Waits for the reply at most `timeout` seconds.

        Raises `FactoryUnreachable`: at once where nobody listens, else after the timeout. A command may have been
        carried out then; said again with the same id it is not carried out twice.
        """
        self._probe()
        answer = self._caller.ask(encode(request), timeout)
        if answer is None:
            raise FactoryUnreachable(f"The factory at {self._path} did not answer within {timeout:g} s.")
        return self._decode(answer)

    def close(self) -> None:
        self._caller.close(drop=True)

    def _probe(self) -> None:
        # zmq would go on trying in silence until the timeout; the system knows at once that nobody is there.
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_SECONDS)
                probe.connect(str(self._path))
        except PermissionError as error:
            raise FactoryUnreachable(f"The factory at {self._path} belongs to another user.") from error
        except OSError as error:
            raise FactoryUnreachable(f"No factory is running here (nobody listens on {self._path}): start it with `factory up`.") from error
