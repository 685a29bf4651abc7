"""The database server that the factory runs itself, as a node of the tree: it is started first and stopped last."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actors.base import FactoryActor
from factory.errors import FactoryError, StoreUnavailable
from factory.ports import Clock, DatabaseServer, Mailbox
from factory.transport.loop import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Death:
    """Becomes readable when the server's main process is gone."""

    descriptor: int

    def pollable(self) -> int:
        return self.descriptor


class DatabaseKeeper(FactoryActor):
    """Starts the server and its schema, and crashes when the server dies, so that the supervisor starts both again."""

    def __init__(
        self, *, mailbox: Mailbox, clock: Clock, server: DatabaseServer, migrate: Callable[[str], list[str]], heartbeat: float
    ) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._server, self._migrate = server, migrate
        self._death: _Death | None = None
        self.tick_every = heartbeat

    def on_start(self) -> None:
        dsn = self._server.start()
        try:
            for name in self._migrate(dsn):
                log.info("migrated: %s", name)
        except FactoryError:
            # Nobody else would: the server is nobody's child, so that it survives this process.
            self._server.stop()
            raise
        descriptor = self._server.death_fd()
        self._death = None if descriptor is None else _Death(descriptor)

    def sources(self) -> list[Source]:
        return [] if self._death is None else [self._death]

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        raise StoreUnavailable("The database server died.")

    def on_tick(self) -> None:
        """Where no descriptor tells of its death, a look per heartbeat does. The look also keeps the server's log short."""
        if self._server.wait_for_death(0.0):
            raise StoreUnavailable("The database server died.")

    def on_mail(self, mail: Any) -> None:
        """Takes none."""

    def on_stop(self) -> None:
        self._server.stop()
