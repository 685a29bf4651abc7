"""The seams of webhooks, as Protocols: what takes them in, and what acts on them."""

from collections.abc import Collection, Sequence
from typing import Protocol

from factory.domain.webhook import Hint


class WebhookInbox(Protocol):
    """Where deliveries are kept."""

    def take(self, delivery: str, event: str, hint: Hint | None) -> bool:
        """Keeps it durably; False where it came before. Raises `errors.StoreUnavailable`: GitHub is told so, and the poll finds it."""
        ...


class Webhooks(Protocol):
    """What came and nobody has acted on."""

    def open(self) -> Sequence[tuple[str, Hint]]:
        """Id and hint, oldest first, bounded."""
        ...

    def handled(self, deliveries: Collection[str]) -> None: ...


class WebServer(Protocol):
    """Serves HTTP beside the actor that owns it."""

    def start(self) -> str:
        """Listens, and says where. Raises `errors.Broken` where it cannot."""
        ...

    def is_alive(self) -> bool: ...
    def stop(self) -> None: ...
