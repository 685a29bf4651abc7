"""The driver's errors and ours: the mapping is complete, and each branch tells what to do."""

import psycopg
import pytest
from psycopg import errors

from factory.errors import (
    Broken,
    Conflict,
    Contended,
    FactoryError,
    InvalidInput,
    Refused,
    Retryable,
    SchemaMismatch,
    StoreFull,
    StoreMisconfigured,
    StoreTimeout,
    StoreUnavailable,
)
from factory.storage.server_check import ServerFacts, judge
from factory.storage.store_errors import translate, translated

_DRIVER_ERRORS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, psycopg.Error)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", _DRIVER_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_the_driver_becomes_one_of_the_three_branches(kind: type[psycopg.Error]) -> None:
    ours = translate(kind("something"))

    assert isinstance(ours, Retryable | Refused | Broken)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (errors.UniqueViolation, Conflict),
        (errors.ForeignKeyViolation, InvalidInput),
        (errors.CheckViolation, InvalidInput),
        (errors.DatatypeMismatch, InvalidInput),
        (errors.SerializationFailure, Contended),
        (errors.DeadlockDetected, Contended),
        (errors.LockNotAvailable, Contended),
        (errors.QueryCanceled, StoreTimeout),
        (errors.AdminShutdown, StoreUnavailable),
        (errors.CrashShutdown, StoreUnavailable),
        (errors.CannotConnectNow, StoreUnavailable),
        (errors.TooManyConnections, StoreUnavailable),
        (errors.IdleInTransactionSessionTimeout, StoreUnavailable),
        (errors.StatementCompletionUnknown, StoreUnavailable),
        (errors.DiskFull, StoreFull),
        (errors.ReadOnlySqlTransaction, StoreFull),
        (errors.UndefinedTable, SchemaMismatch),
        (errors.UndefinedColumn, SchemaMismatch),
        (errors.InvalidPassword, StoreMisconfigured),
        (errors.InvalidCatalogName, StoreMisconfigured),
        (errors.InsufficientPrivilege, StoreMisconfigured),
        (errors.SyntaxError, Broken),
        (errors.InternalError_, Broken),
        (psycopg.OperationalError, StoreUnavailable),
        (psycopg.InterfaceError, StoreUnavailable),
        (psycopg.DataError, InvalidInput),
        (psycopg.ProgrammingError, Broken),
    ],
)
def test_an_error_tells_its_caller_what_to_do(theirs: type[psycopg.Error], ours: type[FactoryError]) -> None:
    assert type(translate(theirs("something"))) is ours


def test_the_sentence_is_one_line_and_the_cause_is_kept() -> None:
    with pytest.raises(StoreUnavailable) as caught, translated():
        raise psycopg.OperationalError("the server went away\nDETAIL: row (secret)")

    assert str(caught.value) == "The database says: the server went away"
    assert isinstance(caught.value.__cause__, psycopg.OperationalError)


def test_errors_of_ours_pass_unchanged() -> None:
    with pytest.raises(Conflict, match="taken"), translated():
        raise Conflict("taken")


def test_a_server_before_15_is_refused_in_one_sentence() -> None:
    with pytest.raises(StoreMisconfigured, match=r"is PostgreSQL 14, and the factory needs 15 or newer\."):
        judge(14, "0.8.0")


def test_a_server_without_pgvector_is_refused_with_the_package_to_install() -> None:
    with pytest.raises(StoreMisconfigured, match=r"no pgvector.*postgresql-16-pgvector"):
        judge(16, None)


def test_a_server_of_15_with_pgvector_will_do() -> None:
    assert judge(15, "0.8.0") == ServerFacts(15, "0.8.0")
