"""The seams of workers: where they run, and what they use."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from factory.domain.meter import Counts


class Isolation(StrEnum):
    """How far a worker is kept from this machine; shown wherever a worker is shown."""

    CONTAINER = "container"
    CONFINED = "confined"
    UNCONFINED = "unconfined"


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """What a host needs to make a worker.

    Attributes:
        name: the worker's name on its host; making it twice gives the same worker, so creation is idempotent.
        arguments: what to run after `python -I -m worker_agent`.
        files: name → content, put into the worker's `in` folder, readable by the worker only.
        readable: paths of this machine that the worker may read (the mirror, the link's socket folder).
        environment: added to the host's own allow-list.
        repo: what it works on, and `commits` that it clones, for a host that has to bring them there first.
    """

    name: str
    arguments: tuple[str, ...]
    files: dict[str, bytes]
    readable: tuple[Path, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    repo: str = ""
    commits: tuple[str, ...] = ()


class Life(StrEnum):
    """What a host can say about a worker."""

    RUNNING = "running"
    EXITED = "exited"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Observed:
    """A worker as its host sees it.

    Attributes:
        code: exit status where the host could learn it, negative for a signal.
        reason: one sentence, where there is more to say (out of memory, killed).
        waits: it does not run yet, since what it needs is still on its way to its host.
        full: it could not be made, since a disk is full.
    """

    name: str
    life: Life
    pid: int | None = None
    code: int | None = None
    reason: str = ""
    waits: bool = False
    full: bool = False


class WorkerHost(Protocol):
    """Where workers run. Shaped for processes, containers and remote hosts alike; every call is idempotent.

    A worker belongs to its lease, not to the process that made it: `list_owned` is what lets a restarted factory adopt or remove it.
    """

    @property
    def isolation(self) -> Isolation:
        """The grade that workers of this host get."""
        ...

    def start(self, order: WorkerOrder) -> Observed:
        """Makes the worker, or finds it if it is there. Raises `errors.HostUnavailable` where it cannot."""
        ...

    def poll(self, name: str) -> Observed:
        """How the worker is now; `GONE` where the host knows nothing of it. Does not block."""
        ...

    def stop(self, name: str, grace: float) -> Observed:
        """Ends the worker and all its descendants: SIGTERM, `grace` seconds, SIGKILL, sweep. Blocks until nothing is left."""
        ...

    def list_owned(self) -> Sequence[Observed]:
        """All workers of this factory instance, running or not yet removed."""
        ...

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        """Copies a regular file out of the worker's `out` folder and returns its size in bytes.

        Raises `errors.NoResult` where it is missing, larger than `limit` bytes, or no regular file (a link could point anywhere).
        """
        ...

    def remove(self, name: str) -> None:
        """Forgets a worker that has ended and deletes what it left."""
        ...


class Meter(Protocol):
    """Counts what workers use, where their host can."""

    def counts(self, name: str) -> Counts | None:
        """One reading, made now; None of a worker that does not run. Raises `errors.HostUnavailable`."""
        ...
