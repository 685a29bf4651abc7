"""The stores that `test_work_store` holds to one behaviour, each with what it takes to bring items to where a test begins."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from factory.domain.events import fold, item_stream
from factory.protocol.attempt_mail import Finish, Starting
from factory.protocol.mailbox import Lease, Work
from factory.queue_ports import QueueRound, WorkStore
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.limits import LimitStore
from factory.storage.locks import LockStore
from factory.storage.outbox import OutboxStore
from factory.storage.pull_requests import PullRequestRows
from factory.storage.work_items import WorkItems
from tests.simulation.memory.database import MemoryDatabase
from tests.simulation.memory.statements import STATEMENTS
from tests.work import BASE, TERMS, done, order


@dataclass(slots=True)
class Site:
    """A database behind all of its stores; `lapse` lets a lease be over on its clock."""

    database: Database
    lapse: Callable[[Lease], object]
    items: WorkStore = field(init=False)
    locks: LockStore = field(init=False)
    limits: LimitStore = field(init=False)
    outbox: OutboxStore = field(init=False)
    pulls: PullRequestRows = field(init=False)

    def __post_init__(self) -> None:
        self.items = WorkItems(self.database, TERMS)
        self.locks, self.limits = LockStore(self.database), LimitStore(self.database)
        self.outbox, self.pulls = OutboxStore(self.database), PullRequestRows(self.database)

    def do(self, act: Callable[[QueueRound], Any]) -> Any:
        with self.items.round() as round_:
            return act(round_)

    def submitted(self, **changes: object) -> str:
        submit = order(**changes)
        assert self.do(lambda round_: round_.submit(submit)) is None
        return submit.item

    def claimed(self, count: int = 1) -> list[Work]:
        found: list[Work] = self.do(lambda round_: round_.claim(count))
        return found

    def running(self, **changes: object) -> Lease:
        item = self.submitted(**changes)
        lease = self.claimed()[0].lease
        assert lease.item == item
        assert self.do(lambda round_: round_.starting(Starting(lease, "k" * 40, "local", "confined", BASE)))
        assert self.do(lambda round_: round_.accepted(lease))
        return lease

    def published_soon(self, **changes: object) -> Lease:
        lease = self.running(**changes)
        assert self.finish(done(lease)) == "ok"
        return lease

    def finish(self, mail: Finish) -> str:
        return str(self.do(lambda round_: round_.finish(mail, 0.0)))

    def taken_over(self) -> tuple[Lease, Lease]:
        """A lease that ran out, and the one that followed it."""
        old = self.running()
        self.lapse(old)
        assert self.do(lambda round_: round_.expire(0.0)) == [old]
        new = self.claimed()[0].lease
        assert new == Lease(old.item, old.epoch + 1)
        return old, new

    def trail(self, item: str) -> list[str]:
        """The types of an item's events; their chain must be whole, and their fold what a reader of the row sees."""
        reader = EventReader(self.database)
        assert reader.verify(item_stream(item)) is None
        return [event.type for event in reader.stream(item_stream(item))]

    def column(self, item: str, name: str) -> Any:
        return fold(event.data for event in EventReader(self.database).stream(item_stream(item)))[name]


def postgres_site(database: Database) -> Site:
    """On a real database, in which nothing else is."""

    def lapse(lease: Lease) -> None:
        with database.transaction() as cursor:
            cursor.execute("UPDATE work_items SET lease_until = clock_timestamp() - interval '1 hour' WHERE id = %s", (lease.item,))

    return Site(database, lapse)


def memory_site() -> Site:
    """On tables in memory."""
    ticks = iter(range(1, 1_000_000))
    # As in PostgreSQL, no two statements see the same time.
    memory = MemoryDatabase(lambda: 1_700_000_000 + next(ticks) / 1_000, STATEMENTS)

    def lapse(lease: Lease) -> None:
        memory.tables.items[lease.item] = {**memory.tables.items[lease.item], "lease_until": 0.0}

    return Site(memory.typed, lapse)
