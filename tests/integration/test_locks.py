"""File locks on a real database: all or nothing, one holder, and none that outlives its lease."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.rows import dict_row

from actors.durable import durably
from factory.domain.locks import MAX_HELD
from factory.errors import InvalidInput
from factory.protocol.attempt_mail import Finish
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.locks import LockStore
from factory.storage.queries import query
from factory.storage.work_items import WorkItems
from tests.waiting import eventually
from tests.work import claimed, done, finish, running, store

REPO = "/repo"
_BOUND_SECONDS = 30.0


@pytest.fixture
def locks(database: Database) -> LockStore:
    return LockStore(database)


def held(database: Database) -> dict[tuple[str, str], str]:
    with database.transaction() as cursor:
        rows = cursor.execute("SELECT repo, file_path, worker_id FROM file_locks").fetchall()
    return {(row["repo"], row["file_path"]): row["worker_id"] for row in rows}


# -- granting ---------------------------------------------------------------------------------------------------------


def test_free_files_are_granted(locks: LockStore, items: WorkItems, database: Database) -> None:
    lease = running(items)

    assert locks.acquire(lease, REPO, ("a.py", "b.py")) == ()
    assert held(database) == {(REPO, "a.py"): lease.worker, (REPO, "b.py"): lease.worker}


def test_one_file_that_is_held_means_that_none_is_granted(locks: LockStore, items: WorkItems, database: Database) -> None:
    holder, other = running(items), running(items)
    locks.acquire(holder, REPO, ("b.py",))

    assert locks.acquire(other, REPO, ("a.py", "b.py", "c.py")) == (f"b.py: {holder.worker}",)
    assert held(database) == {(REPO, "b.py"): holder.worker}


def test_what_one_holds_already_is_no_obstacle(locks: LockStore, items: WorkItems, database: Database) -> None:
    lease = running(items)
    locks.acquire(lease, REPO, ("a.py",))

    assert locks.acquire(lease, REPO, ("a.py", "b.py")) == ()
    assert locks.acquire(lease, REPO, ("a.py", "b.py")) == ()
    assert len(held(database)) == 2


def test_the_same_path_in_another_repository_is_another_file(locks: LockStore, items: WorkItems) -> None:
    locks.acquire(running(items), REPO, ("a.py",))

    assert locks.acquire(running(items), "/other", ("a.py",)) == ()


def test_paths_that_differ_in_case_are_different_files(locks: LockStore, items: WorkItems) -> None:
    locks.acquire(running(items), REPO, ("readme",))

    assert locks.acquire(running(items), REPO, ("README",)) == ()


def test_an_attempt_holds_so_many_files_and_no_more(locks: LockStore, items: WorkItems, database: Database) -> None:
    lease = running(items)
    first, second = [[f"{half}/{number}" for number in range(MAX_HELD // 2)] for half in "ab"]
    assert locks.acquire(lease, REPO, first) == locks.acquire(lease, REPO, second) == ()

    with pytest.raises(InvalidInput, match="at most"):
        locks.acquire(lease, REPO, ("one more",))

    assert locks.acquire(lease, REPO, second) == (), "what it has it may ask for again"
    assert len(held(database)) == MAX_HELD
    locks.release(lease, ("a/0",))
    assert locks.acquire(lease, REPO, ("one more",)) == ()


def test_nothing_is_granted_to_a_lease_that_is_over(locks: LockStore, items: WorkItems, database: Database) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "infra", "host gone"))

    assert locks.acquire(lease, REPO, ("a.py",)) is None
    assert held(database) == {}


def test_an_earlier_or_later_lease_of_an_item_is_not_its_lease(locks: LockStore, items: WorkItems, database: Database) -> None:
    lease = running(items)

    for epoch in (lease.epoch - 1, lease.epoch + 1):
        assert locks.acquire(Lease(lease.item, epoch), REPO, ("a.py",)) is None
    assert held(database) == {}


def test_an_item_that_nobody_knows_gets_nothing(locks: LockStore) -> None:
    assert locks.acquire(Lease("0000000000", 1), REPO, ("a.py",)) is None


# -- races ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", range(5))
def test_of_two_managers_at_the_same_moment_one_grants_and_the_other_names_the_holder(
    dsn: str, items: WorkItems, database: Database, again: int
) -> None:
    leases = [running(items), running(items)]
    files = [("a.py", "b.py", "c.py"), ("c.py", "d.py")]
    start = threading.Barrier(2, timeout=_BOUND_SECONDS)
    verdicts: dict[Lease, tuple[str, ...] | None] = {}

    def race(lease: Lease, wanted: tuple[str, ...]) -> None:
        with Database(dsn, "manager") as own:
            start.wait(_BOUND_SECONDS)
            verdicts[lease] = durably(lambda: LockStore(own).acquire(lease, REPO, wanted), what="a manager")

    threads = [threading.Thread(target=race, args=race_args) for race_args in zip(leases, files, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_BOUND_SECONDS)

    winners = [lease for lease, verdict in verdicts.items() if verdict == ()]
    assert len(winners) == 1
    assert [verdict for verdict in verdicts.values() if verdict] == [(f"c.py: {winners[0].worker}",)]
    assert set(held(database).values()) == {winners[0].worker}


def test_a_grant_between_another_managers_look_and_its_grant_is_not_passed_over(dsn: str, items: WorkItems, database: Database) -> None:
    """The one interleaving that matters, held open: the other transaction has inserted and not yet committed."""
    slow, fast = running(items), running(items)
    verdicts: list[tuple[str, ...] | None] = []

    def ask() -> None:
        with Database(dsn, "second") as own:
            verdicts.append(durably(lambda: LockStore(own).acquire(fast, REPO, ("a.py", "b.py")), what="a manager"))

    thread = threading.Thread(target=ask)
    with _granting(dsn, slow, "b.py"):
        thread.start()
        eventually(lambda: _waits_for_a_lock(database), _BOUND_SECONDS, "the second manager waits for the first one's commit")
    thread.join(_BOUND_SECONDS)

    assert verdicts == [(f"b.py: {slow.worker}",)]
    assert held(database) == {(REPO, "b.py"): slow.worker}


@contextmanager
def _granting(dsn: str, lease: Lease, file: str) -> Iterator[None]:
    """A manager that has granted a file and commits when the block ends."""
    key = {"repo": REPO, "item": lease.item, "epoch": lease.epoch, "worker": lease.worker, "files": [file]}
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        connection.execute(query("grant_locks"), key)
        yield


def _waits_for_a_lock(database: Database) -> bool:
    with database.transaction() as cursor:
        waiting = cursor.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = 'second' AND wait_event_type = 'Lock'")
        return waiting.fetchone() is not None


def test_a_lease_cannot_end_between_the_answer_that_it_lives_and_the_grant(dsn: str, items: WorkItems, database: Database) -> None:
    lease = running(items)
    key = {"item": lease.item, "epoch": lease.epoch}
    ended = threading.Thread(target=lambda: _finish_elsewhere(dsn, lease))
    with psycopg.connect(dsn, row_factory=dict_row) as manager:
        assert manager.execute(query("lease_is_live"), key).fetchone() is not None
        ended.start()
        eventually(lambda: _waits_for_a_lock(database), _BOUND_SECONDS, "the queue waits for the manager")
        manager.execute(query("grant_locks"), {**key, "repo": REPO, "worker": lease.worker, "files": ["a.py"]})
    ended.join(_BOUND_SECONDS)

    # Granted under a living lease, so the sweep knows it.
    assert LockStore(database).sweep() == {REPO}


def _finish_elsewhere(dsn: str, lease: Lease) -> None:
    with Database(dsn, "second") as own:
        finish(store(own), Finish(lease, 0, "infra", "host gone"))


# -- giving back ------------------------------------------------------------------------------------------------------


def test_files_named_are_given_back_and_the_others_kept(locks: LockStore, items: WorkItems, database: Database) -> None:
    lease = running(items)
    locks.acquire(lease, REPO, ("a.py", "b.py"))

    assert locks.release(lease, ("b.py", "c.py")) == {REPO}
    assert held(database) == {(REPO, "a.py"): lease.worker}


def test_with_none_named_all_of_the_lease_is_given_back(locks: LockStore, items: WorkItems, database: Database) -> None:
    lease, other = running(items), running(items)
    locks.acquire(lease, REPO, ("a.py",))
    locks.acquire(lease, "/other", ("b.py",))
    locks.acquire(other, REPO, ("c.py",))

    assert locks.release(lease) == {REPO, "/other"}
    assert locks.release(lease) == set()
    assert held(database) == {(REPO, "c.py"): other.worker}


def test_an_old_lease_cannot_give_back_what_the_next_one_holds(locks: LockStore, items: WorkItems, database: Database) -> None:
    old = running(items)
    finish(items, Finish(old, 0, "given_back", "the factory was stopped"))
    (work,) = claimed(items)
    assert work.lease == Lease(old.item, old.epoch + 1)
    locks.acquire(work.lease, REPO, ("a.py",))

    assert locks.release(old) == set()
    assert held(database) == {(REPO, "a.py"): work.lease.worker}


# -- the sweep --------------------------------------------------------------------------------------------------------


def test_the_sweep_frees_what_ended_leases_left_and_nothing_else(locks: LockStore, items: WorkItems, database: Database) -> None:
    living, failed, cancelled = running(items), running(items), running(items)
    for lease, file in ((living, "a.py"), (failed, "b.py"), (cancelled, "c.py")):
        locks.acquire(lease, REPO, (file,))
    finish(items, Finish(failed, 0, "agent", "gave up"))
    with items.round() as round_:
        round_.steer(Steer("c1", "cancel", cancelled.item, "me"))

    assert locks.sweep() == {REPO}
    assert held(database) == {(REPO, "a.py"): living.worker}
    assert locks.sweep() == set()


def test_an_item_takes_over_what_its_earlier_lease_left(locks: LockStore, items: WorkItems, database: Database) -> None:
    old = running(items)
    locks.acquire(old, REPO, ("a.py",))
    finish(items, Finish(old, 0, "given_back", "the factory was stopped"))
    (work,) = claimed(items)

    # Its former worker writes into a clone of its own, and what it has to say is refused by its epoch.
    assert locks.acquire(work.lease, REPO, ("a.py",)) == ()
    assert set(held(database).values()) == {work.lease.worker}


@pytest.mark.parametrize("ending", ["published", "rejected"])
def test_a_result_on_its_way_keeps_its_files_until_it_has_arrived(
    locks: LockStore, items: WorkItems, database: Database, ending: str
) -> None:
    lease = running(items)
    locks.acquire(lease, REPO, ("a.py",))
    finish(items, done(lease))
    assert locks.sweep() == set()

    with items.round() as round_:
        if ending == "published":
            assert round_.published(Published(lease, "url", "c"))
        else:
            assert round_.rejected(Rejected(lease, "gate", "red"), 0.0)

    assert locks.sweep() == {REPO}
    assert held(database) == {}


def test_delivery_is_told_what_other_items_hold(locks: LockStore, items: WorkItems) -> None:
    mine, other = running(items), running(items)
    locks.acquire(mine, REPO, ("a.py",))
    locks.acquire(other, REPO, ("b.py",))
    locks.acquire(other, "/other", ("c.py",))

    assert locks.held_by_others(REPO, mine.item) == {"b.py": other.worker}
