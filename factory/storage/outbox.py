"""Delivery's side of the outbox: what waits to be published, and why it did not work yet."""

from collections.abc import Collection

import msgspec

from factory.delivery_ports import Ended, Publication
from factory.domain.ids import Commit
from factory.domain.pull_request import issue_closed
from factory.protocol.attempt_mail import Result
from factory.protocol.mailbox import Lease
from factory.storage.database import Database, Row
from factory.storage.queries import query

MAX_OPEN = 200
"""Rows read at once; the oldest come first, so those behind them get their turn."""
MAX_ENDED = 500
_MAX_ERROR = 1_000
"""Characters of a failure that are kept."""


class OutboxStore:
    """The adapter of `delivery_ports.Outbox`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[Publication]:
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("open_publications"), {"limit": MAX_OPEN}).fetchall()
        return [_publication(row) for row in rows]

    def is_open(self, lease: Lease) -> bool:
        with self._database.transaction() as cursor:
            key = {"item": lease.item, "epoch": lease.epoch}
            return cursor.execute(query("publication_is_open"), key).fetchone() is not None

    def note_error(self, lease: Lease, sentence: str, delay: float) -> None:
        bound = {"item": lease.item, "epoch": lease.epoch, "error": sentence[:_MAX_ERROR], "delay": delay}
        with self._database.transaction() as cursor:
            cursor.execute(query("raise_mark"))
            cursor.execute(query("note_publication_error"), bound)

    def ended(self) -> list[Ended]:
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("ended_publications"), {"limit": MAX_ENDED}).fetchall()
        return [Ended(Lease(row["item"], row["epoch"]), row["bundle"]) for row in rows]

    def wanted(self, leases: Collection[Lease]) -> set[Lease]:
        asked = {"items": [lease.item for lease in leases], "epochs": [lease.epoch for lease in leases]}
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("wanted_results"), asked).fetchall()
        return {Lease(row["item"], row["epoch"]) for row in rows}


def _publication(row: Row) -> Publication:
    return Publication(
        lease=Lease(row["item"], row["epoch"]),
        repo=row["repo"],
        base_branch=row["base_branch"],
        title=row["title"],
        spec=row["spec"],
        result=msgspec.convert(row["payload"], Result),
        iterations=row["iterations"],
        due=row["due"],
        tries=row["tries"],
        approved_digest=row["approved_digest"],
        earlier_heads=tuple(Commit(head) for head in row["earlier_heads"]),
        tokens=row["tokens"],
        reworks=row["reworks"],
        closes=issue_closed(row["source"], row["source_id"]),
        micros=row["micros"],
        blocked=tuple(row["blocked"]),
        host=row["host"] or "",
        isolation=row["isolation"] or "",
    )
