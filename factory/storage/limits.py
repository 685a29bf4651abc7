"""Limits: what was used is read from the trail itself; the table holds what the factory says about them now."""

from typing import Any

from psycopg.types.json import Jsonb

from factory.domain.limits import Usage
from factory.storage.database import Database
from factory.storage.queries import query
from factory.storage.rows import single


class LimitStore:
    """The limiter's store. It keeps nothing in memory, so a limiter that was killed forgets nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self) -> Usage:
        with self._database.transaction() as cursor:
            row = single(cursor.execute(query("usage")))
        return Usage(row["iterations"], row["since_start"], row["until_midnight"])

    def write(self, name: str, value: dict[str, Any]) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("write_limit"), {"name": name, "value": Jsonb(value)})

    def lift_holds(self) -> list[str]:
        """Lets every engine be used again; returns which were held."""
        with self._database.transaction() as cursor:
            return [row["name"].removeprefix("hold:") for row in cursor.execute(query("lift_holds"), {}).fetchall()]

    def read(self) -> dict[str, Any]:
        with self._database.transaction() as cursor:
            return {row["name"]: row["value"] for row in cursor.execute(query("read_limits")).fetchall()}
