"""Notifications from the database, on a connection that does nothing else."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from psycopg import sql

from factory.storage.connection import connect
from factory.storage.queries import query
from factory.storage.store_errors import translated


@dataclass(frozen=True, slots=True)
class Notification:
    """What somebody said with NOTIFY: a hint to look, never the truth itself."""

    channel: str
    payload: str


class Listener:
    """Subscribed from construction to `close`. For one thread. After a loss make a new one, then look at the tables."""

    def __init__(self, dsn: str, channel: str, application_name: str) -> None:
        self._connection = connect(dsn, application_name, autocommit=True)
        try:
            with translated():
                self._connection.execute(sql.SQL(query("listen")).format(channel=sql.Identifier(channel)))
        except BaseException:
            self._connection.close()
            raise

    def fileno(self) -> int:
        """Readable when something came or the connection was lost: call `notifications` then."""
        return self._connection.fileno()

    def notifications(self) -> list[Notification]:
        """All that have come, without waiting.

        Raises:
            StoreUnavailable: the connection was lost, and with it what came meanwhile.
        """
        with translated():
            return [Notification(one.channel, one.payload) for one in self._connection.notifies(timeout=0)]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
