"""What outages, zombies and hostile names must not do to the queue, the locks and the outbox."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from actors.lock_manager import LockManager
from factory.domain.lease import LeaseTerms, guard_at_start
from factory.protocol.mailbox import Acquire, Finish, Refused, Release, Renew, Starting
from factory.storage.database import Database
from factory.storage.locks import LockStore
from factory.storage.outbox import OutboxStore
from factory.storage.work_items import Round, WorkItems
from tests.actors.queue_site import Queue, lapse, status
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.integration.test_work_items import taken_over
from tests.work import BASE, claimed, done, order, running, store


def rows(database: Database, statement: str) -> list[dict[str, object]]:
    with database.transaction() as cursor:
        return cursor.execute(statement.encode()).fetchall()


def test_a_zombies_result_beside_the_owners_in_one_batch_leaves_no_trace(database: Database) -> None:
    items = store(database)
    old, new = taken_over(items, database)
    with items.round() as round_:
        assert round_.starting(Starting(new, "n" * 40, "local", "unconfined", BASE))
        assert round_.accepted(new)

    Queue(items).on_batch([done(old), done(new)])

    assert rows(database, "SELECT epoch, outcome FROM attempts ORDER BY epoch") == [
        {"epoch": old.epoch, "outcome": "infra"},
        {"epoch": new.epoch, "outcome": "done"},
    ]
    assert rows(database, "SELECT epoch FROM outbox") == [{"epoch": new.epoch}]


class Shifted:
    """A store whose clock a test can move."""

    def __init__(self, items: WorkItems) -> None:
        self.items, self.shift = items, 0.0

    @contextmanager
    def round(self) -> Iterator[Round]:
        with self.items.round() as round_:
            now = round_.now
            round_.now = lambda: now() + self.shift  # type: ignore[method-assign]  # for this one round
            yield round_


def test_a_jump_of_the_stores_clock_alone_ends_no_lease(database: Database) -> None:
    items = store(database)
    shifted = Shifted(items)
    queue = Queue(shifted)
    first, second = running(items), running(items)
    queue.tick_to(5)
    queue.on_batch([Renew(first, "running"), Renew(second, "running")])
    queue.tick_to(0.5)
    queue.on_batch([Renew(first, "running")])

    # What an hour that only the database saw does to every lease.
    for lease in (first, second):
        lapse(database, lease)
    shifted.shift = 3600.0
    queue.tick_to(0.5)

    assert status(database, second.item) == "running"


def test_a_gap_of_either_clock_starts_a_quiet_time() -> None:
    terms = LeaseTerms(5.0)
    steady = guard_at_start(0.0, terms).tick(5.0, terms, 1_000.0).tick(20.0, LeaseTerms(50.0), 1_015.0)

    assert steady.may_expire(20.0)
    assert not steady.tick(21.0, terms, 5_000.0).may_expire(21.0)
    assert not steady.tick(50.0, terms, 1_016.0).may_expire(50.0)


def test_a_name_that_no_index_takes_is_refused_and_ends_nobody(database: Database) -> None:
    lease = running(store(database))
    manager = LockManager(mailbox=RecordingMailbox(), clock=ManualClock(), store=LockStore(database), sweep_every=5.0)
    dice = random.Random(1)
    path = "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _ in range(1000))

    assert isinstance(manager.on_mail(Acquire(lease, "/repo", (path,))), Refused)


def test_a_late_report_frees_no_lock_of_an_item_that_is_being_published(database: Database) -> None:
    queue = Queue(items := store(database))
    lease = running(items, files=("a.txt",))
    assert LockStore(database).acquire(lease, "/repo", ("a.txt",)) == ()
    queue.on_batch([done(lease)])
    queue.mail.take()

    queue.on_batch([Finish(lease, 0, "infra", "the worker is gone")])

    assert queue.mail.to("locks", Release) == []
    assert status(database, lease.item) == "publishing"


def test_an_item_does_not_wait_for_the_locks_of_its_own_earlier_attempt(database: Database) -> None:
    items, locks = store(database), LockStore(database)
    lease = running(items, files=("a.txt",))
    assert locks.acquire(lease, "/repo", ("a.txt",)) == ()
    lapse(database, lease)
    with items.round() as round_:
        round_.expire(0.0)

    (again,) = claimed(items)

    assert locks.acquire(again.lease, "/repo", ("a.txt",)) == ()


def test_an_id_that_could_be_a_path_is_refused(database: Database) -> None:
    answers = Queue(store(database)).on_batch([order(item="../x"), order(item="ABC")])

    assert [answer.code for answer in answers] == ["invalid", "invalid"]


def test_results_for_a_dead_remote_do_not_hide_those_for_others(database: Database) -> None:
    items, outbox = store(database), OutboxStore(database)
    for repo, count in (("/dead", 200), ("/alive", 1)):
        for _ in range(count):
            lease = running(items, repo=repo)
            with items.round() as round_:
                assert round_.finish(done(lease), 0.5) == "ok"
        if repo == "/dead":
            for publication in outbox.open():
                outbox.note_error(publication.lease, "unreachable", 300.0)

    assert "/alive" in {publication.repo for publication in outbox.open()}
