"""A database in memory under the project's own stores: each named query of `factory/storage/sql` is a function here.

So what runs in the simulation is the very code of `factory.storage`; only the statements are replaced, and `tests/contract` holds
them to what PostgreSQL does. Tables are the durable half; what a transaction under way has changed is the volatile half, and is
undone when it does not come to its end.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

from factory.storage.database import Cursor, Database
from factory.storage.queries import all_queries

Row = dict[str, Any]
Statement = Callable[["Transaction", Mapping[str, Any]], list[Row]]
T = TypeVar("T")

_ABSENT: Any = object()


class Tables:
    """What is durable. Rows are never changed in place, so that one undo is one assignment."""

    def __init__(self) -> None:
        self.items: dict[str, Row] = {}
        self.attempts: dict[tuple[str, int], Row] = {}
        self.workers: dict[str, Row] = {}
        self.outbox: dict[tuple[str, int], Row] = {}
        self.locks: dict[tuple[str, str], Row] = {}
        self.limits: dict[str, Any] = {}
        self.commands: dict[str, Row] = {}
        self.pulls: dict[str, Row] = {}
        self.streams: dict[str, Row] = {}
        self.events: dict[tuple[str, int], Row] = {}
        self.numbers: dict[tuple[str, int, int], bool] = {}
        self.iterations: dict[int, float] = {}


class Transaction:
    """A cursor of this database: the statements that are executed, and how to take them back.

    Attributes:
        events: rows that this transaction appended, in order.
        touched: items whose row it changed.
    """

    def __init__(self, tables: Tables, now: float, statements: Mapping[str, Statement]) -> None:
        self.tables, self.now = tables, now
        self.events: list[Row] = []
        self.touched: dict[str, Row | None] = {}
        self.rowcount = 0
        self._statements = statements
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._rows: list[Row] = []

    def execute(self, text: str, bound: Mapping[str, Any] | None = None) -> "Transaction":
        self._rows = self._statements[_names()[text]](self, bound or {})
        self.rowcount = len(self._rows)
        return self

    def fetchone(self) -> Row | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[Row]:
        return self._rows

    def put(self, table: dict[Any, Any], key: Any, row: Any) -> None:
        self._undo.append((table, key, table.get(key, _ABSENT)))
        table[key] = row

    def drop(self, table: dict[Any, Any], key: Any) -> None:
        self._undo.append((table, key, table[key]))
        del table[key]

    def change_item(self, row: Row, **columns: Any) -> Row:
        """The row with these columns, as it stands from now on."""
        self.touched.setdefault(row["id"], row)
        changed = {**row, **columns}
        self.put(self.tables.items, row["id"], changed)
        return changed

    def undo(self) -> None:
        for table, key, before in reversed(self._undo):
            if before is _ABSENT:
                del table[key]
            else:
                table[key] = before

    @property
    def wrote(self) -> bool:
        return bool(self._undo)


@cache
def _names() -> dict[str, str]:
    return {text: name for name, text in all_queries().items()}


class MemoryDatabase:
    """Stands where a store wants its `Database`. One for all of them: transactions of one thread never overlap.

    Args:
        clock: the time that rows are written with, in seconds since 1970.
        statements: by the names of the queries they stand for.
        begin: called before each transaction; raises where the database is away.
        commit: carries out the commit that it is given, or raises instead, before or after. Also told what was changed.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        statements: Mapping[str, Statement],
        *,
        tables: Tables | None = None,
        begin: Callable[[], object] = lambda: None,
        commit: Callable[[Transaction, Callable[[], None]], object] = lambda _, commit: commit(),
    ) -> None:
        self.tables = tables if tables is not None else Tables()
        self._clock, self._statements, self._begin, self._commit = clock, statements, begin, commit

    @property
    def typed(self) -> Database:
        """Itself, as the stores name it: they use `transaction` and `run` of it, nothing else."""
        return cast("Database", self)

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        self._begin()
        tx = Transaction(self.tables, self._clock(), self._statements)
        durable = False

        def commit() -> None:
            nonlocal durable
            durable = True

        try:
            yield cast("Cursor", tx)
            self._commit(tx, commit)
        finally:
            if not durable:
                tx.undo()

    def run(self, work: Callable[[Cursor], T]) -> T:
        with self.transaction() as cursor:
            return work(cursor)
