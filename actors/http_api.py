"""What others may ask of this factory over HTTP: webhooks, which are kept and no more. Who acts on them reads the table."""

import logging

from actors.base import FactoryActor
from factory.ports import Clock, Mailbox
from factory.webhook_ports import WebServer

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two looks whether it still serves."""


class HttpServer(FactoryActor):
    """Owns a server that runs on a thread of its own."""

    tick_every = LOOK_SECONDS

    def __init__(self, *, mailbox: Mailbox, clock: Clock, server: WebServer) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._server = server

    def on_start(self) -> None:
        log.info("webhooks are taken in at %s/webhooks/github", self._server.start())

    def on_tick(self) -> None:
        if not self._server.is_alive():
            raise RuntimeError("the web server has ended")

    def on_stop(self) -> None:
        self._server.stop()
