"""What GitHub told by itself, as far as it was not looked at yet."""

from collections.abc import Collection, Sequence

from factory.domain.webhook import Hint
from factory.storage.database import Database
from factory.storage.queries import query

MOST = 500
"""Looked at in one go."""


class WebhookStore:
    """The adapter of `webhook_ports.WebhookInbox` and `webhook_ports.Webhooks`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, delivery: str, event: str, hint: Hint | None) -> bool:
        bound = {
            "id": delivery, "event": event[:64], "action": hint.action if hint else "", "repo": hint.repo if hint else "",
            "number": hint.number if hint else None,
        }  # fmt: skip
        with self._database.transaction() as cursor:
            return cursor.execute(query("take_webhook"), bound).fetchone() is not None

    def open(self) -> Sequence[tuple[str, Hint]]:
        with self._database.transaction() as cursor:
            rows = cursor.execute(query("open_webhooks"), {"count": MOST}).fetchall()
        return [(row["id"], Hint(row["event"], row["action"], row["repo"], row["number"])) for row in rows]

    def handled(self, deliveries: Collection[str]) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("handle_webhooks"), {"ids": list(deliveries)})
            cursor.execute(query("forget_webhooks"))
