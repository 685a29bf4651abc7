"""Machines of remote workers: their keys, the tokens of their join lines, and what they say of themselves."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from factory.domain.events import SYSTEM_STREAM, EventType, NewEvent
from factory.domain.hosts import KEY_SECONDS, MOST, TOKEN_SECONDS
from factory.errors import Conflict, NotFound, Refused
from factory.host_ports import KnownHost, Place
from factory.storage import events
from factory.storage.database import Cursor, Database, Row
from factory.storage.queries import query
from factory.storage.rows import single


class HostRows:
    """The adapter of `host_ports.HostStore`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enroll(self, name: str, labels: Sequence[str], token_hash: str, operator: str) -> None:
        bound = {"name": name, "labels": list(labels), "token_hash": token_hash, "seconds": TOKEN_SECONDS}
        with self._database.transaction() as cursor:
            if int(single(cursor.execute(query("count_other_hosts"), {"name": name}))["count"]) >= MOST:
                raise Conflict(f"There are {MOST} hosts already.")
            cursor.execute(query("enroll_host"), bound)
            _tell(cursor, EventType.HOST_INVITED, {"host": name, "labels": list(labels), "by": operator})

    def join(self, token_hash: str, key: str, facts: dict[str, Any]) -> str:
        with self._database.transaction() as cursor:
            row = cursor.execute(query("host_of_token"), {"token_hash": token_hash}).fetchone()
            if row is None:
                raise Refused("This join line is not known: it was replaced by a newer one, taken back, or mistyped.")
            name = str(row["name"])
            if row["token_key"] == key:
                return name  # its answer was lost
            if row["token_key"] is not None:
                raise Refused("This join line was used already; `factory worker enroll` prints a new one.")
            if row["late"]:
                raise Refused(f"This join line is older than {TOKEN_SECONDS / 60:.0f} minutes; `factory worker enroll` prints a new one.")
            cursor.execute(query("join_host"), {"name": name, "key": key, "facts": Jsonb(facts), "seconds": KEY_SECONDS})
            _tell(cursor, EventType.HOST_JOINED, {"host": name, "key": key})
        return name

    def known(self) -> list[KnownHost]:
        with self._database.transaction() as cursor:
            return [_known(row) for row in cursor.execute(query("host_keys")).fetchall()]

    def renew(self, name: str, key: str, next_key: str) -> bool:
        with self._database.transaction() as cursor:
            return cursor.execute(query("next_host_key"), {"name": name, "key": key, "next_key": next_key}).fetchone() is not None

    def use_next(self, name: str, key: str) -> bool:
        with self._database.transaction() as cursor:
            used = cursor.execute(query("use_next_host_key"), {"name": name, "key": key, "seconds": KEY_SECONDS}).fetchone() is not None
            if used:
                _tell(cursor, EventType.HOST_KEY_RENEWED, {"host": name, "key": key})
        return used

    def revoke(self, name: str, operator: str) -> None:
        self._change("revoke_host", {"name": name}, name, EventType.HOST_REVOKED, {"host": name, "by": operator})

    def drain(self, name: str, operator: str, *, draining: bool) -> None:
        told = {"host": name, "draining": draining, "by": operator}
        self._change("drain_host", {"name": name, "draining": draining}, name, EventType.HOST_DRAINED, told)

    def seen(self, facts: dict[str, dict[str, Any] | None]) -> None:
        rows = [{"name": name, "facts": told} for name, told in facts.items()]
        with self._database.transaction() as cursor:
            cursor.execute(query("host_seen"), {"seen": Jsonb(rows)})

    def place_of(self, worker: str) -> Place | None:
        with self._database.transaction() as cursor:
            row = cursor.execute(query("place_of_worker"), {"worker": worker}).fetchone()
        return None if row is None else Place(row["host"], bool(row["counts"]), row["repo"], bool(row["alive"]))

    def _change(self, name: str, bound: Row, host: str, kind: EventType, told: Row) -> None:
        with self._database.transaction() as cursor:
            if cursor.execute(query(name), bound).fetchone() is None:
                raise NotFound(f"There is no host {host}; `factory worker list` shows them.")
            _tell(cursor, kind, told)


def _tell(cursor: Cursor, kind: EventType, data: Row) -> None:
    events.append(cursor, [NewEvent(SYSTEM_STREAM, kind, data)])


def _known(row: Row) -> KnownHost:
    return KnownHost(
        row["name"], row["public_key"], row["next_key"] or "", tuple(row["labels"]), row["facts"], row["draining"], row["expires_in"]
    )  # fmt: skip
