"""The PreToolUse hook: asks the worker agent whether a file may be edited, and says no to everything that is not a clear yes.

Run for each edit as `python -I -S lock_hook.py SOCKET [SECONDS]`. The agent that called it goes on by its own rule where a
hook ends with any other status than 2, so every way out of here but one is 2.

It understands nothing of the event, which goes to the worker agent as it came: what is not done here need not be loaded.
So it starts in 8 ms instead of 15, which `json` and `socket` would take; for the same reason `_socket` stands for `socket`.
"""

import os
import select
import sys
import time
from _socket import AF_UNIX, SHUT_WR, SOCK_STREAM, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn  # to load it takes longer than everything else here

SECONDS = 12.0
"""From start to answer: more than the worker agent takes to give up (`lock_server.ANSWER_SECONDS`), less than the agent waits."""

MOST_BYTES = 32 * 1024 * 1024
"""Of an event, which holds the whole text that is to be written."""

_CHUNK = 65_536
_ANSWER_BYTES = 4_096


class Deadline:
    """One bound for all waits together."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("nobody answered in time")
        return seconds


def main() -> "NoReturn":
    try:
        deadline = Deadline(float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)  # noqa: PLR2004 - program, socket, seconds
        answer = asked(sys.argv[1], read_event(deadline), deadline)
    except BaseException as error:  # noqa: BLE001 - a status other than 2 would let the edit pass
        leave(f"the locks cannot be asked ({type(error).__name__}: {error})")
    if answer == b"allow\n":
        leave("")
    if not answer.startswith(b"deny ") or not answer.endswith(b"\n"):
        leave("the locks gave no answer that can be understood")
    leave(answer[5:].decode("utf-8", "replace").strip())


def read_event(deadline: Deadline) -> bytes:
    """Standard input to its end."""
    event = bytearray()
    while True:
        if not select.select([0], [], [], deadline.left())[0]:
            raise TimeoutError("the event did not end")
        piece = os.read(0, _CHUNK)
        if not piece:
            return bytes(event)
        event += piece
        if len(event) > MOST_BYTES:
            raise ValueError(f"an event of more than {MOST_BYTES} bytes")


def asked(path: str, event: bytes, deadline: Deadline) -> bytes:
    """The whole answer."""
    folder, name = os.path.split(path)
    # A socket's path may have 107 bytes at most; its name in the folder that it is in always fits.
    os.chdir(folder)
    asking = socket(AF_UNIX, SOCK_STREAM)
    asking.settimeout(deadline.left())
    asking.connect(name)
    asking.settimeout(deadline.left())
    asking.sendall(event)
    asking.shutdown(SHUT_WR)
    answer = b""
    while len(answer) <= _ANSWER_BYTES:
        asking.settimeout(deadline.left())
        piece = asking.recv(_ANSWER_BYTES)
        if not piece:
            break
        answer += piece
    return answer


def leave(refusal: str) -> "NoReturn":
    """Ends the process at once: the interpreter's own way out has exit statuses of its own, 120 for a closed stream."""
    if not refusal:
        os._exit(0)
    try:
        os.write(2, f"{refusal}; the edit was not made.\n".encode("utf-8", "replace"))
    finally:
        os._exit(2)


if __name__ == "__main__":
    main()
