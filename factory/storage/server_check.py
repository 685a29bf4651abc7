"""Whether a database server that we did not start ourselves can be used."""

from dataclasses import dataclass
from typing import Final

from factory.errors import StoreMisconfigured
from factory.storage.connection import connect
from factory.storage.queries import query
from factory.storage.store_errors import translated

OLDEST_MAJOR: Final = 15
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
        StoreMisconfigured: it is too old or has no pgvector.
    """
    with connect(dsn, "factory check", autocommit=True) as connection, translated():
        row = connection.execute(query("vector_versions")).fetchone() or {}
        major = connection.info.server_version // _VERSIONS_A_MAJOR
    return judge(major, row.get("installed") or row.get("available"))


def judge(major: int, vector: str | None) -> ServerFacts:
    """The facts as a value, or the sentence that says what to do about them."""
    if major < OLDEST_MAJOR:
        raise StoreMisconfigured(f"The database server is PostgreSQL {major}, and the factory needs {OLDEST_MAJOR} or newer.")
    if not vector:
        raise StoreMisconfigured(
            "The database server has no pgvector: install it on the server's machine, "
            f"on Debian and Ubuntu as the package postgresql-{major}-pgvector."
        )
    return ServerFacts(major, vector)
