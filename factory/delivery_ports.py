"""The seams of delivery: its outbox, and what becomes of its pull requests."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from factory.domain.follow import Seen
from factory.domain.ids import Commit, ItemId, branch_of
from factory.protocol.attempt_mail import Result
from factory.protocol.mailbox import Lease
from factory.pull_request_ports import PullRequestOrder, PullRequestRef


@dataclass(frozen=True, slots=True)
class Publication:
    """An open row of the outbox, with what delivery needs of the item behind it.

    Attributes:
        due: whether it is time to (re)try it, by the database's clock.
        tries: failures so far.
        approved_digest: the result that a person said yes to, see `domain.delivery.digest`.
        earlier_heads: commits of earlier attempts; one of them may be on the branch, pushed and then given up.
        iterations, tokens: of all attempts together.
        reworks: attempts that the pull request asked for.
        closes: the issue that the item came from, `owner/name#number`; empty where it came from none.
        micros: what all attempts together cost, in millionths of a US dollar, as far as the way out counted it.
        blocked: hosts that any of them was not let to.
        host, isolation: where the worker of this result was made, and how it was kept from that machine; empty where nobody knows.
    """

    lease: Lease
    repo: str
    base_branch: str
    title: str
    spec: str
    result: Result
    iterations: int = 0
    due: bool = True
    tries: int = 0
    approved_digest: str = ""
    earlier_heads: tuple[Commit, ...] = ()
    tokens: int = 0
    reworks: int = 0
    closes: str = ""
    micros: int = 0
    blocked: tuple[str, ...] = ()
    host: str = ""
    isolation: str = ""

    @property
    def builds_on_ours(self) -> bool:
        """Whether the attempt began where an earlier one ended: it reworked the pull request of the item."""
        return self.result.base_commit in self.earlier_heads

    @property
    def item(self) -> ItemId:
        return ItemId(self.lease.item)

    @property
    def name(self) -> str:
        """Of its import; the worker's that it came from."""
        return self.lease.worker

    @property
    def branch(self) -> str:
        return branch_of(self.item)


@dataclass(frozen=True, slots=True)
class Ended:
    """A publication that is over. `bundle` is its file in the spool, empty where that is still wanted."""

    lease: Lease
    bundle: str


class Outbox(Protocol):
    """Delivery's side of the outbox. Rows are opened and closed by the queue, in the transactions of what they tell of."""

    def open(self) -> Sequence[Publication]:
        """Open rows of items that are being published, oldest first, due or not; bounded."""
        ...

    def is_open(self, lease: Lease) -> bool:
        """Whether the row is still wanted: asked right before something that cannot be taken back."""
        ...

    def note_error(self, lease: Lease, sentence: str, delay: float) -> None:
        """Counts a failure; the row is due again after `delay` seconds."""
        ...

    def ended(self) -> Sequence[Ended]:
        """Rows closed within a day, newest first; bounded. What they left behind may be removed."""
        ...

    def wanted(self, leases: Collection[Lease]) -> AbstractSet[Lease]:
        """Those of the leases whose result is, or may yet become, one to be published."""
        ...


class LockReader(Protocol):
    """Who holds which file."""

    def held_by_others(self, repo: str, item: str) -> Mapping[str, str]:
        """File → worker, of all other items."""
        ...


class MirrorNotes(Protocol):
    """What is shown of mirrors. No decision reads it."""

    def refreshed(self, repo: str, path: str) -> None: ...
    def failed(self, repo: str, sentence: str) -> None: ...


class PullRequestStore(Protocol):
    """The factory's own record of pull requests; for repositories without a forge it is the only one."""

    def find(self, repo: str, branch: str) -> PullRequestRef | None: ...
    def find_or_create(self, order: PullRequestOrder, url: str) -> PullRequestRef:
        """The one of this repository and branch, with head, title and body brought up to date; a number per repository."""
        ...

    def record(self, order: PullRequestOrder, ref: PullRequestRef) -> None:
        """Notes the one that a forge has, under the forge's number; repeating it changes nothing."""
        ...

    def hold(self, forge: str, seconds: float) -> None:
        """Notes that a forge allows no call for so long, so that no restart forgets it."""
        ...

    def held_for(self, forge: str) -> float:
        """Seconds until the forge allows calls again, 0 where it does."""
        ...


@dataclass(frozen=True, slots=True)
class Tracked:
    """A pull request whose item is in review, or was and is not over.

    Attributes:
        only_watched: its item is worked on once more, or was given up or left to a person: nothing is done but to notice how it ends.
        heads: what attempts of the item ended with, oldest first.
        review: number of the last review that an attempt was given.
        digest: of what was read last.
        unchanged: looks since that was different.
    """

    item: ItemId
    epoch: int
    repo: str
    number: int
    url: str
    base_branch: str
    head: Commit
    heads: tuple[Commit, ...] = ()
    review: int = 0
    digest: str = ""
    unchanged: int = 0
    only_watched: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of a look. `shown` is for people, as JSON; `delay` the seconds until the next one."""

    sentence: str
    digest: str
    unchanged: int
    delay: float
    shown: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ReworkOrder:
    """What the next attempt on a pull request is for.

    Attributes:
        head: what it begins with; one of `heads`, unless somebody else was faster.
        reasons: clauses; `evidence` what others wrote, quoted.
        conflicts: the base's commit has to be merged.
    """

    branch: str
    head: Commit
    heads: tuple[Commit, ...]
    reasons: tuple[str, ...]
    evidence: str
    conflicts: bool = False


class PullRequestReader(Protocol):
    """Reads what becomes of pull requests. Raises as `ports.PullRequests` does. May be used by several threads."""

    def look(self, repo: str, number: int, after_review: int) -> Seen:
        """The pull request as it is now; texts of reviews up to `after_review` may be left out."""
        ...

    def merge(self, repo: str, number: int, head: Commit, way: str) -> None:
        """Merges it by `way` (merge, squash, rebase) if it is at exactly this commit."""
        ...


class FollowStore(Protocol):
    """What is known of pull requests that are followed. Times are the database's."""

    def due(self, limit: int) -> Sequence[Tracked]:
        """Those whose time it is, the longest due first."""
        ...

    def looked(self, item: str, look: Look) -> None: ...
    def failed(self, item: str, sentence: str, delay: float) -> None:
        """A look that came to nothing; the next one in `delay` seconds."""
        ...

    def order_rework(self, item: str, head: Commit, order: ReworkOrder, review: int) -> None:
        """Notes what the next attempt is for. Repeating it for the same head changes nothing."""
        ...

    def rework_of(self, item: str) -> ReworkOrder | None:
        """What the attempt of this item is for, None where it begins from its base branch as the first one did."""
        ...

    def hint(self, repo: str, number: int) -> None:
        """Makes it due. `repo` is the address, or its last two parts."""
        ...
