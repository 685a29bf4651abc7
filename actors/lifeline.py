"""The pipe between a child process and its supervisor: it says ready, why it ends, and by its end that it is gone.

Before there is a lifeline to speak of there is the go: who was made is told to begin, once its maker knows that it was made.
A making that took too long may have worked, and what it was to do is given to another process: only one of them is ever told.

The child holds the writing end as long as it lives, and nobody else does; so the end of the stream is the kernel's word
that it is gone. Not the process object's sentinel: that one is held by the fork server, and once this is killed, every
child looks dead although it works on.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

MAX_REASON = 500
"""Characters of a reason. A message is written in one piece, and so cannot be torn, up to 4096 bytes (PIPE_BUF)."""

_GO = b"go"
_TAKEN = b"taken"
_READY = b"ready"
_REASON = b"reason "
_MAX_BYTES = 4 * MAX_REASON + len(_REASON)


class Lifeline:
    """The child's end."""

    def __init__(self, connection: Connection) -> None:
        # Descriptors that came through a socket can be inherited: a program that the actor starts must not hold it.
        os.set_inheritable(connection.fileno(), False)  # noqa: FBT003 - takes it by position only
        self._connection = connection

    def taken(self) -> None:
        """A spare has its order. Before anything else that it says."""
        self._send(_TAKEN)

    def ready(self) -> bool:
        """False where nobody listens any more: another process does this one's work, or will."""
        return self._send(_READY)

    def because(self, reason: str) -> None:
        """Why this process is about to end, in one sentence."""
        self._send(_REASON + reason[:MAX_REASON].encode("utf-8", "replace"))

    def _send(self, message: bytes) -> bool:
        # Without a supervisor nobody wants to know, and this process is about to be ended anyway.
        with suppress(BrokenPipeError):
            self._connection.send_bytes(message)
            return True
        return False


@dataclass(frozen=True, slots=True)
class News:
    """What a child has said since the last look."""

    ready: bool = False
    gone: bool = False
    reason: str = ""


def read(connection: Connection) -> News:
    """Reads what is there without waiting: at the supervisor's end."""
    ready, reason = False, ""
    try:
        while connection.poll(0):
            message = connection.recv_bytes(_MAX_BYTES)
            ready = ready or message == _READY
            if message.startswith(_REASON):
                reason = message.removeprefix(_REASON).decode("utf-8", "replace")
    except (EOFError, OSError):
        return News(ready, gone=True, reason=reason)
    return News(ready, reason=reason)


def heard_taken(connection: Connection, seconds: float) -> bool:
    """Waits until a spare has its order; False where it is gone or says nothing. Reads no more than that: at the supervisor's end."""
    try:
        return connection.poll(seconds) and connection.recv_bytes(_MAX_BYTES) == _TAKEN
    except (EOFError, OSError):
        return False


def say_go(connection: Connection) -> None:
    """Lets begin who waits in `heard_go`. One small write to a pipe that is empty: it does not wait. Raises OSError where it is gone."""
    connection.send_bytes(_GO)


def heard_go(connection: Connection) -> bool:
    """Waits, without a bound, until it may begin; False where its maker has closed its end, or is gone. Ends the use of the connection."""
    with connection:
        try:
            return connection.recv_bytes(_MAX_BYTES) == _GO
        except (EOFError, OSError):
            return False
