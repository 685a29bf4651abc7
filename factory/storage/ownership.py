"""One factory per database: a lock of the session in which the queue does all its work.

Two factories with different data folders on one database would start workers for each other's leases. The lock lives and dies with the
very connection that claims, expires and settles, so it needs no epoch of its own: a queue whose connection was cut (or whose server
was restarted) must take it again before its next statement, and where another factory was quicker it never writes again. A lock that
a supervisor held for its queue would leave a time in which the queue writes and the lock is somebody else's.

Rejected: a row with the owner's epoch, checked by each statement. It says the same at the price of a read in each round.
Rejected: ending an old session of the same factory. A copied data folder would make two factories end each other for ever.
What it asks for: a pooler between factory and server must pool sessions, not transactions.
"""

import time
from collections.abc import Callable

from factory.errors import Conflict, StoreTaken, StoreUnavailable
from factory.storage.connection import BoundedConnection, connect
from factory.storage.queries import query
from factory.storage.store_errors import translated

KEY = 0x666163746F727A
"""Any number but that of the migrations, the same in every version; advisory locks are per database."""

_MARK = " of "

EARLIER_SECONDS = 5.0
"""For a session of this factory's last run to end: its process is dead, and the server notices at once on the same machine."""

_PAUSE = 0.05


def session_name(actor: str, instance: str) -> str:
    """What a session that owns calls itself, so that others can be told whose it is; the server keeps 63 bytes."""
    return f"{actor}{_MARK}{instance}"


def owning(instance: str) -> Callable[[BoundedConnection], None]:
    """What a new connection must do before anything else is done on it.

    It raises `StoreTaken` where another factory works on the database, and `StoreUnavailable` while an earlier session of this one
    has not ended: the server takes up to half a minute to find out that a peer is gone.
    """

    def own(connection: BoundedConnection) -> None:
        with translated():
            owned = _ask(connection, "try_own")
            if owned is None or not owned["owned"]:
                holder = _ask(connection, "owner")
                connection.rollback()
                raise _objection(holder, instance)
            connection.commit()

    return own


def refuse_second(dsn: str, instance: str, wait: Callable[[float], object] = time.sleep) -> None:
    """Looks before a factory is started; the queue's own lock is what counts.

    It does not take the lock, however shortly: an owner that has lost its connection must find it free.

    Raises:
        Conflict: another factory works on the database.
        StoreUnavailable: it cannot be reached.
    """
    with connect(dsn, session_name("factory check", instance)) as connection:
        for _ in range(round(EARLIER_SECONDS / _PAUSE)):
            with translated():
                holder = _ask(connection, "owner")
                connection.rollback()
            if not holder:
                return
            objection = _objection(holder, instance)
            if isinstance(objection, StoreTaken):
                raise Conflict(str(objection))
            wait(_PAUSE)
    raise Conflict(
        "A session of this very factory is still open on the database: try again in half a minute; "
        "if it stays, a copy of the data folder is in use elsewhere."
    )


def _ask(connection: BoundedConnection, name: str) -> dict[str, object] | None:
    return connection.execute(query(name), {"key": KEY}).fetchone()


def _objection(holder: dict[str, object] | None, instance: str) -> StoreTaken | StoreUnavailable:
    name = str(holder["name"]) if holder else ""
    # Nobody: it was given back between the two questions.
    if not holder or name.endswith(f"{_MARK}{instance}"):
        return StoreUnavailable("An earlier session of this factory on the database has not ended yet.")
    where = f", connected from {holder['address']}" if holder["address"] else ""
    whose = name.rpartition(_MARK)[2] or "unknown"
    return StoreTaken(f"Another factory (instance {whose}{where}) works on this database: stop it, or give this one a database of its own.")
