"""The seams of the queue: what can happen to work items, and where that is kept."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from factory.protocol.attempt_mail import Finish, Happened, Noted, Renew, Starting
from factory.protocol.commands import Reply, Steer, Submit
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.egress_mail import Spent
from factory.protocol.issue_mail import IssueWord
from factory.protocol.mailbox import Lease, Work


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
        """Stores agents' events as far as none is missing before them; per lease the last one's number, -1 where it is stale."""
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
