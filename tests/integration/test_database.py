"""Transactions, lost connections and notifications, on a real server."""

import os
import secrets
import select
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import psycopg
import pytest

from factory.errors import Broken, Conflict, Contended, Stale, StoreMisconfigured, StoreTimeout, StoreUnavailable
from factory.storage.connection import BoundedConnection
from factory.storage.database import RUN_TRIES, Cursor, Database
from factory.storage.listener import Notification
from factory.storage.server_check import check_server
from tests.databases import OWN_SERVER
from tests.waiting import eventually

_JOIN_SECONDS = 60


@pytest.fixture
def store(empty_dsn: str) -> Iterator[Database]:
    with Database(empty_dsn, "test", sleep=lambda _: None) as one:
        with one.transaction() as cursor:
            cursor.execute("CREATE TABLE things (id integer PRIMARY KEY, size integer NOT NULL DEFAULT 0)")
            cursor.execute("INSERT INTO things (id) VALUES (1), (2)")
        yield one


def _count(store: Database) -> int:
    with store.transaction() as cursor:
        row = cursor.execute("SELECT count(*) AS n FROM things").fetchone()
    assert row is not None
    return int(row["n"])


def _backend(store: Database) -> int:
    with store.transaction() as cursor:
        row = cursor.execute("SELECT pg_backend_pid() AS pid").fetchone()
    assert row is not None
    return int(row["pid"])


def _terminate(dsn: str, pid: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def test_a_block_that_ends_is_committed(store: Database, empty_dsn: str) -> None:
    with store.transaction() as cursor:
        cursor.execute("INSERT INTO things (id) VALUES (%(id)s)", {"id": 3})

    with Database(empty_dsn) as other:
        assert _count(other) == 3


def test_a_block_that_raises_is_rolled_back_and_the_error_passes(store: Database) -> None:
    def give_up(cursor: Cursor) -> None:
        cursor.execute("DELETE FROM things")
        raise Stale("epoch 4 is over")

    with pytest.raises(Stale, match="epoch 4"):
        store.run(give_up)

    assert _count(store) == 2


def test_an_error_of_the_server_is_ours_and_the_next_transaction_works(store: Database) -> None:
    with pytest.raises(Conflict, match="things_pkey"), store.transaction() as cursor:
        cursor.execute("INSERT INTO things (id) VALUES (1)")

    assert _count(store) == 2


def test_a_failed_statement_that_was_passed_over_cannot_be_committed(store: Database) -> None:
    def pass_over(cursor: Cursor) -> None:
        cursor.execute("INSERT INTO things (id) VALUES (3)")
        with suppress(psycopg.errors.UniqueViolation):
            cursor.execute("INSERT INTO things (id) VALUES (1)")

    with pytest.raises(Broken, match="passed over"):
        store.run(pass_over)

    assert _count(store) == 2


def test_a_transaction_within_a_transaction_is_refused(store: Database) -> None:
    def nest(cursor: Cursor) -> None:
        cursor.execute("SELECT 1")
        _count(store)

    with pytest.raises(Broken, match="within another"):
        store.run(nest)


def test_a_connection_cut_while_idle_is_replaced_without_an_error(store: Database, empty_dsn: str) -> None:
    old = _backend(store)
    _terminate(empty_dsn, old)

    assert _backend(store) != old


def test_a_connection_cut_within_a_transaction_is_unavailable_once(store: Database, empty_dsn: str) -> None:
    old = _backend(store)

    def cut(cursor: Cursor) -> None:
        cursor.execute("DELETE FROM things")
        _terminate(empty_dsn, old)
        cursor.execute("SELECT 1")

    with pytest.raises(StoreUnavailable):
        store.run(cut)

    assert _count(store) == 2


def test_no_server_is_unavailable_and_no_database_is_a_matter_for_the_operator(empty_dsn: str) -> None:
    nowhere = psycopg.conninfo.make_conninfo(empty_dsn, host="/nonexistent")

    with pytest.raises(StoreUnavailable, match="No such file"), Database(nowhere).transaction():
        pass


def test_a_statement_is_ended_at_its_bound(empty_dsn: str) -> None:
    with (
        Database(empty_dsn, statement_seconds=0.05) as store,
        pytest.raises(StoreTimeout),
        store.transaction() as cursor,
    ):
        cursor.execute("SELECT pg_sleep(60)")


def test_a_frozen_server_does_not_hold_the_caller(store: Database, empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.storage.connection.ANSWER_GRACE_SECONDS", 0.1)
    if empty_dsn == OWN_SERVER or os.geteuid() != 0:
        pytest.skip("only root can freeze a session of the server")
    with Database(empty_dsn, statement_seconds=0.1) as frozen:
        pid = _backend(frozen)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable), frozen.transaction() as cursor:
                cursor.execute("SELECT 1")
        finally:
            os.kill(pid, signal.SIGCONT)

        assert _backend(frozen) != pid


def test_run_repeats_what_lost_a_race_and_returns_the_value(store: Database) -> None:
    tries: list[int] = []

    def work(cursor: Cursor) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise Contended("lost")
        return 7

    assert store.run(work) == 7
    assert len(tries) == 3


def test_run_gives_up_after_its_tries_and_repeats_nothing_else(store: Database) -> None:
    tries: list[str] = []

    def loses(cursor: Cursor) -> None:
        tries.append("lost")
        raise Contended("lost")

    def refused(cursor: Cursor) -> None:
        tries.append("stale")
        raise Stale("over")

    with pytest.raises(Contended):
        store.run(loses)
    with pytest.raises(Stale):
        store.run(refused)

    assert tries == ["lost"] * RUN_TRIES + ["stale"]


def test_two_who_deadlock_both_succeed(store: Database, empty_dsn: str) -> None:
    meet = Barrier(2)

    def work(first: int, second: int) -> int:
        tries = 0

        def both(cursor: Cursor) -> None:
            nonlocal tries
            tries += 1
            cursor.execute("UPDATE things SET size = size + 1 WHERE id = %(id)s", {"id": first})
            if tries == 1:
                meet.wait(_JOIN_SECONDS)
            cursor.execute("UPDATE things SET size = size + 1 WHERE id = %(id)s", {"id": second})

        with Database(empty_dsn) as own:
            own.run(both)
        return tries

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, 1, 2), pool.submit(work, 2, 1)]
        tries = [future.result(_JOIN_SECONDS) for future in futures]

    with store.transaction() as cursor:
        rows = cursor.execute("SELECT size FROM things ORDER BY id").fetchall()
    assert rows == [{"size": 2}, {"size": 2}]
    assert sorted(tries) == [1, 2]


def test_a_notification_makes_the_descriptor_readable_and_is_read_once(store: Database) -> None:
    with store.listen("queue changed") as listener:
        assert listener.notifications() == []
        poll = select.poll()
        poll.register(listener.fileno(), select.POLLIN)

        with store.transaction() as cursor:
            cursor.execute("SELECT pg_notify('queue changed', '1'), pg_notify('queue changed', '2')")

        assert eventually(lambda: poll.poll(0))
        assert listener.notifications() == [Notification("queue changed", "1"), Notification("queue changed", "2")]
        assert listener.notifications() == []


def test_a_lost_listener_says_so(store: Database, empty_dsn: str) -> None:
    with store.listen("queue") as listener:
        with store.transaction() as cursor:
            row = cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'test listener' AND datname = current_database()"
            ).fetchone()
        assert row is not None
        _terminate(empty_dsn, row["pid"])

        with pytest.raises(StoreUnavailable):
            eventually(lambda: listener.notifications() or None)


def test_a_password_of_another_server_in_the_environment_does_not_matter(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "passfile" not in empty_dsn:
        pytest.skip("this server's DSN names no password file")
    monkeypatch.setenv("PGPASSWORD", "of another server")

    with Database(empty_dsn) as store, store.transaction() as cursor:
        assert cursor.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_the_server_of_the_tests_will_do(empty_dsn: str) -> None:
    facts = check_server(empty_dsn)

    assert facts.major >= 15
    assert facts.vector


def test_a_database_whose_texts_would_come_back_as_bytes_is_refused_with_the_mend(empty_dsn: str) -> None:
    name = f"ascii_{secrets.token_hex(4)}"
    with psycopg.connect(empty_dsn, autocommit=True) as server:
        # As of a server that was made without a locale.
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER 'libc' LOCALE 'C'")
        try:
            with pytest.raises(StoreMisconfigured, match=r"in SQL_ASCII, .* needs UTF8: make one .* createdb .*--encoding=UTF8\.$"):
                check_server(psycopg.conninfo.make_conninfo(empty_dsn, dbname=name))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_server_that_refuses_the_password_is_told(empty_dsn: str) -> None:
    wrong = psycopg.conninfo.make_conninfo(empty_dsn, password="wrong")

    with pytest.raises((StoreUnavailable, StoreMisconfigured), match="password authentication failed"):
        check_server(wrong)


@pytest.mark.skipif(OWN_SERVER is None, reason="DATABASE_URL_TEST names no server")
def test_an_own_server_is_used_as_it_is() -> None:
    assert OWN_SERVER is not None

    assert check_server(OWN_SERVER).major >= 15


def test_a_connection_is_bounded_by_default() -> None:
    assert BoundedConnection.answer_seconds == 35
