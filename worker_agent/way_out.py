"""Whether this worker has a way out of the factory's, and what it looks like to what runs here."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from factory.protocol.way_out import FILE, WayOutFile
from worker_agent.folders import Folders


class WayOut(Protocol):
    """Open until it is closed."""

    @property
    def environment(self) -> Mapping[str, str]:
        """For engine and gates."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no log may hold."""
        ...

    def close(self) -> None: ...


class NoWayOut:
    """Where the host's own network is there, or none is wanted."""

    environment: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()

    def close(self) -> None:
        """There is nothing to close."""


def open_way_out(folders: Folders) -> WayOut:
    """As the factory gave it. Raises `OSError`, `msgspec.DecodeError`."""
    file = folders.inbox / FILE
    if not file.exists():
        return NoWayOut()
    from worker_agent.way_out_forwarder import Forwarder  # noqa: PLC0415 - an event loop that most workers have no use for

    return Forwarder(msgspec.json.decode(file.read_bytes(), type=WayOutFile))
