"""The operator's side of the command socket. Imports little: `factory status` is as fast as this module."""

import socket
from pathlib import Path

from factory.errors import FactoryUnreachable
from factory.protocol.codec import Decoder, encode
from factory.protocol.commands import Reply, Request
from factory.transport.exchange import Caller
from factory.transport.operator_key import Remote, address
from factory.transport.operator_line import OperatorLine

_REACH_SECONDS = 5.0
"""For a connection to another machine."""

_PROBE_SECONDS = 1.0
"""For connecting to a socket of this machine: an answer comes at once, unless the listener's queue is full."""


def commands_path(run_dir: Path) -> Path:
    return run_dir / "commands.sock"


class CommandClient:
    """Asks the running factory, one request at a time. To be closed.

    Args:
        place: the factory's run folder, or the way to one elsewhere.
    """

    def __init__(self, place: Path | Remote) -> None:
        self._place = place
        self._caller = OperatorLine(place) if isinstance(place, Remote) else Caller(commands_path(place))
        self._decode = Decoder[Reply](Reply)

    def ask(self, request: Request, timeout: float) -> Reply:
        """Waits for the reply at most `timeout` seconds.

        Raises `FactoryUnreachable`: at once where nobody listens, else after the timeout. A command may have been
        carried out then; said again with the same id it is not carried out twice.
        """
        if isinstance(self._place, Remote):
            _probe_remote(self._place)
        else:
            _probe(commands_path(self._place))
        # Twice: what was handed to a factory in the moment of its end is lost, and the one after it answers the second time.
        asked = encode(request)
        answer = self._caller.ask(asked, timeout / 2) or self._caller.ask(asked, timeout / 2)
        if answer is None:
            raise FactoryUnreachable(f"{self._who} did not answer within {timeout:g} s{self._hint}.")
        return self._decode(answer)

    def close(self) -> None:
        self._caller.close(drop=True)

    @property
    def _who(self) -> str:
        return f"The factory at {self._place.endpoint if isinstance(self._place, Remote) else commands_path(self._place)}"

    @property
    def _hint(self) -> str:
        # Whoever is not let in hears nothing, so that strangers learn nothing either.
        known = f"; does `factory operator list` there still name {self._place.name}" if isinstance(self._place, Remote) else ""
        return f"{known}, with this key" if known else ""


def _probe(path: Path) -> None:
    # zmq would go on trying in silence until the timeout; the system knows at once that nobody is there.
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_PROBE_SECONDS)
            probe.connect(str(path))
    except PermissionError as error:
        raise FactoryUnreachable(f"The factory at {path} belongs to another user.") from error
    except OSError as error:
        raise FactoryUnreachable(f"No factory is running here (nobody listens on {path}): start it with `factory up`.") from error


def _probe_remote(remote: Remote) -> None:
    try:
        socket.create_connection(address(remote.endpoint), _REACH_SECONDS).close()
    except OSError as error:
        raise FactoryUnreachable(f"Nobody listens at {remote.endpoint}: {error.strerror or error}.") from error
