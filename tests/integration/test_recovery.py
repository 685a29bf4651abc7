"""What outages, zombies and hostile names must not do to the queue, the locks and the outbox."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from actors.lock_manager import LockManager
from factory.domain.lease import LeaseTerms, guard_at_start
from factory.errors import StoreUnavailable
from factory.protocol.attempt_mail import Accepted, Finish, Happened, Recorded, Renew, Stalled, Starting, WorkerGone
from factory.protocol.commands import Steer
from factory.protocol.lease_mail import LeaseEnded, Outstanding, Survey
from factory.protocol.lock_mail import Acquire, Release
from factory.protocol.mailbox import Refused, Stale
from factory.storage.database import Database
from factory.storage.locks import LockStore
from factory.storage.outbox import OutboxStore
from factory.storage.views import Views
from factory.storage.work_items import Round, WorkItems
from tests.actors.queue_site import H, Queue, lapse, status
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.integration.test_work_items import taken_over
from tests.work import BASE, claimed, done, finish, order, running, store, submitted


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


def test_what_may_be_left_is_named_by_the_survey(database: Database) -> None:
    """A worker that nobody has ended yet, and results on their way: what the dispatcher cleans, and a drain waits for."""
    queue = Queue(items := store(database))
    finished, lost, alive = running(items), running(items), running(items)
    finish(items, done(finished))
    finish(items, Finish(lost, 0, "infra", "silent"))
    OutboxStore(database).note_error(finished, "unreachable", 1.0)
    other = running(items)
    finish(items, done(other))

    queue.on_batch([Survey(7)])

    (told,) = queue.mail.to("dispatcher", Outstanding)
    assert (told.survey, told.leases, set(told.unleased), told.publishing) == (7, (alive,), {finished, lost, other}, 1)


# -- zombies --------------------------------------------------------------------------------------------------------------


def refusals(database: Database, item: str) -> list[str]:
    with database.transaction() as cursor:
        found = cursor.execute(
            "SELECT data ->> 'refused' AS what FROM events WHERE stream = %s AND type = 'WORK_ITEM.STALE.REFUSED' ORDER BY seq",
            (f"item:{item}",),
        )
        return [str(row["what"]) for row in found.fetchall()]


def test_every_word_of_a_zombie_is_refused_and_leaves_an_event(database: Database) -> None:
    queue = Queue(items := store(database))
    old, new = taken_over(items, database)
    manager = LockManager(mailbox=RecordingMailbox(), clock=ManualClock(), store=LockStore(database), sweep_every=5.0)
    queue.mail.take()

    queue.on_batch([Accepted(old, 1), Happened(old, 2, 1, "ATTEMPT.ITERATION.STARTED", {}), done(old)])
    answer = manager.on_mail(Acquire(old, "/repo", ("a.txt",)))

    told = queue.mail.to(f"worker-{old.worker}", Recorded)
    assert {(mail.seq, mail.result) for mail in told} == {(1, "stale"), (2, "stale"), (7, "stale")}
    assert isinstance(answer, Stale)
    assert sorted(refusals(database, new.item)) == ["accept", "done", "event", "lock"]
    assert rows(database, "SELECT * FROM file_locks") == []
    assert status(database, new.item) == "assigned"


def test_a_beat_of_a_zombie_renews_nothing_and_ends_its_worker(database: Database) -> None:
    queue = Queue(items := store(database))
    old, new = taken_over(items, database)
    until = rows(database, "SELECT lease_until FROM work_items")

    queue.on_batch([Renew(old, "running")])
    queue.on_tick()

    assert rows(database, "SELECT lease_until FROM work_items") == until
    assert [mail.lease for mail in queue.mail.to(f"worker-{old.worker}", LeaseEnded)] == [old]
    assert status(database, new.item) == "assigned"


# -- time -----------------------------------------------------------------------------------------------------------------


def test_leases_five_hours_old_end_nobody_before_the_boot_grace_is_over(database: Database) -> None:
    queue = Queue(items := store(database))
    alive, dead = running(items), running(items)
    for lease in (alive, dead):
        lapse(database, lease)

    queue.tick_to(2.5)
    assert {status(database, lease.item) for lease in (alive, dead)} == {"running"}

    queue.on_batch([Renew(alive, "running")])
    queue.tick_to(1)
    assert (status(database, alive.item), status(database, dead.item)) == ("running", "queued")


class Away:
    """A store that cannot be reached for a while."""

    def __init__(self, items: WorkItems) -> None:
        self.items, self.away = items, False

    @contextmanager
    def round(self) -> Iterator[Round]:
        if self.away:
            raise StoreUnavailable("The server is away.")
        with self.items.round() as round_:
            yield round_


def test_a_store_that_was_away_for_long_costs_no_lease(database: Database) -> None:
    away = Away(items := store(database))
    queue = Queue(away)
    leases = [running(items) for _ in range(3)]
    queue.tick_to(5)
    away.away, pauses = True, []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        queue.clock.advance(H / 2)
        if len(pauses) == 20:
            away.away = False
            for lease in leases:
                lapse(database, lease)

    queue.actor.pause = pause
    queue.tick_to(0.5)
    queue.on_batch([Renew(lease, "running") for lease in leases])
    queue.tick_to(1)

    assert len(pauses) == 20
    assert {status(database, lease.item) for lease in leases} == {"running"}
    queue.tick_to(10)
    assert {status(database, lease.item) for lease in leases} == {"running"}, "their leases were renewed"


def test_a_suspend_of_everything_costs_no_lease(database: Database) -> None:
    queue = Queue(items := store(database))
    lease = running(items)
    queue.tick_to(5)
    lapse(database, lease)

    queue.clock.advance(100 * H)
    queue.on_tick()
    queue.tick_to(2)
    assert status(database, lease.item) == "running"

    queue.tick_to(2)
    assert status(database, lease.item) == "queued"


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_of_the_database_that_is_set_ends_no_lease_and_lets_no_item_wait_for_it(database: Database, step: float) -> None:
    shifted = Shifted(items := store(database))
    queue = Queue(shifted)
    over, parked, alive = running(items), running(items), running(items)
    waiting = submitted(items, delay=7200.0)
    finish(items, Finish(parked, 0, "quota", "the limit is shut", retry_after=7200.0))
    finish(items, done(over))
    queue.tick_to(5)
    queue.on_batch([Renew(alive, "running")])
    queue.tick_to(0.5)
    times = "SELECT id, extract(epoch FROM scheduled_at)::float8 AS due, extract(epoch FROM lease_until)::float8 AS until FROM work_items"
    before = {row["id"]: row for row in rows(database, times)}

    shifted.shift = step
    queue.tick_to(2)

    after = {row["id"]: row for row in rows(database, times)}
    # The queue's own clock is moved by hand, some seconds ahead of the store's.
    moved = {item: round(float(str(row["due"])) - float(str(before[item]["due"])), -2) for item, row in after.items()}
    expected = min(step, 0)
    assert moved == dict.fromkeys((waiting, parked.item, alive.item, over.item), expected)
    assert round(float(str(after[alive.item]["until"])) - float(str(before[alive.item]["until"])), -2) == expected
    assert status(database, alive.item) == "running"


def test_an_answer_that_took_long_is_no_step_of_the_clock(database: Database) -> None:
    items = store(database)
    queue = Queue(slow := Slow(items))
    lease = running(items)
    queue.tick_to(5)
    before = rows(database, "SELECT lease_until, scheduled_at FROM work_items")

    slow.passes = lambda: queue.clock.advance(20 * H)
    queue.tick_to(0.5)
    slow.passes = lambda: None
    queue.tick_to(0.5)

    assert rows(database, "SELECT lease_until, scheduled_at FROM work_items") == before
    assert status(database, lease.item) == "running"


class Slow:
    """A store whose clock is long in coming."""

    def __init__(self, items: WorkItems) -> None:
        self.items = items
        self.passes: Callable[[], None] = lambda: None

    @contextmanager
    def round(self) -> Iterator[Round]:
        with self.items.round() as round_:
            now = round_.now

            def slowly() -> float:
                self.passes()
                return now()

            round_.now = slowly  # type: ignore[method-assign]  # for this one round
            yield round_


# -- operators ------------------------------------------------------------------------------------------------------------


def test_of_two_that_decide_on_what_both_see_one_wins_and_the_other_is_told_why(database: Database) -> None:
    items = store(database)
    for turn in range(20):
        lease = running(items)
        (seen,) = Views(database).items([lease.item])
        verbs: list[Any] = ["kill", "retry"] if turn % 2 else ["cancel", "kill"]
        orders = [Steer(f"{turn}-{verb}", verb, lease.item, "me", expected_version=seen["version"]) for verb in verbs]

        replies = Queue(items).on_batch(orders)

        assert [reply.code for reply in replies] == ["ok", "conflict"]
        assert "by me" in replies[1].reason


def test_a_worker_that_was_killed_is_shown_as_being_killed_until_it_is_gone(database: Database) -> None:
    items, views = store(database), Views(database)
    killed, finished, alive = running(items), running(items), running(items)
    finish(items, done(finished))
    Queue(items).on_batch([Steer("c1", "kill", killed.item, "ann")])

    shown = {row["id"]: (row["status"], row["reason"]) for row in views.workers()}
    assert shown[killed.worker] == ("killing", "killed by ann")
    assert shown[finished.worker][0] == "stopping"
    assert shown[alive.worker][0] == "busy"

    Queue(items).on_batch([WorkerGone(killed, "ended")])
    assert killed.worker not in {row["id"] for row in views.workers()}


def test_a_worker_that_gets_nowhere_leaves_an_event_once_it_is_said(database: Database) -> None:
    queue = Queue(items := store(database))
    old, new = taken_over(items, database)

    queue.on_batch([Stalled(new, 300.25), Stalled(old, 300.0)])

    told = rows(database, "SELECT stream, data FROM events WHERE type = 'WORKER.PROGRESS.STALLED'")
    assert told == [{"stream": f"worker:{new.worker}", "data": {"seconds": 300.2}}]
