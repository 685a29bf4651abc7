"""The way to the database for a store: one connection, transactions, and errors that say what to do."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from factory.errors import Broken, Contended
from factory.storage.connection import STATEMENT_SECONDS, BoundedConnection, connect, is_usable
from factory.storage.listener import Listener
from factory.storage.store_errors import translated

Row: TypeAlias = dict[str, Any]
Cursor: TypeAlias = psycopg.Cursor[Row]

RUN_TRIES = 5
"""Who loses a deadlock five times in a row has a bug, not bad luck."""
RETRY_BASE_SECONDS = 0.01
"""Doubled at each try; about the time a transaction here takes."""

_T = TypeVar("_T")


class Database:
    """One connection to the database, opened at first use and again after a loss. For one thread.

    Args:
        dsn: URL or keywords, as libpq takes them.
        application_name: what operators see in pg_stat_activity.
        statement_seconds: bound of a statement.
        sleep: waits between two tries of `run`.
        on_connect: called with each new connection before anything else is done on it; what it raises stands for "no connection".
    """

    def __init__(
        self,
        dsn: str,
        application_name: str = "factory",
        *,
        statement_seconds: float = STATEMENT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        on_connect: Callable[[BoundedConnection], None] | None = None,
    ) -> None:
        self._dsn = dsn
        self._application_name = application_name
        self._statement_seconds = statement_seconds
        self._sleep = sleep
        self._on_connect = on_connect
        self._connection: BoundedConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor within one transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            StoreUnavailable: no connection, or it was lost. Lost at the very end, the commit may have happened.
            Retryable, Refused, Broken: what the server said, see `factory.errors`.
        """
        connection = self._usable_connection()
        try:
            with translated():
                with connection.cursor() as cursor:
                    yield cursor
                _commit(connection)
        except BaseException:
            self._give_up(connection)
            raise

    def run(self, work: Callable[[Cursor], _T]) -> _T:
        """Carry out `work` in a transaction, again with jitter when it lost a race; nothing else is repeated.

        Raises:
            Contended: it lost `RUN_TRIES` times.
        """
        for tried in range(1, RUN_TRIES):
            try:
                return self._once(work)
            except Contended:
                self._sleep(random.uniform(0, RETRY_BASE_SECONDS * 2**tried))
        return self._once(work)

    def listen(self, channel: str) -> Listener:
        """Subscribe to a channel, on a connection of its own that the caller closes."""
        return Listener(self._dsn, channel, f"{self._application_name} listener")

    def close(self) -> None:
        """Close the connection; the next transaction would open it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _once(self, work: Callable[[Cursor], _T]) -> _T:
        with self.transaction() as cursor:
            return work(cursor)

    def _usable_connection(self) -> BoundedConnection:
        if self._connection is not None and self._connection.info.transaction_status == TransactionStatus.INTRANS:
            raise Broken("A transaction was begun within another one on the same connection.")
        if self._connection is None or not is_usable(self._connection):
            self.close()
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> BoundedConnection:
        connection = connect(self._dsn, self._application_name, statement_seconds=self._statement_seconds)
        if self._on_connect is not None:
            try:
                self._on_connect(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _give_up(self, connection: BoundedConnection) -> None:
        # A statement still under way (no answer in time, an interrupt) would hold up the rollback as well.
        if connection.info.transaction_status == TransactionStatus.ACTIVE:
            self.close()
            return
        try:
            connection.rollback()
        except psycopg.Error:
            self.close()  # lost: the server rolls back by itself, and the first error is the one that tells why


def _commit(connection: BoundedConnection) -> None:
    # COMMIT of a failed transaction is answered with ROLLBACK and no error: somebody caught the error inside.
    if connection.info.transaction_status == TransactionStatus.INERROR:
        raise Broken("A failed statement was passed over within a transaction, which therefore cannot be committed.")
    connection.commit()
