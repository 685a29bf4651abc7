"""Learnings: taken from results once, active while their result stands published, found by an exact search."""

from collections.abc import Sequence

from factory.domain.events import EventType, NewEvent, item_stream
from factory.learning_ports import HandedIn, Taking
from factory.protocol.learner_mail import FoundLearning
from factory.protocol.mail import Lease
from factory.storage import events
from factory.storage.database import Cursor, Database, Row
from factory.storage.queries import query

_REASONS = 5
"""Refusals that the trail tells of; an attempt that has more has one reason for all of them."""


class Learnings:
    """The adapter of `learning_ports.LearningStore`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsettled(self, limit: int) -> list[str]:
        with self._database.transaction() as cursor:
            return [row["item"] for row in cursor.execute(query("unsettled_learnings"), {"limit": limit}).fetchall()]

    def handed_in(self, items: Sequence[str]) -> list[HandedIn]:
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("untaken_results"), {"items": list(items)}).fetchall()
        return [HandedIn(Lease(row["item"], row["epoch"]), row["repo"], tuple(map(str, row["lines"]))) for row in rows]

    def take(self, taking: Taking) -> bool:
        lease = taking.source.lease
        bound = {"item": lease.item, "epoch": lease.epoch, "kept": len(taking.kept), "refused": len(taking.refused)}
        with self._database.transaction() as cursor:
            if cursor.execute(query("take_learnings"), bound).fetchone() is None:
                return False
            for content, vector in taking.kept:
                row = {"repo": taking.source.repo, "content": content, "vector": _text(vector), "model": taking.model}
                cursor.execute(query("insert_learning"), {**row, "worker": lease.worker, "item": lease.item})
            _tell(cursor, taking)
        return True

    def settle(self, items: Sequence[str]) -> int:
        with self._database.transaction() as cursor:
            return cursor.execute(query("settle_learnings"), {"items": list(items)}).rowcount

    def has_active(self, repo: str, model: str) -> bool:
        with self._database.transaction() as cursor:
            return cursor.execute(query("any_active_learning"), {"repo": repo, "model": model}).fetchone() is not None

    def nearest(self, repo: str, vector: Sequence[float], model: str, count: int) -> list[FoundLearning]:
        name = "nearest_learnings" if repo else "nearest_learnings_anywhere"
        bound = {"repo": repo, "vector": _text(vector), "model": model, "limit": count}
        with self._database.transaction() as cursor:
            return [_found(row) for row in cursor.execute(query(name), bound).fetchall()]

    def used(self, numbers: Sequence[int]) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("note_learnings_used"), {"ids": list(numbers)})

    def of_another_model(self, model: str, after: int, limit: int) -> list[tuple[int, str]]:
        bound = {"model": model, "after": after, "limit": limit}
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("learnings_of_another_model"), bound).fetchall()
        return [(row["id"], row["content"]) for row in rows]

    def embed(self, model: str, vectors: Sequence[tuple[int, Sequence[float]]]) -> None:
        with self._database.transaction() as cursor:
            for number, vector in vectors:
                cursor.execute(query("embed_learning"), {"id": number, "vector": _text(vector), "model": model})


def _tell(cursor: Cursor, taking: Taking) -> None:
    """A line that was refused must not vanish without a word; what it held must."""
    if taking.kept or taking.refused:
        reasons = [f"line {refusal.line}: {refusal.reason}" for refusal in taking.refused[:_REASONS]]
        data = {"kept": len(taking.kept), "refused": len(taking.refused), "reasons": reasons, "model": taking.model}
        lease = taking.source.lease
        events.append(cursor, [NewEvent(item_stream(lease.item), EventType.LEARNINGS_TAKEN, data, epoch=lease.epoch)])


def _found(row: Row) -> FoundLearning:
    return FoundLearning(**row)


def _text(vector: Sequence[float]) -> str:
    """As the database reads vectors."""
    return f"[{','.join(map(repr, vector))}]"
