"""The seam to what started this process as a service and watches over it."""

from typing import Protocol


class ServiceManager(Protocol):
    """Told how the factory is. No call waits, and none raises: a manager that is away must not end what it manages."""

    def ready(self) -> None:
        """The factory works."""
        ...

    def alive(self) -> None:
        """The caller's own loop goes round. Only from that loop: a thread beside it would vouch for one that hangs."""
        ...

    def stopping(self) -> None:
        """The factory has begun to stop. May be said more than once."""
        ...
