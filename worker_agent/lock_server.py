"""Answers the lock hooks of the agent: a thread that listens on a socket in the worker's own folder.

    tool call ─► hook process ──event──► here ──LOCK──► conversation ──► factory
                             ◄─allow/deny─┘   ◄─LOCK_ANSWER──────────────┘

One question at a time. An agent could pass by, with a shell command or a server of its own on this socket: what counts is
the check of the result's diff. This is here so that an agent that means well does not work for nothing.
"""

import logging
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from factory.protocol.codec import BadMessage
from factory.transport.agent_link import LinkDown
from worker_agent.folders import Folders
from worker_agent.lock_desk import LockDesk
from worker_agent.lock_hook import MOST_BYTES
from worker_agent.lock_paths import Ground, NoSuchEdit, files_to_lock, read_event

HOOK: Final = Path(__file__).with_name("lock_hook.py")

ANSWER_SECONDS = 8.0
"""For the factory: a LOCK that got lost is sent again after a heartbeat of 5 s. The hook itself waits a little longer."""

_EVENT_SECONDS = 5.0
"""For a hook to hand over its event, which it has whole before it connects."""
_BACKLOG = 64
"""Tool calls that an agent makes at the same time."""
_ACCEPT_SECONDS = 0.5
"""Between two looks whether to leave, where nobody connects."""
_JOIN_SECONDS = 2 * _ACCEPT_SECONDS
_REASON_CHARACTERS = 1_000
_CHUNK = 65_536
_PATH_BYTES = 103
"""What every system takes; Linux takes 107."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_log = logging.getLogger(__name__)


def socket_path(folders: Folders) -> Path:
    """Where the hooks of a worker ask."""
    return folders.home / "locks.sock"


class LockServer:
    """Serves from `start` to `close`. Where it has ended, by whatever, hooks find nobody and refuse."""

    def __init__(self, path: Path, ground: Ground, desk: LockDesk, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._ground = ground
        self._desk = desk
        self._clock = clock
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="locks", daemon=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def start(self) -> None:
        """Raises `OSError` where the socket cannot be made."""
        try:
            _bind(self._listener, self._path)
            self._listener.listen(_BACKLOG)
            self._listener.settimeout(_ACCEPT_SECONDS)
        except OSError:
            self._listener.close()
            raise
        self._thread.start()

    def close(self) -> None:
        """Everything is refused from here on. Closing one that never started, or twice, is harmless."""
        self._desk.close()
        self._leave.set()
        # Wakes the thread on Linux; elsewhere it finds out within its own bound.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)
        self._listener.close()
        with suppress(OSError):
            self._path.unlink()

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        with self._listener:
            while not self._leave.is_set():
                try:
                    asking, _ = self._listener.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    # Closed, or out of descriptors: either way nobody is let through from here on.
                    if not self._leave.is_set():
                        _log.warning("locks are not answered any more: %s", error)
                    return
                with asking:
                    self._attend(asking)

    def _attend(self, asking: socket.socket) -> None:
        try:
            self._say(asking, self._judge(self._listen(asking)))
        except OSError as error:
            _log.info("a hook left before its answer: %s", error)

    def _listen(self, asking: socket.socket) -> bytes:
        """The event to its end, empty where it is too large."""
        deadline = self._clock() + _EVENT_SECONDS
        event = bytearray()
        while len(event) <= MOST_BYTES:
            asking.settimeout(max(deadline - self._clock(), 0.001))
            piece = asking.recv(_CHUNK)
            if not piece:
                return bytes(event)
            event += piece
        return b""

    def _judge(self, event: bytes) -> str:
        """Why not; empty where the edit may be made."""
        try:
            files = files_to_lock(read_event(event), self._ground)
            holders = self._desk.ask(files, ANSWER_SECONDS) if files else ()
        except (NoSuchEdit, LinkDown, BadMessage) as error:
            return str(error)
        if not holders:
            return ""
        _log.info("an edit of %s was refused: %s", ", ".join(files), "; ".join(holders))
        return f"{', '.join(files)} cannot be locked, in the way is {'; '.join(holders)}: choose another file or finish without this one"

    def _say(self, asking: socket.socket, refusal: str) -> None:
        asking.settimeout(_EVENT_SECONDS)
        answer = f"deny {_UNPRINTABLE.sub(' ', refusal)[:_REASON_CHARACTERS]}\n" if refusal else "allow\n"
        asking.sendall(answer.encode("utf-8", "replace"))


def _bind(listener: socket.socket, path: Path) -> None:
    # An agent before us in this folder was killed, or its engine left something under this name.
    if path.is_symlink() or (path.exists() and not stat.S_ISDIR(path.lstat().st_mode)):
        path.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        listener.bind(_short(path, folder))
    finally:
        os.close(folder)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)


def _short(path: Path, folder: int) -> str:
    """A way to the same place that a socket's address has room for, where the system has one."""
    through = Path("/proc/self/fd") / str(folder)
    return str(through / path.name) if len(os.fsencode(path)) > _PATH_BYTES and through.exists() else str(path)
