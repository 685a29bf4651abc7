"""Files on their way between a factory and its hosts: bundles of sources out, results in. Pieces pass through memory, files do not."""

import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from factory.domain.chunks import CHUNK_BYTES, CREDIT_CHUNKS, MOST_ASKED, Pull
from factory.host_ports import Parcel
from factory.protocol.host import Chunk, Get

log = logging.getLogger(__name__)

_OLD_SECONDS = 86_400.0
"""What nobody came for within a day is left of somebody who died."""


def pieces(parcel: Parcel, asked: Get) -> Iterator[Chunk]:
    """What was asked for, as far as the file goes. Raises `OSError` where it is not there any more."""
    with parcel.path.open("rb") as file:
        file.seek(asked.offset)
        for number in range(min(asked.count, MOST_ASKED)):
            data = file.read(CHUNK_BYTES)
            if not data:
                return
            yield Chunk(asked.sid, asked.parcel, asked.offset + number * CHUNK_BYTES, data)


@dataclass(slots=True)
class _Incoming:
    pull: Pull
    file: io.FileIO
    path: Path


@dataclass(slots=True)
class Arrivals:
    """Files that are being received into a folder, by (host, parcel). What a broken transfer left is gone on with."""

    folder: Path
    _incoming: dict[tuple[str, str], _Incoming] = field(default_factory=dict)

    def begin(self, host: str, parcel: str, size: int, sha256: str, now: float) -> None:
        """Raises `OSError`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # By its content: another file of the same worker is another file.
        path = self.folder / f"{host}.{parcel}.{sha256[:16]}"
        path.touch(mode=0o600)
        at = path.stat().st_size
        if at > size:
            path.write_bytes(b"")
            at = 0
        self._incoming[host, parcel] = _Incoming(Pull.begin(size, at, now), path.open("ab", buffering=0), path)

    def take(self, host: str, chunk: Chunk, now: float) -> bool:
        """Whether the file has got on. Raises `OSError` where it cannot be written."""
        incoming = self._incoming.get((host, chunk.parcel))
        if incoming is None:
            return False
        pull, taken = incoming.pull.took(chunk.offset, len(chunk.data), now)
        if taken:
            _write(incoming.file, chunk.data)
            incoming.pull = pull
        return taken

    def due(self, host: str, parcel: str, now: float) -> list[tuple[int, int]]:
        """What is to be asked for now, as offsets and numbers of pieces."""
        if (incoming := self._incoming.get((host, parcel))) is None:
            return []
        others = sum(each.pull.on_the_way for (name, _), each in self._incoming.items() if name == host and each is not incoming)
        asks: list[tuple[int, int]] = []
        while True:
            incoming.pull, ask = incoming.pull.due(now, CREDIT_CHUNKS - others)
            if ask is None:
                return asks
            asks.append(ask)

    def has(self, host: str, parcel: str) -> bool:
        """Whether it is being received."""
        return (host, parcel) in self._incoming

    def parcels(self, host: str) -> list[str]:
        return [parcel for name, parcel in self._incoming if name == host]

    def finished(self, host: str, parcel: str) -> Path | None:
        """The file once it is whole and written; None before."""
        incoming = self._incoming.get((host, parcel))
        if incoming is None or not incoming.pull.is_whole:
            return None
        self.drop(host, parcel)
        return incoming.path

    def is_stuck(self, host: str, parcel: str, now: float) -> bool:
        incoming = self._incoming.get((host, parcel))
        return incoming is not None and incoming.pull.is_stuck(now)

    def drop(self, host: str, parcel: str) -> None:
        """Receives it no further. What is there stays for the next try."""
        incoming = self._incoming.pop((host, parcel), None)
        if incoming is not None:
            incoming.file.close()

    def discard(self, host: str, parcel: str) -> None:
        """The same, and nothing of it stays: where the disk is full it is what fills it."""
        incoming = self._incoming.get((host, parcel))
        self.drop(host, parcel)
        if incoming is not None:
            incoming.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Receives no more. What is there stays."""
        for host, parcel in list(self._incoming):
            self.drop(host, parcel)

    def tidy(self, now: float) -> None:
        """Removes what was left for over a day; `now` in Unix seconds."""
        kept = {incoming.path for incoming in self._incoming.values()}
        for path in self.folder.glob("*"):
            # Taken away meanwhile by whoever waited for it.
            with suppress(FileNotFoundError):
                if path not in kept and path.stat().st_mtime < now - _OLD_SECONDS:
                    path.unlink()


def _write(file: io.FileIO, data: bytes) -> None:
    # Unbuffered, so that a full disk is noticed here and not when the file is closed; so it may be written in parts.
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
