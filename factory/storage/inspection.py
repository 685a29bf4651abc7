"""Looks at a database server and changes nothing."""

from typing import Final

from factory.domain.store_state import StoreState
from factory.errors import StoreMisconfigured
from factory.ports import Clock
from factory.storage.connection import connect
from factory.storage.migration_files import Applied, pending, read_migrations, shipped_migrations
from factory.storage.queries import query
from factory.storage.server_check import encoding_of, judge
from factory.storage.store_errors import translated

_CONNECT_SECONDS: Final = 2
_STATEMENT_SECONDS: Final = 2.0
"""Somebody waits for the answer, and a server that is slower than this has a problem worth telling."""
_VERSIONS_A_MAJOR: Final = 10_000


def inspect(dsn: str, clock: Clock) -> StoreState:
    """The state of a database.

    Raises:
        StoreUnavailable, StoreTimeout: it cannot be reached.
        StoreMisconfigured: it is too old, has no pgvector, keeps texts in another encoding than UTF-8, or takes no writes from us.
        SchemaMismatch: it is newer than this code, or was made by other files.
    """
    with (
        connect(dsn, "factory doctor", autocommit=True, statement_seconds=_STATEMENT_SECONDS, connect_seconds=_CONNECT_SECONDS) as db,
        translated(),
    ):
        row = db.execute(query("server_state")).fetchone() or {}
        vectors = db.execute(query("vector_versions")).fetchone() or {}
        vector = vectors.get("installed") or vectors.get("available")
        facts = judge(db.info.server_version // _VERSIONS_A_MAJOR, vector, encoding_of(db.info))
        ours = clock.now()
        applied = db.execute(query("applied_migrations")).fetchall() if row["migrated"] else []
    if row["read_only"]:
        raise StoreMisconfigured("The database server takes no writes: it is a standby, or set to read-only.")
    todo = pending(read_migrations(shipped_migrations()), [Applied(one["version"], one["name"], one["checksum"]) for one in applied])
    return StoreState(row["version"], facts.vector, tuple(one.label for one in todo), row["clock"] - ours)
