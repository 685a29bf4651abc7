"""Every seam to the outside, as a Protocol. A port is here only if it has a second implementation (a fake counts)."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from factory.domain.ids import Commit, ItemId
from factory.domain.inspection import Inspection
from factory.domain.limits import Usage
from factory.domain.meter import Counts
from factory.protocol.attempt_mail import Finish, Happened, Noted, Renew, Starting
from factory.protocol.commands import ReleaseLock, Reply, Steer, Submit, Switch
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.egress_mail import Spent
from factory.protocol.issue_mail import IssueWord
from factory.protocol.mailbox import Lease, Work


class Clock(Protocol):
    """Time, injected. Timers use `monotonic`; only the database's clock decides deadlines of leases."""

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        ...

    def now(self) -> float:
        """Unix time in seconds, for people and logs only."""
        ...


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


@dataclass(frozen=True, slots=True)
class PullRequestOrder:
    """What a pull request is made of. `head` is the commit that was checked."""

    item: ItemId
    repo: str
    branch: str
    base_branch: str
    head: Commit
    title: str
    body: str


PullRequestState = Literal["open", "merged", "closed"]


@dataclass(frozen=True, slots=True)
class PullRequestRef:
    """A pull request that exists. `followed` says whether the factory is told what becomes of it."""

    number: int
    url: str
    head: Commit
    followed: bool
    state: PullRequestState = "open"


class PullRequests(Protocol):
    """A forge's pull requests. Find-or-create, keyed by (repository, branch): repeating it never makes a second one.

    Both raise `errors.ForgeUnavailable` and `errors.Unauthorized` (try again, not before `retry_after`) or `errors.ForgeRefused`.
    """

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        """The pull request of a branch, in whichever state: there is never a second one."""
        ...

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        """Creates it, or returns the one that is there with its text brought up to date; its head is the order's.

        One that is over already is returned where it was of that head, and refused where it was of another one.
        """
        ...


class Repositories(Protocol):
    """Delivery's side of git: mirrors of the remotes, imports of results, pushes. Never runs git in a tree that an agent could write."""

    def refresh(self, repo: str, base_branch: str) -> tuple[Path, Commit]:
        """Brings the mirror up to date and returns it with the base branch's commit.

        Raises `errors.RepositoryUnavailable` (try again) or `errors.RepositoryRefused` (no such repository, branch, or no commit).
        """
        ...

    def read(self, repo: str, commit: Commit, path: str) -> str | None:
        """A text file of a commit in the mirror, None where it is not there."""
        ...

    def import_bundle(self, repo: str, name: str, bundle: Path, commit: Commit) -> Path:
        """Imports a bundle into a fresh bare repository under `name` and returns it. Replaces what an interrupted import left.

        Raises `errors.BadResult` where the bundle is broken or does not hold `commit`.
        """
        ...

    def head(self, repo: str, branch: str) -> Commit | None:
        """Where a branch was when the mirror was brought up to date; None where there was none."""
        ...

    def inspect(self, imported: Path, base: Commit, commit: Commit, onto: str = "") -> Inspection:
        """Reads the result's history and diff in the imported repository.

        Args:
            base: what the result has to build on.
            onto: the base branch, where the result goes on with a branch of its own: all of that branch is read, and what it has merged
                of the base branch is not.
        """
        ...

    def push(self, repo: str, imported: Path, commit: Commit, branch: str, expected: Commit | None) -> None:
        """Pushes with lease: the remote branch must be at `expected` (None: absent) or already at `commit`.

        Raises `errors.RepositoryUnavailable`, or `errors.BranchTaken` where somebody else's commit is there.
        """
        ...

    def discard(self, name: str) -> None:
        """Removes an import."""
        ...


class Mailbox(Protocol):
    """An actor's way to the others, by name. A restarted actor is reached again without anyone being told."""

    def tell(self, address: str, mail: object) -> bool:
        """Hands over without waiting; False where the receiver's inbox is full or nobody listens (the sender repeats on its tick)."""
        ...

    def ask(self, address: str, mail: object, timeout: float) -> object:
        """Waits for the answer. Raises `errors.ActorUnavailable` after `timeout` seconds. Ask only downwards: a cycle would deadlock."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """How a word of an issue or a pull request ended: why it was refused, and the lease that it ended, whose worker must go."""

    refused: str = ""
    ended: Lease | None = None


class QueueRound(Protocol):
    """What can happen to work items within one transaction of the queue. False or `stale`: the fence let nothing through."""

    def submit(self, order: Submit) -> str | None:
        """A new item; the reason where it is refused. The same id again is the same item."""
        ...

    def said_before(self, command: str) -> Reply | None: ...
    def remember(self, command: str, reply: Reply) -> Reply: ...
    def steer(self, mail: Steer) -> tuple[Reply, Lease | None]:
        """Carries an operator's word out; the second value is the lease that it ended."""
        ...

    def hear(self, mail: IssueWord) -> Heard:
        """Carries out what an issue or a pull request has to say."""
        ...

    def noted(self, item: str) -> Noted | None:
        """The notes of an item for the agent that works on it; None where none does."""
        ...

    def audit(self, operator: str, verb: str, item: str) -> None:
        """Notes who said what, in the trail."""
        ...

    def starting(self, mail: Starting) -> bool: ...
    def start(self, leases: Sequence[Lease]) -> set[Lease]:
        """Notes that agents have their assignments. A lease that is not in the answer is to be looked at by `accepted`."""
        ...

    def accepted(self, lease: Lease) -> bool: ...
    def happened(self, mails: Iterable[Happened]) -> dict[Lease, int]:
        """Stores agents' events; per lease the number up to which none is missing, -1 where it is stale."""
        ...

    def take_results(self, mails: Sequence[Finish]) -> set[Lease]:
        """Accepts the results among them. A lease that is not in the answer is to be looked at by `finish`."""
        ...

    def finish(self, mail: Finish, jitter: float) -> Literal["ok", "stale", "incomplete"]: ...
    def published(self, mail: Published) -> bool: ...
    def rejected(self, mail: Rejected, jitter: float) -> bool: ...
    def worker_gone(self, lease: Lease, reason: str) -> None: ...
    def stalled(self, lease: Lease, seconds: float) -> None: ...
    def spent(self, mail: Spent) -> None: ...
    def now(self) -> float:
        """The store's clock, which leases are compared with; seconds."""
        ...

    def renew(self, beats: Sequence[Renew]) -> set[Lease]:
        """The leases of the batch that live."""
        ...

    def expire(self, jitter: float) -> list[Lease]: ...
    def unpark(self) -> int:
        """Queues what is parked and whose condition holds; returns how many."""
        ...

    def claim(self, count: int, labels: Sequence[Sequence[str]] = ()) -> list[Work]:
        """Up to `count`, next first; of those that need labels such as one of `labels` has all of."""
        ...

    def leased(self) -> list[Work]: ...
    def unleased(self) -> list[Lease]:
        """Workers not known to be gone although their lease is over."""
        ...

    def publishing(self) -> int:
        """Results on their way to a pull request that nothing was in the way of yet."""
        ...

    def enrolled(self) -> dict[str, str]:
        """Worker name → public key, of living leases."""
        ...

    def shift(self, seconds: float) -> None:
        """Moves every time that is waited for along with a clock of the store that was set."""
        ...

    def marked(self) -> float | None:
        """The time of the store's clock that was written down last; None before the first."""
        ...

    def mark(self, seconds: float) -> None: ...

    def forget_commands(self) -> None: ...


class WorkStore(Protocol):
    """The queue's store."""

    def round(self) -> AbstractContextManager[QueueRound]:
        """Everything done with the round becomes durable at once, when the block ends, or not at all."""
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
