"""File locks: granted all or none, in one transaction with the proof that the lease behind them lives."""

from collections.abc import Sequence

import msgspec
from psycopg.types.json import Jsonb

from factory.domain.events import EventType, NewEvent, item_stream, operator_stream
from factory.domain.locks import MAX_HELD, in_the_way
from factory.errors import Contended, InvalidInput
from factory.protocol.commands import ReleaseLock, Reply
from factory.protocol.mailbox import Lease
from factory.storage import events
from factory.storage.database import Cursor, Database
from factory.storage.queries import query
from factory.storage.rows import single


class LockStore:
    """The lock manager's store; delivery reads from it too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, lease: Lease, repo: str, files: Sequence[str]) -> tuple[str, ...] | None:
        """Grants all of the (normalised, sorted) files or none.

        Returns:
            Who is in the way as `file: worker`, empty where granted; None where the lease is over.

        Raises:
            Contended: somebody was granted one of the files at the same moment; asked again, the answer is clear.
            InvalidInput: with these the lease would hold more than `MAX_HELD`.
        """
        key = {"item": lease.item, "epoch": lease.epoch, "repo": repo, "files": list(files), "worker": lease.worker}
        with self._database.transaction() as cursor:
            if cursor.execute(query("lease_is_live"), key).fetchone() is None:
                # Said in the trail, as each refusal of an epoch that is over (invariant I3).
                refused = {"refused": "lock", "by": lease.worker}
                events.append(cursor, [NewEvent(item_stream(lease.item), EventType.STALE_REFUSED, refused)])
                return None
            cursor.execute(query("release_earlier_locks"), key)
            held = {row["file_path"]: row["worker_id"] for row in cursor.execute(query("locks_held"), key).fetchall()}
            holders = in_the_way(files, held, lease.worker)
            if not holders:
                free = sum(file not in held for file in files)
                _check_room(cursor, key, free)
                _grant(cursor, key, free)
            return holders

    def release(self, lease: Lease, files: Sequence[str] = ()) -> set[str]:
        """Gives back the files named, or all of the lease; returns the repositories where something came free."""
        key = {"item": lease.item, "epoch": lease.epoch, "files": list(files) or None}
        with self._database.transaction() as cursor:
            return {row["repo"] for row in cursor.execute(query("release_locks"), key).fetchall()}

    def sweep(self) -> set[str]:
        """Removes what leases that are over left behind (invariant I4)."""
        with self._database.transaction() as cursor:
            return {row["repo"] for row in cursor.execute(query("sweep_locks")).fetchall()}

    def take_away(self, order: ReleaseLock) -> Reply:
        """Carries an operator's word out, once per command id."""
        with self._database.transaction() as cursor:
            known = cursor.execute(query("known_command"), {"id": order.command}).fetchone()
            if known is not None:
                return msgspec.convert(known["reply"], Reply)
            reply = _take_away(cursor, order)
            cursor.execute(query("note_command"), {"id": order.command, "reply": Jsonb(msgspec.to_builtins(reply))})
            return reply

    def held_by_others(self, repo: str, item: str) -> dict[str, str]:
        """File → worker, of all other items."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("locks_of_others"), {"repo": repo, "item": item}).fetchall()
        return {row["file_path"]: row["worker_id"] for row in rows}


def _take_away(cursor: Cursor, order: ReleaseLock) -> Reply:
    key = {"repo": order.repo, "file": order.file}
    row = cursor.execute(query("lock_of_file"), key).fetchone()
    if row is None:
        return Reply("not_found", f"{order.file} of {order.repo} is not locked")
    if row["worker_id"] != order.worker:
        return Reply("conflict", f"{order.file} is locked by {row['worker_id']} now, not by {order.worker}")
    cursor.execute(query("take_lock_away"), key)
    told = {**key, "worker": order.worker, "by": order.operator}
    said = {"verb": "release lock", "item": row["item"], "file": order.file}
    taken = NewEvent(item_stream(row["item"]), EventType.LOCK_TAKEN_AWAY, told, epoch=row["epoch"])
    events.append(cursor, [taken, NewEvent(operator_stream(order.operator), EventType.COMMAND, said)])
    return Reply("ok", data={"repo": order.repo, "file": order.file, "worker": order.worker})


def _check_room(cursor: Cursor, key: dict[str, object], more: int) -> None:
    held = int(single(cursor.execute(query("count_locks"), key))["count"])
    if held + more > MAX_HELD:
        raise InvalidInput(f"An attempt may hold {MAX_HELD:,} files at most: it has {held:,} and asks for {more:,} more.")


def _grant(cursor: Cursor, key: dict[str, object], free: int) -> None:
    """All of the free files, or none where somebody else has come between the look and this: a manager that is being replaced."""
    granted = cursor.execute(query("grant_locks"), key).rowcount
    if granted != free:
        raise Contended("Files were locked by another worker at the same moment.")
