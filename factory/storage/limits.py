"""Limits: what was used is read from the trail itself; the table holds what the factory says about them now."""

from typing import Any

from psycopg.types.json import Jsonb

from factory.domain.events import EventType, NewEvent, operator_stream
from factory.domain.limits import Pause, Usage, switched
from factory.protocol.commands import Switch
from factory.storage import events
from factory.storage.database import Cursor, Database
from factory.storage.queries import query
from factory.storage.rows import single


class LimitStore:
    """The limiter's store. It keeps nothing in memory, so a limiter that was killed forgets nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self) -> Usage:
        with self._database.transaction() as cursor:
            row = single(cursor.execute(query("usage")))
        paused = row["pause"]
        pause = Pause(paused["by"], paused["draining"]) if paused else None
        return Usage(row["iterations"], row["since_start"], row["until_midnight"], pause, row["micros"])

    def write(self, name: str, value: dict[str, Any]) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("write_limit"), {"name": name, "value": Jsonb(value)})

    def switch(self, order: Switch) -> dict[str, Any]:
        """Carries it out with the event that tells of it, and says what is `paused` now and which engines were `lifted`."""
        with self._database.transaction() as cursor:
            row = cursor.execute(query("read_limit"), {"name": "pause"}).fetchone()
            before = row["value"] if row else {}
            after = switched(before, order.verb, order.parts, order.operator)
            lifted = _lifted(cursor) if order.verb == "resume" and "dispatch" in order.parts else []
            if after != before or lifted:
                cursor.execute(query("write_limit"), {"name": "pause", "value": Jsonb(after)})
                told = {"verb": order.verb, "parts": list(order.parts), "lifted": lifted}
                events.append(cursor, [NewEvent(operator_stream(order.operator), EventType.COMMAND, told)])
        return {"paused": after, "lifted": lifted}

    def lift_holds(self) -> list[str]:
        """Lets every engine be used again; returns which were held."""
        with self._database.transaction() as cursor:
            return _lifted(cursor)

    def read(self) -> dict[str, Any]:
        with self._database.transaction() as cursor:
            return {row["name"]: row["value"] for row in cursor.execute(query("read_limits")).fetchall()}


def _lifted(cursor: Cursor) -> list[str]:
    return [row["name"].removeprefix("hold:") for row in cursor.execute(query("lift_holds"), {}).fetchall()]
