"""The log of one attempt: what its agent, gates and worker printed, as a file that `factory logs` reads."""

import logging
from pathlib import Path

from factory.protocol.worker import Log

log = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024
"""Of one attempt's log; beyond it a last line says that the rest is not kept."""


def log_path(logs: Path, item: str, epoch: int) -> Path:
    """Where the log of an attempt is."""
    return logs / item / f"{epoch}.log"


class AttemptLog:
    """Appends. Opened for each piece: there are few a second, and an actor may be killed at any line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, piece: Log) -> None:
        """Keeps a piece, and says where bytes are missing because the worker had no credit for them."""
        gap = f"\n[{piece.gap} bytes not kept]\n".encode() if piece.gap else b""
        self._append(gap + piece.data)

    def say(self, line: str) -> None:
        """A line of the factory's own."""
        self._append(f"[factory] {line}\n".encode())

    def _append(self, data: bytes) -> None:
        try:
            self._write(data)
        except OSError as error:
            # A full disk must not end the actor: the agent would only go on sending to the next one.
            log.warning("%s is not kept: %s", self._path.name, error)

    def _write(self, data: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            room = MAX_BYTES - file.tell()
            if room <= 0:
                return
            file.write(data if len(data) <= room else data[:room] + b"\n[the rest is not kept]\n")
