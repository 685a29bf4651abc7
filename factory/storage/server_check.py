"""Whether a database server that we did not start ourselves can be used."""

from dataclasses import dataclass
from typing import Final

from psycopg import ConnectionInfo

from factory.errors import StoreMisconfigured
from factory.storage.connection import connect
from factory.storage.queries import query
from factory.storage.store_errors import translated

OLDEST_MAJOR: Final = 15
ENCODING: Final = "UTF8"
_VERSIONS_A_MAJOR: Final = 10_000
"""The server's version number is 180004 for 18.4."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Major version of the server; version of pgvector that it has or would create."""

    major: int
    vector: str


def check_server(dsn: str) -> ServerFacts:
    """Look at the server before anything is written to it.

    Raises:
        StoreUnavailable: it cannot be reached.
        StoreMisconfigured: it is too old, has no pgvector, or keeps texts in another encoding.
    """
    with connect(dsn, "factory check", autocommit=True) as connection, translated():
        row = connection.execute(query("vector_versions")).fetchone() or {}
        major, encoding = connection.info.server_version // _VERSIONS_A_MAJOR, encoding_of(connection.info)
    return judge(major, row.get("installed") or row.get("available"), encoding)


def encoding_of(info: ConnectionInfo) -> str:
    """Of the database's texts, as the server calls it."""
    return info.parameter_status("server_encoding") or ""


def judge(major: int, vector: str | None, encoding: str = ENCODING) -> ServerFacts:
    """The facts as a value, or the sentence that says what to do about them."""
    if encoding != ENCODING:
        # With SQL_ASCII, which a server has that was made without a locale, all texts would come back as bytes.
        raise StoreMisconfigured(
            f"The database keeps its texts in {encoding}, and the factory needs {ENCODING}: make one for it with "
            f"createdb --template=template0 --locale=C --encoding={ENCODING}."
        )
    if major < OLDEST_MAJOR:
        raise StoreMisconfigured(f"The database server is PostgreSQL {major}, and the factory needs {OLDEST_MAJOR} or newer.")
    if not vector:
        raise StoreMisconfigured(
            "The database server has no pgvector: install it on the server's machine, "
            f"on Debian and Ubuntu as the package postgresql-{major}-pgvector."
        )
    return ServerFacts(major, vector)
