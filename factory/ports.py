"""The seams that many actors share, as Protocols; each stage's own are in its `*_ports.py`.

A seam is a port only if it has a second implementation (a fake counts).
"""

from collections.abc import Sequence
from typing import Any, Protocol

from factory.domain.limits import Usage
from factory.protocol.commands import ReleaseLock, Reply, Switch
from factory.protocol.mailbox import Lease


class Clock(Protocol):
    """Time, injected. Timers use `monotonic`; only the database's clock decides deadlines of leases."""

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        ...

    def now(self) -> float:
        """Unix time in seconds, for people and logs only."""
        ...


class Mailbox(Protocol):
    """An actor's way to the others, by name. A restarted actor is reached again without anyone being told."""

    def tell(self, address: str, mail: object) -> bool:
        """Hands over without waiting; False where the receiver's inbox is full or nobody listens (the sender repeats on its tick)."""
        ...

    def ask(self, address: str, mail: object, timeout: float) -> object:
        """Waits for the answer. Raises `errors.ActorUnavailable` after `timeout` seconds. Ask only downwards: a cycle would deadlock."""
        ...


class LimitStore(Protocol):
    """The limiter's store."""

    def usage(self) -> Usage: ...
    def write(self, name: str, value: dict[str, Any]) -> None: ...

    def switch(self, order: Switch) -> dict[str, Any]:
        """Carries it out, and says what is `paused` now and which engines were `lifted`. Repeating it changes nothing more."""
        ...


class Disk(Protocol):
    """Where the workers' folders are."""

    def space(self) -> tuple[int, int]:
        """Bytes that are free, and that there are."""
        ...


class LockStore(Protocol):
    """The lock manager's store."""

    def acquire(self, lease: Lease, repo: str, files: Sequence[str]) -> tuple[str, ...] | None:
        """Who is in the way, empty where granted; None where the lease is over."""
        ...

    def release(self, lease: Lease, files: Sequence[str] = ()) -> set[str]: ...
    def sweep(self) -> set[str]: ...
    def take_away(self, order: ReleaseLock) -> Reply:
        """Carries an operator's word out, once per command id."""
        ...


class DatabaseServer(Protocol):
    """A database server that the factory runs itself."""

    def start(self) -> str:
        """Starts it unless it runs; returns the address for the stores."""
        ...

    def stop(self) -> bool: ...
    def death_fd(self) -> int | None:
        """Readable once the server has died; None where this machine cannot say."""
        ...

    def wait_for_death(self, seconds: float) -> bool:
        """Whether it has died, or does so within these seconds."""
        ...
