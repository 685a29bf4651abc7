"""One factory per database, whatever becomes of the connection that says so."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import psycopg
import pytest

from factory.errors import Conflict, StoreTaken, StoreUnavailable
from factory.protocol.lease_mail import Survey
from factory.storage import ownership
from factory.storage.connection import BoundedConnection, connect
from factory.storage.database import Database
from factory.storage.ownership import owning, refuse_second, session_name
from tests.actors.queue_site import Queue
from tests.waiting import eventually
from tests.work import claimed, store, submitted

OURS, THEIRS = "0a0a0a0a", "0b0b0b0b"


@contextmanager
def owner(dsn: str, instance: str) -> Iterator[Database]:
    with Database(dsn, session_name("factory queue", instance), on_connect=owning(instance)) as database:
        yield database


@pytest.fixture
def ours(dsn: str) -> Iterator[Database]:
    with owner(dsn, OURS) as database:
        yield database


@pytest.fixture
def theirs(dsn: str) -> Iterator[Database]:
    with owner(dsn, THEIRS) as database:
        yield database


def backend(database: Database) -> int:
    with database.transaction() as cursor:
        return int(cursor.execute("SELECT pg_backend_pid() AS pid").fetchall()[0]["pid"])


def cut(dsn: str, pid: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def test_a_second_factory_is_told_whose_database_it_is(ours: Database, theirs: Database) -> None:
    backend(ours)

    with pytest.raises(StoreTaken, match=f"instance {OURS}") as told:
        backend(theirs)

    assert str(told.value).startswith("Another factory")


def test_a_second_factory_is_refused_before_it_starts(ours: Database, dsn: str) -> None:
    backend(ours)

    with pytest.raises(Conflict, match=OURS):
        refuse_second(dsn, THEIRS)


def test_a_look_before_the_start_leaves_nothing_behind(ours: Database, dsn: str) -> None:
    refuse_second(dsn, THEIRS)

    assert backend(ours)


def test_a_look_before_the_start_is_in_nobodys_way_while_it_lasts(ours: Database, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    @contextmanager
    def lingering(dsn: str, name: str) -> Iterator[BoundedConnection]:
        with connect(dsn, name) as connection:
            yield connection
            # The owner, whose connection was cut a moment before, comes back while the look's own session is still open.
            looked.append(backend(ours))

    monkeypatch.setattr(ownership, "connect", lingering)

    refuse_second(dsn, THEIRS)

    assert looked


def test_who_lost_the_connection_takes_the_database_again(ours: Database, theirs: Database, dsn: str) -> None:
    cut(dsn, before := backend(ours))

    assert backend(ours) != before
    with pytest.raises(StoreTaken):
        backend(theirs)


def test_who_lost_the_connection_to_a_quicker_one_writes_no_more(ours: Database, theirs: Database, dsn: str) -> None:
    queue = Queue(store(ours))
    submitted(store(ours))
    cut(dsn, backend(ours))
    assert claimed(store(theirs))

    with pytest.raises(StoreTaken):
        queue.on_batch([Survey()])
    with pytest.raises(StoreTaken):
        queue.on_tick()


def test_a_connection_cut_within_a_transaction_leaves_nothing_of_it(ours: Database, theirs: Database, dsn: str) -> None:
    items = store(ours)
    submitted(items)

    def claim_and_be_cut() -> None:
        with items.round() as round_:
            assert round_.claim(1)
            cut(dsn, int(round_.tx.cursor.execute("SELECT pg_backend_pid() AS pid").fetchall()[0]["pid"]))

    with pytest.raises(StoreUnavailable):
        claim_and_be_cut()

    (work,) = claimed(store(theirs))
    assert work.lease.epoch == 1


def test_an_earlier_session_of_the_same_factory_is_waited_for(ours: Database, dsn: str) -> None:
    backend(ours)
    with owner(dsn, OURS) as again:
        with pytest.raises(StoreUnavailable, match="earlier session"):
            backend(again)
        ours.close()

        eventually(lambda: _tried(again), 60, "the earlier session has ended")


def _tried(database: Database) -> bool:
    try:
        return backend(database) > 0
    except StoreUnavailable:
        return False


def test_a_copy_of_the_data_folder_is_refused(ours: Database, dsn: str) -> None:
    backend(ours)
    waited: list[float] = []

    with pytest.raises(Conflict, match="copy of the data folder"):
        refuse_second(dsn, OURS, waited.append)

    assert sum(waited) == pytest.approx(5.0)


def test_of_two_that_start_at_once_one_owns(dsn: str) -> None:
    def start(instance: str, answered: Barrier) -> bool:
        with owner(dsn, instance) as database:
            try:
                owns = backend(database) > 0
            except StoreTaken:
                owns = False
            answered.wait(10)
            return owns

    for _ in range(10):
        answered = Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(start, (OURS, THEIRS), (answered, answered))) == [False, True]
        eventually(lambda: _free(dsn), 60, "the winner's session has ended")


def _free(dsn: str) -> bool:
    try:
        refuse_second(dsn, "0c0c0c0c", lambda _: None)
    except Conflict:
        return False
    return True
