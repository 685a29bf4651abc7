"""How sockets are set up here: one context per process, bounded queues, ipc paths that are safe to bind."""

import ctypes
import itertools
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from sys import platform
from typing import NamedTuple

import zmq

from factory.errors import CannotListen, PathTooLong
from factory.protocol.codec import MAX_FRAME

Socket = zmq.Socket[bytes]

_NOW, _NOW_AND_MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)
"""Numbers: two flags of the enumeration take longer to be joined than a frame to be sent."""

Options = Mapping[int, int]

MAX_IPC_PATH = 103 if platform == "darwin" else 107
"""Bytes in the path of a unix socket: `sun_path` less its closing zero."""

MAX_ENVELOPE = MAX_FRAME - 1024
"""Bytes of one message of an agent: it travels on inside a mail of at most `MAX_FRAME`, which has fields of its own."""

MAX_SOCKETS = 4_096
"""Sockets of a process, whatever else bounds them."""

HIGH_WATER = 1000
"""Messages per peer and direction: seconds of the busiest traffic, and a bound on what a dead peer can pile up."""

LINGER_MS = 1000
"""How long a closed socket goes on sending: enough for a peer on this machine, short enough for a process that ends."""

COMMON: Options = {
    zmq.LINGER: 0,
    zmq.SNDHWM: HIGH_WATER,
    zmq.RCVHWM: HIGH_WATER,
    zmq.MAXMSGSIZE: MAX_FRAME,
}
"""Set on every socket, before the set of its kind."""

MAILBOX_CALLER: Options = {
    zmq.LINGER: LINGER_MS,
    # Messages wait in the socket for an actor that is being restarted.
    zmq.IMMEDIATE: 0,
    # Doubled at each try: a restart takes some 5 ms, and an actor that stays away costs two looks a second.
    zmq.RECONNECT_IVL: 2,
    zmq.RECONNECT_IVL_MAX: 500,
}

OBSERVER: Options = {
    # A request made while nobody listens is of no use later; it would only be one of many at the restart.
    zmq.IMMEDIATE: 1,
    zmq.RECONNECT_IVL: 50,
    zmq.RECONNECT_IVL_MAX: 1000,
}

PUBLISHER: Options = {zmq.SNDHWM: 10_000}
"""One flush of a large factory; beyond it zmq drops in silence and the observers' sequence numbers show the gap."""

AGENT: Options = {
    zmq.IMMEDIATE: 1,
    zmq.LINGER: LINGER_MS,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 5000,
}

AHEAD = ".ahead."
"""How the hidden names begin that `bind_ahead` gives; the pid and a number follow."""

# Each binding of this process has a number of its own, since a listener that zmq is still closing in
# its own thread removes the file it was bound to. A restarted process counts from the start again and
# so clears what a killed one left.
_bindings = itertools.count()

# Hidden path and socket: bound, and known to nobody.
_ahead: list[tuple[Path, zmq.Socket[bytes]]] = []


class Binding(NamedTuple):
    """A bound path. The inode tells our file from that of a successor at the same path."""

    path: Path
    inode: int

    def release(self) -> None:
        """Removes the file unless somebody else has bound the path since."""
        try:
            if self.path.stat().st_ino == self.inode:
                self.path.unlink()
        except FileNotFoundError:
            return


def context() -> zmq.Context[Socket]:
    """The process's one context, made when it is first needed; a forked child gets its own."""
    made: zmq.Context[Socket] = zmq.Context.instance()
    if made.get(zmq.MAX_SOCKETS) < MAX_SOCKETS:
        # Heeded until the first socket is made. zmq's own 1023 are too few for a thousand workers' actors.
        made.set(zmq.MAX_SOCKETS, MAX_SOCKETS)
    return made


def terminate() -> None:
    """Ends the process's context: what closed sockets still hold gets `LINGER_MS` to leave.

    For the very end of a process: without it a message told just before `exit` is lost.
    """
    context().destroy(linger=LINGER_MS)


def open_socket(kind: int, *option_sets: Options) -> Socket:
    """A socket with the common options, then those of the sets in order. The caller closes it."""
    if kind == zmq.ROUTER:
        _draw_routes()
    socket: Socket = context().socket(kind)
    for options in (COMMON, *option_sets):
        for option, value in options.items():
            socket.setsockopt(option, value)
    return socket


def _draw_routes() -> None:
    """Lets the numbers that the next ROUTER gives to its connections begin where nobody can foresee.

    zmq draws them with C's rand(), which nobody seeds, so all processes would begin with the same; and a peer may name any number as its
    own. One that is then given to another makes zmq abort, and with one of a peer that has gone it gets what was meant for that.
    """
    ctypes.CDLL(None).srand(secrets.randbits(32))


def make_folder(folder: Path) -> Path:
    """Creates a folder for sockets that only this user can enter. One that is there keeps its mode."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def endpoint(path: Path) -> str:
    """The ipc address of a path. Raises `PathTooLong`, since zmq itself only says "Invalid argument"."""
    length = len(str(path).encode())
    if length > MAX_IPC_PATH:
        raise PathTooLong(f"The socket path {path} has {length} bytes, the system takes {MAX_IPC_PATH}: choose a shorter run folder.")
    return f"ipc://{path}"


def bind_path(socket: Socket, path: Path, mode: int = 0o600) -> Binding:
    """Binds a path, over whatever a killed process left there, and gives the file its mode before anyone can see it.

    Bound under another name and renamed: there is no moment at which the path is missing, open to others,
    or removed by a predecessor that zmq is still closing. On an error the socket is closed.
    """
    hidden = path.with_name(f".{path.name}.{next(_bindings)}")
    bind(socket, hidden)
    return _shown(hidden, path, mode)


def _shown(hidden: Path, path: Path, mode: int) -> Binding:
    hidden.chmod(mode)
    binding = Binding(path, hidden.stat().st_ino)
    hidden.replace(path)
    return binding


def bind_ahead(folder: Path, number: int) -> None:
    """Binds sockets for the calls of `open_desk` to come in this folder, which then only have to give them their names.

    Those that are never asked for leave their files behind.
    """
    for _ in range(number):
        socket = open_socket(zmq.ROUTER)
        hidden = folder / f"{AHEAD}{os.getpid()}.{next(_bindings)}"
        bind(socket, hidden)
        _ahead.append((hidden, socket))


def open_desk(path: Path, mode: int) -> tuple[Socket, Binding]:
    """A ROUTER bound to a path, as `bind_path` does it. The caller closes it."""
    for ahead in [ahead for ahead in _ahead if ahead[0].parent == path.parent]:
        _ahead.remove(ahead)
        hidden, socket = ahead
        if hidden.exists():
            return socket, _shown(hidden, path, mode)
        socket.close()
    socket = open_socket(zmq.ROUTER)
    return socket, bind_path(socket, path, mode)


def bind(socket: Socket, address: str | Path) -> None:
    """Binds an address or path. Raises `CannotListen` or `PathTooLong`; the socket is closed then."""
    try:
        socket.bind(endpoint(address) if isinstance(address, Path) else address)
    except zmq.ZMQError as error:
        socket.close()
        raise CannotListen(f"Cannot listen on {address}: {error.strerror}.") from error
    except PathTooLong:
        socket.close()
        raise


def receive(socket: Socket) -> list[bytes] | None:
    """The next message's frames, None where there is none now."""
    frames = receive_frames(socket)
    return None if frames is None else [frame.bytes for frame in frames]


def receive_frames(socket: Socket) -> list[zmq.Frame] | None:
    """The same as zmq has them: only its own message knows which key it came with."""
    # Not `recv_multipart`: it asks the socket after each frame whether more follow, which takes longer than all the rest.
    try:
        frames = [socket.recv(_NOW, copy=False)]
    except zmq.Again:
        return None
    while frames[-1].more:
        frames.append(socket.recv(_NOW, copy=False))
    return frames


def send(socket: Socket, frames: list[bytes]) -> bool:
    """Hands a message to the socket; False where its queue is full or, with IMMEDIATE, nobody is connected."""
    *before, last = frames
    try:
        for frame in before:
            socket.send(frame, _NOW_AND_MORE)
        socket.send(last, _NOW)
    except zmq.Again:
        return False
    return True
