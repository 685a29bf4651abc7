"""What observers are shown: rows as plain, JSON-ready dictionaries. Reads only."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from factory.domain.dispatch import Waiting, why_it_waits
from factory.domain.work_item import Priority
from factory.storage.database import Cursor, Database
from factory.storage.queries import query
from factory.storage.rows import single

MOST = 1_000
"""Rows in one view: what fits into a frame of the wire."""

MOST_GATES = 60
"""With the ends of their outputs."""


class Views:
    """The journal's store for everything but events.

    Args:
        quiet_after: seconds for which nothing was written by a queue that works, and then some.
    """

    def __init__(self, database: Database, quiet_after: float = 60.0) -> None:
        self._database, self._quiet_after = database, quiet_after

    def items(self, ids: Sequence[str] | None = None, *, only_open: bool = False, limit: int = MOST) -> list[dict[str, Any]]:
        """Open items in order of rank, then those that have ended, the latest first. Each with why it waits."""
        bound = {"ids": None if ids is None else list(ids), "open": only_open, "limit": limit}
        with self._database.transaction() as cursor:
            dispatch = self._limits(cursor).get("dispatch", {})
            rows = cursor.execute(query("items_view"), bound).fetchall()
        return [_item(row, dispatch) for row in rows]

    def texts(self, item: str) -> dict[str, Any]:
        """Spec and evidence of an item."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("item_texts"), {"id": item}).fetchone() or {}

    def find(self, prefix: str) -> list[str]:
        """At most two items whose id begins so."""
        with self._database.transaction() as cursor:
            return [row["id"] for row in cursor.execute(query("find_items"), {"prefix": prefix}).fetchall()]

    def workers(self, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Living workers, or these."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("workers_view"), {"ids": None if ids is None else list(ids), "limit": MOST}).fetchall()

    def attempts(self, item: str) -> list[dict[str, Any]]:
        with self._database.transaction() as cursor:
            return cursor.execute(query("attempts_view"), {"item": item}).fetchall()

    def gates(self, item: str) -> list[dict[str, Any]]:
        """How the gates went in the verifications of an item, the latest last."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("gates_view"), {"item": item, "limit": MOST_GATES}).fetchall()

    def result(self, item: str, epoch: int = 0) -> dict[str, Any]:
        """The result of an attempt, 0 for the latest that has one; empty where there is none."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("result_view"), {"item": item, "epoch": epoch}).fetchone() or {}

    def pull_requests(self, item: str | None = None) -> list[dict[str, Any]]:
        with self._database.transaction() as cursor:
            return cursor.execute(query("pull_requests_view"), {"item": item, "limit": MOST}).fetchall()

    def hosts(self) -> list[dict[str, Any]]:
        """Machines of remote workers, also those that were taken back."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("list_hosts")).fetchall()

    def locks(self) -> list[dict[str, Any]]:
        with self._database.transaction() as cursor:
            return cursor.execute(query("all_locks"), {"limit": MOST}).fetchall()

    def outbox(self) -> list[dict[str, Any]]:
        """Results on their way to a pull request, and what is in their way."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("outbox_view"), {"limit": MOST}).fetchall()

    def limits(self) -> dict[str, Any]:
        with self._database.transaction() as cursor:
            return self._limits(cursor)

    def learnings(self, repo: str, limit: int = MOST) -> list[dict[str, Any]]:
        """The newest first; of one repository, or of all where it is empty."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("learnings_view"), {"repos": [repo] if repo else None, "limit": limit}).fetchall()

    def learning_repos(self, repo: str) -> list[str]:
        """Repositories with learnings whose address is this or ends so."""
        with self._database.transaction() as cursor:
            return [row["repo"] for row in cursor.execute(query("learning_repos"), {"repo": repo, "limit": MOST}).fetchall()]

    def metrics(self) -> list[dict[str, Any]]:
        """What attempts took, by repository; the first row, whose `repo` is None, is of all."""
        with self._database.transaction() as cursor:
            return cursor.execute(query("metrics_view"), {"limit": MOST}).fetchall()

    def summary(self) -> dict[str, Any]:
        """Counts by status, publications under way, and what the limits say."""
        with self._database.transaction() as cursor:
            counts = {row["status"]: row["n"] for row in cursor.execute(query("counts_view")).fetchall()}
            outbox = cursor.execute(query("outbox_view"), {"limit": MOST}).fetchall()
            return {"counts": counts, "outbox": outbox, "limits": self._limits(cursor)}

    def _limits(self, cursor: Cursor) -> dict[str, Any]:
        """What a limit said last, it said when it could be written; that nothing can be is seen here and nowhere else."""
        values = {row["name"]: row["value"] for row in cursor.execute(query("read_limits")).fetchall()}
        if trouble := self._no_writes(cursor):
            values["dispatch"] = {**values.get("dispatch", {}), "open": 0, "reason": trouble}
        return values

    def _no_writes(self, cursor: Cursor) -> str:
        row = single(cursor.execute(query("store_writes")))
        if row["read_only"]:
            return "the database takes no writes: it is read-only, or a standby"
        if row["quiet"] <= self._quiet_after:
            return ""
        # A time and not how long it is: observers are told of each change.
        since = f"{row['since'].astimezone(UTC):%H:%M:%S} UTC"
        return f"nothing was written to the database since {since}: its disk is full, or the queue stands still"


def _item(row: dict[str, Any], dispatch: Mapping[str, object]) -> dict[str, Any]:
    tries, error = row.pop("tries"), row.pop("last_error")
    waiting = Waiting(row["status"], row["ahead"], row["due_in"], row["condition"], row["reason"], row["held"], tries, error, row["needs"])
    return {**row, "priority_name": Priority(row["priority"]).name.lower(), "why": why_it_waits(waiting, dispatch)}
