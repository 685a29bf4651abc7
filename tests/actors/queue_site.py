"""A queue's actor on a real database, called directly, and the dispatcher's side of its conversation."""

import random

import pytest

from actors.work_queue import WorkQueue
from factory.protocol.lease_mail import Claimed, Credit, Outstanding, Survey
from factory.protocol.mailbox import Lease
from factory.queue_ports import WorkStore
from factory.storage.database import Database
from factory.storage.work_items import WorkItems
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.work import TERMS

H = TERMS.lease.heartbeat


class Queue:
    """An actor with what it stands on, and the dispatcher's side of the conversation."""

    def __init__(self, items: WorkStore) -> None:
        self.clock, self.mail = ManualClock(), RecordingMailbox()
        self.actor = WorkQueue(mailbox=self.mail, clock=self.clock, store=items, terms=TERMS.lease, boot="q", dice=random.Random(1))
        self.on_batch, self.on_tick = self.actor.on_batch, self.actor.on_tick

    def outstanding(self) -> Outstanding:
        self.on_batch([Survey()])
        return self.mail.to("dispatcher", Outstanding)[-1]

    def credit(self, free: int) -> None:
        """What a dispatcher that knows everything would give."""
        known = self.outstanding()
        self.mail.take()
        self.on_batch([Credit(known.boot, known.made, free)])

    def claims(self) -> list[Lease]:
        return [work.lease for mail in self.mail.to("dispatcher", Claimed) for work in mail.work]

    def tick_to(self, heartbeats: float) -> None:
        """Regular ticks for so long."""
        for _ in range(round(heartbeats * 2)):
            self.clock.advance(H / 2)
            self.on_tick()


@pytest.fixture
def queue(items: WorkItems) -> Queue:
    return Queue(items)


def status(database: Database, item: str) -> object:
    with database.transaction() as cursor:
        row = cursor.execute("SELECT status FROM work_items WHERE id = %s", (item,)).fetchone()
    assert row is not None
    return row["status"]


def lapse(database: Database, lease: Lease) -> None:
    """Lets a lease be over on the database's clock."""
    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET lease_until = clock_timestamp() - interval '1 hour' WHERE id = %s", (lease.item,))
