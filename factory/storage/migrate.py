"""Brings a database to the newest schema: under a lock, one transaction a file, again from where a kill left it."""

from functools import partial
from importlib.resources.abc import Traversable
from typing import Final

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from factory.errors import Broken, Contended, Retryable
from factory.storage.connection import BoundedConnection, connect
from factory.storage.migration_files import Applied, Migration, pending, read_migrations, shipped_migrations
from factory.storage.queries import query
from factory.storage.store_errors import translate, translated

MIGRATION_SECONDS: Final = 600.0
"""Bound of one file: rewriting a table of ten million rows takes minutes."""
LOCK_SECONDS: Final = 120.0
"""How long to wait for another one who migrates, or for a table that a running factory uses."""
_LOCK_KEY: Final = 0x666163746F7279
"""Any number, the same in every version; advisory locks are per database."""


def migrate(dsn: str, folder: Traversable | None = None) -> list[str]:
    """Run what the database has not been through yet; returns the names of those files, oldest first.

    Args:
        dsn: the database, which must exist.
        folder: where the numbered files are; those that ship with the factory by default.

    Raises:
        SchemaMismatch: the database is newer than the code, or a file was edited afterwards.
        Contended: another process is migrating it.
        Retryable, Broken: a file failed; those before it stay, it left nothing.
    """
    known = read_migrations(folder or shipped_migrations())
    bound = partial(connect, statement_seconds=MIGRATION_SECONDS, lock_seconds=LOCK_SECONDS)
    # Closing it gives the lock back, whatever happens.
    with bound(dsn, "factory migrate", autocommit=True) as connection:
        _lock(connection)
        todo = pending(known, _applied(connection))
        for migration in todo:
            _apply(connection, migration)
    return [migration.label for migration in todo]


def _lock(connection: BoundedConnection) -> None:
    try:
        with translated():
            connection.execute(query("lock_migrations"), {"key": _LOCK_KEY})
    except Contended:
        raise Contended("Another process is bringing the database to the newest schema: try again later.") from None


def _applied(connection: BoundedConnection) -> list[Applied]:
    with translated():
        connection.execute(query("create_migrations_table"))
        rows = connection.execute(query("applied_migrations")).fetchall()
    return [Applied(row["version"], row["name"], row["checksum"]) for row in rows]


def _apply(connection: BoundedConnection, migration: Migration) -> None:
    try:
        for extension in migration.extensions:
            connection.execute(sql.SQL(query("create_extension")).format(extension=sql.Identifier(extension)))
        with connection.transaction():
            connection.execute(migration.text.encode(), prepare=False)  # a prepared one could be one statement only
            if connection.info.transaction_status != TransactionStatus.INTRANS:
                raise Broken(f"Migration {migration.label} ends its transaction itself, which a migration must not.")
            row = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
            connection.execute(query("record_migration"), row)
    except psycopg.Error as error:
        ours = translate(error)
        # Whatever the server refuses here was asked for by the file, not by a caller.
        kind = type(ours) if isinstance(ours, Retryable) else Broken
        raise kind(f"Migration {migration.label} failed and left nothing behind. {ours}") from error
