"""The way of a database from empty to today: once, in order, all or nothing, and never by surprise."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

import migrations
from factory.errors import Broken, Contended, SchemaMismatch
from factory.storage.migrate import _LOCK_KEY, migrate
from factory.storage.migration_files import read_migrations, shipped_migrations
from tests.databases import Databases
from tests.integration.catalog import catalog
from tests.waiting import eventually

_JOIN_SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(tmp_path, "0001_first.sql", "CREATE TABLE one (id integer); CREATE INDEX one_id ON one (id);")
    _write(tmp_path, "0002_second.sql", "-- More.\nCREATE TABLE two (id integer);")
    _write(tmp_path, "schema.sql", "not to be run")
    return tmp_path


@pytest.fixture
def second_empty_dsn(databases: Databases) -> Iterator[str]:
    with databases.fresh() as dsn:
        yield dsn


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def _tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def _applied(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM schema_migrations ORDER BY version")]


def test_an_empty_database_goes_through_all_in_order(empty_dsn: str, folder: Path) -> None:
    assert migrate(empty_dsn, folder) == ["0001_first", "0002_second"]

    assert _tables(empty_dsn) == {"schema_migrations", "one", "two"}
    assert _applied(empty_dsn) == ["first", "second"]


def test_a_database_that_is_up_to_date_goes_through_none(empty_dsn: str, folder: Path) -> None:
    migrate(empty_dsn, folder)

    assert migrate(empty_dsn, folder) == []


def test_only_what_is_new_is_run(empty_dsn: str, folder: Path) -> None:
    migrate(empty_dsn, folder)
    _write(folder, "0003_third.sql", "CREATE TABLE three (id integer)")

    assert migrate(empty_dsn, folder) == ["0003_third"]


def test_a_file_that_fails_leaves_nothing_and_can_be_run_again(empty_dsn: str, folder: Path) -> None:
    _write(folder, "0002_second.sql", "CREATE TABLE two (id integer); SELECT 1 / 0;")

    with pytest.raises(Broken, match=r"0002_second failed and left nothing behind\. .*division by zero"):
        migrate(empty_dsn, folder)
    assert _tables(empty_dsn) == {"schema_migrations", "one"}
    _write(folder, "0002_second.sql", "CREATE TABLE two (id integer)")

    assert migrate(empty_dsn, folder) == ["0002_second"]


def test_a_migration_that_was_killed_starts_again(empty_dsn: str, folder: Path) -> None:
    _write(folder, "0002_second.sql", "CREATE TABLE half (id integer); SELECT pg_advisory_xact_lock(42);")
    command = "import sys; from pathlib import Path; from factory.storage.migrate import migrate; "
    command += "migrate(sys.argv[1], Path(sys.argv[2]))"
    with psycopg.connect(empty_dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(42)")
        with subprocess.Popen([sys.executable, "-c", command, empty_dsn, str(folder)]) as process:
            eventually(lambda: _waits_for_a_lock(other), _JOIN_SECONDS)
            process.kill()

    assert migrate(empty_dsn, folder) == ["0002_second"]
    assert _tables(empty_dsn) == {"schema_migrations", "one", "half"}


def _waits_for_a_lock(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    return bool(row and row[0])


def test_two_who_migrate_at_once_do_it_once(empty_dsn: str, folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(migrate, empty_dsn, folder) for _ in range(2)]
        done = [future.result(_JOIN_SECONDS) for future in futures]

    assert sorted(done) == [[], ["0001_first", "0002_second"]]


def test_who_waits_too_long_for_another_is_told(empty_dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.storage.migrate.LOCK_SECONDS", 0.05)
    with psycopg.connect(empty_dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))

        with pytest.raises(Contended, match="Another process is bringing the database to the newest schema"):
            migrate(empty_dsn, folder)


def test_a_file_that_was_edited_afterwards_is_refused(empty_dsn: str, folder: Path) -> None:
    migrate(empty_dsn, folder)
    _write(folder, "0001_first.sql", "CREATE TABLE one (id bigint)")

    with pytest.raises(SchemaMismatch, match="0001_first was changed after this database went through it"):
        migrate(empty_dsn, folder)


def test_other_line_ends_are_no_edit(empty_dsn: str, folder: Path) -> None:
    migrate(empty_dsn, folder)
    text = (folder / "0002_second.sql").read_bytes()
    (folder / "0002_second.sql").write_bytes(text.replace(b"\n", b"\r\n"))

    assert migrate(empty_dsn, folder) == []


def test_a_database_newer_than_the_code_is_refused(empty_dsn: str, folder: Path) -> None:
    migrate(empty_dsn, folder)
    (folder / "0002_second.sql").unlink()

    with pytest.raises(SchemaMismatch, match=r"is at migration 0002 .* knows none after 0001: upgrade the factory"):
        migrate(empty_dsn, folder)


@pytest.mark.parametrize("name", ["0004_gap.sql", "0002_twice.sql", "003_short.sql", "0003-dash.sql"])
def test_numbers_without_order_are_refused(folder: Path, name: str) -> None:
    _write(folder, name, "SELECT 1")

    with pytest.raises(Broken, match=r"numbered without gaps|not named like 0001_what_it_does\.sql"):
        read_migrations(folder)


def test_an_extension_is_committed_before_its_file(empty_dsn: str, folder: Path) -> None:
    _write(folder, "0003_third.sql", "-- extension: vector\n-- More.\n\nCREATE TABLE three (v vector(3)); SELECT 1 / 0;")

    with pytest.raises(Broken):
        migrate(empty_dsn, folder)

    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT '[1,2,3]'::vector").fetchone() == ("[1,2,3]",)
    assert "three" not in _tables(empty_dsn)


def test_a_file_may_not_end_its_transaction(empty_dsn: str, folder: Path) -> None:
    _write(folder, "0003_third.sql", "CREATE TABLE three (id integer); COMMIT;")

    with pytest.raises(Broken, match="0003_third ends its transaction itself"):
        migrate(empty_dsn, folder)


def test_the_package_of_another_project_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "OWNER", "another")

    with pytest.raises(Broken, match="Another project's package 'migrations'"):
        shipped_migrations()


def test_all_migrations_make_the_schema_as_it_is_written(empty_dsn: str, second_empty_dsn: str, tmp_path: Path) -> None:
    _write(tmp_path, "0001_schema.sql", (files(migrations) / "schema.sql").read_text(encoding="utf-8"))

    migrate(empty_dsn)
    migrate(second_empty_dsn, tmp_path)

    assert catalog(empty_dsn) == catalog(second_empty_dsn)
