"""What is known of pull requests that are followed: when to look again, what was read, what the next attempt is for."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from factory.delivery_ports import Look, ReworkOrder, Tracked
from factory.domain.ids import Commit, ItemId
from factory.storage.database import Database, Row
from factory.storage.queries import query

_MAX_SENTENCE = 1_000
"""Characters of what is said about a look."""


class FollowRows:
    """The adapter of `delivery_ports.FollowStore`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, limit: int) -> list[Tracked]:
        with self._database.transaction() as cursor:
            return [_tracked(row) for row in cursor.execute(query("tracked_pull_requests"), {"limit": limit}).fetchall()]

    def looked(self, item: str, look: Look) -> None:
        bound = {
            "item": item, "standing": look.sentence[:_MAX_SENTENCE], "digest": look.digest, "unchanged": look.unchanged,
            "delay": look.delay, "shown": Jsonb(dict(look.shown)),
        }  # fmt: skip
        self._put_off("note_look", bound)

    def failed(self, item: str, sentence: str, delay: float) -> None:
        self._put_off("note_look_failed", {"item": item, "error": sentence[:_MAX_SENTENCE], "delay": delay})

    def order_rework(self, item: str, head: Commit, order: ReworkOrder, review: int) -> None:
        kept = {"head": head, "reasons": list(order.reasons), "evidence": order.evidence, "conflicts": order.conflicts}
        self._execute("order_rework", {"item": item, "head": head, "rework": Jsonb(kept), "review": review})

    def rework_of(self, item: str) -> ReworkOrder | None:
        with self._database.transaction() as cursor:
            row = cursor.execute(query("rework_order"), {"item": item}).fetchone()
        return None if row is None else _order(row)

    def hint(self, repo: str, number: int) -> None:
        self._execute("hint_pull_request", {"repo": repo, "number": number})

    def _put_off(self, name: str, bound: Mapping[str, Any]) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("raise_mark"))
            cursor.execute(query(name), bound)

    def _execute(self, name: str, bound: Mapping[str, Any]) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query(name), bound)


def _tracked(row: Row) -> Tracked:
    return Tracked(
        item=ItemId(row["item"]),
        epoch=row["epoch"],
        repo=row["repo"],
        number=row["number"],
        url=row["url"],
        base_branch=row["base_branch"],
        head=Commit(row["head"]),
        heads=tuple(map(Commit, row["heads"])),
        review=row["review"],
        digest=row["shown_digest"],
        unchanged=row["unchanged"],
        only_watched=row["only_watched"],
    )


def _order(row: Row) -> ReworkOrder:
    kept = row["rework"]
    return ReworkOrder(
        branch=row["branch"],
        head=Commit(kept["head"]),
        heads=tuple(map(Commit, row["heads"])),
        reasons=tuple(kept["reasons"]),
        evidence=kept["evidence"],
        conflicts=kept["conflicts"],
    )
