"""Errors of the driver become ours, by SQLSTATE; the table below is the whole policy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import psycopg

from factory.errors import (
    Broken,
    Conflict,
    Contended,
    FactoryError,
    InvalidInput,
    SchemaMismatch,
    StoreFull,
    StoreMisconfigured,
    StoreTimeout,
    StoreUnavailable,
)

_CLASS_LENGTH = 2

# A code of five characters wins over its class, the first two.
_BY_STATE: Mapping[str, type[FactoryError]] = MappingProxyType(
    {
        "08": StoreUnavailable,
        "22": InvalidInput,
        "23": InvalidInput,
        "23505": Conflict,  # unique
        "23P01": Conflict,  # exclusion
        "25006": StoreFull,  # read-only transaction: a full disk or a standby
        "25P03": StoreUnavailable,  # idle in transaction for too long: the session is gone
        "25P04": StoreTimeout,
        "28": StoreMisconfigured,  # wrong user or password
        "3D": StoreMisconfigured,  # no such database
        "3F": SchemaMismatch,
        "40": Contended,
        "40003": StoreUnavailable,  # completion unknown
        "42501": StoreMisconfigured,  # no privilege
        "42703": SchemaMismatch,  # no such column
        "42704": SchemaMismatch,  # no such type
        "42804": InvalidInput,  # a value of another type than its column: no statement of ours is wrong by itself
        "42883": SchemaMismatch,  # no such function
        "42P01": SchemaMismatch,  # no such table
        "53": StoreUnavailable,  # out of connections or memory
        "53100": StoreFull,
        "54": InvalidInput,  # a value or statement beyond the server's limits
        "55006": Contended,
        "55P03": Contended,  # lock_timeout
        "57": StoreUnavailable,  # shutdown, crash of another session, still starting
        "57014": StoreTimeout,  # statement_timeout
        "58": StoreUnavailable,  # input or output failed below the server
    }
)


def translate(error: psycopg.Error) -> FactoryError:
    """Our error for one of the driver's; its sentence holds no values of the row."""
    return _kind(error)(_sentence(error))


@contextmanager
def translated() -> Iterator[None]:
    """Let no error of the driver out of the block."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def _kind(error: psycopg.Error) -> type[FactoryError]:
    state = error.sqlstate
    if state is not None:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:_CLASS_LENGTH]) or Broken
    if isinstance(error, psycopg.DataError):
        return InvalidInput  # refused by the driver before it was sent, such as a zero byte in a text
    # Without a code it never came from a statement: no connection, a lost one, or no answer in time.
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return StoreUnavailable if lost else Broken


def _sentence(error: psycopg.Error) -> str:
    # The detail of a constraint violation quotes the row, which may hold what must not be in a log.
    lines = (error.diag.message_primary or str(error)).splitlines() or [type(error).__name__]
    return f"The database says: {lines[0].strip()}"
