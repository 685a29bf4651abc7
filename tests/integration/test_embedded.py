"""The embedded server from its first start to its last stop, and who may talk to it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from factory.errors import InvalidInput, StoreMisconfigured
from factory.storage.embedded import EmbeddedServer
from factory.storage.embedded_boot import LOG_BYTES, LOG_TAIL_BYTES, log_file
from factory.storage.embedded_cluster import password_file
from tests.clusters import give_cluster
from tests.databases import short_folder
from tests.integration.holders import holder


@pytest.fixture
def root() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder / "server"


@pytest.fixture
def new(root: Path) -> Iterator[EmbeddedServer]:
    """One whose database is not made yet."""
    one = EmbeddedServer(root)
    yield one
    one.stop()


@pytest.fixture
def server(root: Path, new: EmbeddedServer) -> EmbeddedServer:
    give_cluster(root)
    return new


def _ask(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row and row[0]


def test_a_cold_start_makes_a_database_with_vectors(new: EmbeddedServer) -> None:
    dsn = new.start()

    assert _ask(dsn, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert _ask(dsn, "SELECT name FROM pg_available_extensions WHERE name = 'vector'") == "vector"
    assert new.is_running()


def test_a_warm_start_finds_what_was_written(server: EmbeddedServer) -> None:
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert server.stop()
    assert not server.is_running()

    dsn = server.start()

    assert _ask(dsn, "SELECT answer FROM kept") == 42


def test_writes_are_durable_and_no_port_is_open(server: EmbeddedServer) -> None:
    dsn = server.start()

    settings = [
        _ask(dsn, f"SELECT current_setting('{name}')") for name in ("fsync", "synchronous_commit", "listen_addresses", "max_connections")
    ]

    assert settings == ["on", "on", "", "100"]


def test_the_last_of_two_holders_stops_it(root: Path, server: EmbeddedServer) -> None:
    other = EmbeddedServer(root)

    assert server.start() == other.start()

    assert not server.stop()
    assert other.is_running()
    assert other.stop()
    assert not other.is_running()


def test_stopping_twice_or_without_a_start_does_nothing(server: EmbeddedServer) -> None:
    assert not server.stop()

    server.start()

    assert server.stop()
    assert not server.stop()


def test_processes_that_start_at_once_share_one_server(root: Path) -> None:
    with ExitStack() as stack:
        holders = [stack.enter_context(holder(root)) for _ in range(3)]

        pids = {one.postmaster_pid() for one in holders}

        assert len(pids) == 1
        for one in holders:
            one.end()
    assert not EmbeddedServer(root).is_running()


def test_a_second_server_of_another_folder_is_another_one(server: EmbeddedServer) -> None:
    with short_folder() as folder, EmbeddedServer(folder).hold() as other:
        assert server.start() != other
        assert _ask(other, "SELECT 1") == 1


@pytest.mark.parametrize("password", ["wrong", ""])
def test_the_socket_wants_the_right_password(server: EmbeddedServer, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = make_conninfo(server.start(), passfile="/dev/null", **({"password": password} if password else {}))

    with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no password supplied"):
        psycopg.connect(dsn)


def test_the_password_is_in_a_private_file_and_not_in_the_dsn(new: EmbeddedServer, root: Path) -> None:
    dsn = new.start()

    secret = password_file(root).read_text().strip().rpartition(":")[2]

    assert password_file(root).stat().st_mode & 0o777 == 0o600
    assert secret not in dsn
    assert not (root / "initdb.secret").exists()


def test_a_folder_too_deep_for_a_socket_gets_a_short_one_that_is_removed_again(root: Path) -> None:
    deep = root.joinpath(*["quite-a-long-folder-name"] * 6)
    server = EmbeddedServer(deep)

    with server.hold() as dsn:
        socket_folder = Path(str(psycopg.conninfo.conninfo_to_dict(dsn)["host"]))
        assert deep not in socket_folder.parents
        assert socket_folder.stat().st_mode & 0o777 == 0o700
        assert _ask(dsn, "SELECT 1") == 1

    assert not socket_folder.exists()


def test_a_socket_folder_that_is_too_deep_is_refused_in_one_sentence(root: Path) -> None:
    deep = root.joinpath(*["quite-a-long-folder-name"] * 6)

    with pytest.raises(InvalidInput, match=rf"The socket path {deep}/\S+ is longer than the 10[37] bytes") as caught:
        EmbeddedServer(root, socket_folder=deep).start()

    assert str(caught.value).count("\n") == 0


def test_data_of_another_major_version_are_refused(server: EmbeddedServer, root: Path) -> None:
    server.start()
    server.stop()
    (root / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(StoreMisconfigured, match=r"was made by PostgreSQL 17 and this version brings 18"):
        server.start()

    assert not server.stop(), "a start that failed holds nothing"


def test_a_lost_password_file_is_told(server: EmbeddedServer, root: Path) -> None:
    server.start()
    server.stop()
    password_file(root).unlink()

    with pytest.raises(StoreMisconfigured, match="pgpass is missing"):
        server.start()


def test_the_log_is_cut_to_its_tail(server: EmbeddedServer, root: Path) -> None:
    server.start()
    with log_file(root).open("a") as log:
        log.writelines(f"line {number}\n" for number in range(LOG_BYTES // 10))
        log.write("the last line\n")

    server.wait_for_death(0)
    dsn = server.dsn
    with pytest.raises(psycopg.errors.SyntaxError):
        _ask(dsn, "this is not SQL")

    text = log_file(root).read_text()
    assert len(text) < LOG_TAIL_BYTES * 2
    assert "the last line\n" in text
    assert "syntax error" in text, "the server goes on writing to the same file"
    assert "this is not SQL" not in text, "statements may hold secrets"


def test_settings_can_be_added(root: Path) -> None:
    give_cluster(root)
    with EmbeddedServer(root, settings={"work_mem": "7MB"}).hold() as dsn:
        assert _ask(dsn, "SHOW work_mem") == "7MB"
