"""Real databases for tests: one embedded server a test process, a fresh migrated database a test.

Where DATABASE_URL_TEST names a server (with the right to create databases), each test runs on that one too.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from factory.storage.database import Database
from factory.storage.embedded import EmbeddedServer
from factory.storage.migrate import migrate

OWN_SERVER = os.environ.get("DATABASE_URL_TEST")
_KINDS = ["embedded", "own"] if OWN_SERVER else ["embedded"]
# Durability is what test_embedded* looks at, with a server of its own.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "64MB"}
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2_000_000_000
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Databases:
    """Makes databases on one server.

    Attributes:
        dsn: of its maintenance database.
        maintenance: a connection to it, one for all: a new one for each statement costs as much as the statement.
        copying: how a template is copied, as `CREATE DATABASE` takes it.
    """

    dsn: str
    maintenance: psycopg.Connection
    copying: str = ""

    @classmethod
    @contextmanager
    def on(cls, dsn: str, copying: str = "") -> Iterator["Databases"]:
        with psycopg.connect(dsn, autocommit=True) as maintenance:
            yield cls(dsn, maintenance, copying)

    @contextmanager
    def fresh(self, template: str = "template0") -> Iterator[str]:
        # The process id keeps the workers of one run apart on a server that they share.
        name = f"test_{os.getpid()}_{next(_NUMBERS)}"
        self._execute(f"CREATE DATABASE {{}} TEMPLATE {{}} {self.copying}", name, template)
        try:
            yield make_conninfo(self.dsn, dbname=name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        self.maintenance.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def short_folder(within: Path | None = None) -> Iterator[Path]:
    """A folder that another user may pass through: pytest's own are private, and root runs the server as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="factory-test-", dir=within))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _memory() -> Path | None:
    """Where files are in memory, else None: a fresh database is hundreds of files, and takes a disk five times as long."""
    if not os.access(_MEMORY, os.W_OK):
        return None
    there = os.statvfs(_MEMORY)
    # The server's programs may have to be copied beside its data (see `binaries_for`).
    fits = there.f_bavail * there.f_frsize > _ROOM_BYTES and not there.f_flag & getattr(os, "ST_NOEXEC", 0)
    return _MEMORY if fits else None


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[EmbeddedServer]:
    with short_folder(_memory()) as folder:
        server = EmbeddedServer(folder, settings=_FAST)
        with server.hold():
            yield server


@pytest.fixture(scope="session", params=_KINDS)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    dsn, copying = OWN_SERVER, ""
    if request.param == "embedded":
        server: EmbeddedServer = request.getfixturevalue("embedded_server")
        # Half of what it costs through the log; a server that is not this process's alone would pay with checkpoints, and waits for a disk.
        dsn, copying = server.dsn, "STRATEGY file_copy"
    assert dsn is not None
    with Databases.on(dsn, copying) as databases:
        yield databases


@pytest.fixture(scope="session")
def migrated_template(databases: Databases) -> Iterator[str]:
    """Name of a database that went through all migrations, to be copied and not to be opened."""
    with databases.fresh() as dsn:
        migrate(dsn)
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        yield str(name)


@pytest.fixture
def empty_dsn(databases: Databases) -> Iterator[str]:
    """A database with nothing in it."""
    with databases.fresh() as dsn:
        yield dsn


@pytest.fixture
def dsn(databases: Databases, migrated_template: str) -> Iterator[str]:
    """A fresh database with the newest schema."""
    with databases.fresh(migrated_template) as dsn:
        yield dsn


@pytest.fixture
def database(dsn: str) -> Iterator[Database]:
    with Database(dsn, "test") as database:
        yield database
