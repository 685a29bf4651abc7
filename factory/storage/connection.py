"""One bounded connection: nothing on it waits for ever, whatever happens to the server."""

import select
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from factory.storage.store_errors import translated

CONNECT_SECONDS = 5
"""A local server answers in 5 ms; longer than a lost packet or two on the way to another one."""
STATEMENT_SECONDS = 30.0
"""No statement of the factory needs more than a fraction of this; the server ends it and says so."""
ANSWER_GRACE_SECONDS = 5.0
"""After this much more without an answer the server itself is gone or stopped, and we let go."""
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""Both sides look: a server that keeps the session of a machine that was switched off would keep its locks too."""
_LEFT_IN_BUFFER = 3
"""A farewell and the end of the stream come in one or two reads."""

_T = TypeVar("_T")


class BoundedConnection(psycopg.Connection[DictRow]):
    """A connection whose every wait ends, even when the server is frozen and its own timeout cannot fire."""

    answer_seconds: float = STATEMENT_SECONDS + ANSWER_GRACE_SECONDS

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)


def connect(
    dsn: str,
    application_name: str,
    *,
    autocommit: bool = False,
    statement_seconds: float = STATEMENT_SECONDS,
    lock_seconds: float = 0.0,
    connect_seconds: int = CONNECT_SECONDS,
) -> BoundedConnection:
    """Open a connection with dict rows.

    Args:
        dsn: URL or keywords, as libpq takes them.
        application_name: what operators see in pg_stat_activity.
        autocommit: each statement is its own transaction.
        statement_seconds: bound of a statement.
        lock_seconds: bound of a wait for a lock within a statement; 0 leaves it to the statement's own.
        connect_seconds: bound of reaching the server; libpq takes whole seconds, two at least.

    Raises:
        StoreUnavailable: no server answers there.
        StoreMisconfigured: it refuses us.
    """
    options = f"-c statement_timeout={statement_seconds * 1000:.0f} -c lock_timeout={lock_seconds * 1000:.0f}"
    options += "".join(f" -c tcp_{name}={number}" for name, number in _KEEPALIVE.items())
    settings: dict[str, Any] = {"application_name": application_name, "options": options}
    settings |= {"connect_timeout": connect_seconds, "tcp_user_timeout": int(statement_seconds * 1000), **_KEEPALIVE}
    with translated():
        connection = BoundedConnection.connect(
            make_conninfo(dsn, **settings, **_password(dsn)),
            autocommit=autocommit,
            prepare_threshold=0,  # every statement here is a hot one; planning costs more than running most of them
            row_factory=dict_row,
        )
    connection.answer_seconds = statement_seconds + ANSWER_GRACE_SECONDS
    return connection


def is_usable(connection: BoundedConnection) -> bool:
    """Whether an idle connection still stands, as far as can be told without asking the server.

    A server that was restarted has said farewell on the socket: reading that here spares the next transaction.
    """
    poll = select.poll()
    if connection.closed:
        return False
    poll.register(connection.fileno(), select.POLLIN)
    for _ in range(_LEFT_IN_BUFFER):
        if not poll.poll(0):
            return True
        try:
            connection.pgconn.consume_input()
        except psycopg.OperationalError:
            return False
    return False


def _password(dsn: str) -> dict[str, str]:
    """The password from the DSN's password file.

    libpq would read it too, but a PGPASSWORD in the environment, meant for another server, wins over the file there.
    """
    parts = conninfo_to_dict(dsn)
    if "passfile" not in parts or "password" in parts:
        return {}
    line = Path(str(parts["passfile"])).read_text().splitlines()[0]
    return {"password": line.rpartition(":")[2]}
