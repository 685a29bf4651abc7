"""What surrounds delivery, in memory: the outbox and the queue that closes its rows, locks, notes of mirrors."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from factory.delivery_ports import Ended, Publication
from factory.errors import ActorUnavailable
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.issue_mail import Followed
from factory.protocol.mailbox import Lease, Ok, Stale
from tests.fakes.clock import ManualClock


@dataclass(slots=True)
class FakeOutbox:
    """Survives the actor, as a table does. Times are the test's clock."""

    clock: ManualClock
    rows: dict[Lease, Publication] = field(default_factory=dict)
    due_at: dict[Lease, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    closed: list[Ended] = field(default_factory=list)
    living: set[Lease] = field(default_factory=set)
    """Leases whose result may yet come, or may yet be approved."""

    def add(self, row: Publication) -> None:
        self.rows[row.lease] = row
        self.due_at[row.lease] = self.clock.monotonic()

    def open(self) -> list[Publication]:
        now = self.clock.monotonic()
        return [replace(row, due=self.due_at[lease] <= now) for lease, row in self.rows.items()]

    def is_open(self, lease: Lease) -> bool:
        return lease in self.rows

    def note_error(self, lease: Lease, sentence: str, delay: float) -> None:
        self.errors.append(sentence)
        if lease in self.rows:
            self.rows[lease] = replace(self.rows[lease], tries=self.rows[lease].tries + 1)
            self.due_at[lease] = self.clock.monotonic() + delay

    def ended(self) -> list[Ended]:
        return list(reversed(self.closed))

    def wanted(self, leases: Collection[Lease]) -> set[Lease]:
        return {lease for lease in leases if lease in self.rows or lease in self.living}

    def close(self, lease: Lease, *, keeps_bundle: bool = False) -> bool:
        """The queue's part; False where it was closed before."""
        row = self.rows.pop(lease, None)
        if row is not None:
            self.closed.append(Ended(lease, "" if keeps_bundle else row.result.bundle))
        return row is not None


@dataclass(slots=True)
class FakeQueue:
    """Delivery's way to the others. The queue answers as the real one does; everything else is kept.

    `words` holds what the queue accepted, in order; `told` what any other actor was told.
    """

    outbox: FakeOutbox
    words: list[Published | Rejected] = field(default_factory=list)
    followed: list[Followed] = field(default_factory=list)
    on_followed: Callable[[Followed], object] = lambda _: Ok()
    told: list[tuple[str, object]] = field(default_factory=list)
    away: bool = False
    after_answer: Callable[[], None] = lambda: None

    def tell(self, address: str, mail: object) -> bool:
        self.told.append((address, mail))
        return True

    def ask(self, address: str, mail: object, timeout: float) -> object:
        assert address == "queue"
        assert timeout > 0
        assert isinstance(mail, Published | Rejected | Followed)
        if self.away:
            raise ActorUnavailable("The queue did not answer in time.")
        if isinstance(mail, Followed):
            self.followed.append(mail)
            return self.on_followed(mail)
        keeps = isinstance(mail, Rejected) and mail.failure == "policy"
        if not self.outbox.close(mail.lease, keeps_bundle=keeps):
            return Stale(mail.lease, "it is not being published")
        self.words.append(mail)
        self.after_answer()
        return Ok()


@dataclass(slots=True)
class FakeLocks:
    held: dict[str, str] = field(default_factory=dict)

    def held_by_others(self, repo: str, item: str) -> Mapping[str, str]:
        return {file: worker for file, worker in self.held.items() if not worker.startswith(item)}


@dataclass(slots=True)
class FakeMirrorNotes:
    notes: list[tuple[str, str]] = field(default_factory=list)

    def refreshed(self, repo: str, path: str) -> None:
        self.notes.append((repo, path))

    def failed(self, repo: str, sentence: str) -> None:
        self.notes.append((repo, f"failed: {sentence}"))
