"""The way out: lets workers without a network reach the model and the hosts of a list, and tells their actors what becomes of it.

It keeps nothing over a restart: who may go out, and what it has spent, is said again with each beat of the worker's actor.
"""

import logging
from typing import Any

from actors.base import FactoryActor
from actors.egress_elsewhere import Elsewhere, OutTerms, is_elsewhere
from factory.domain.budget import Caps, Spend
from factory.egress_ports import Grant, Outlay, WayOutServer
from factory.ports import Clock, Mailbox
from factory.protocol.egress_mail import LetOut, ShutOut, TermsWanted, WentOut
from factory.transport.loop import Source

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Egress(FactoryActor):
    """Owns a server that runs on a thread of its own, and is a source of its news.

    Args:
        terms: by which workers of other machines are let out there.
    """

    tick_every = LOOK_SECONDS

    def __init__(self, *, mailbox: Mailbox, clock: Clock, server: WayOutServer, terms: OutTerms = OutTerms()) -> None:  # noqa: B008 - frozen
        super().__init__(mailbox=mailbox, clock=clock)
        self._server = server
        self._let_out: dict[str, tuple[LetOut, float]] = {}
        self._untold: dict[str, Outlay] = {}
        self._elsewhere = Elsewhere(mailbox, clock, terms)

    def on_start(self) -> None:
        log.info("workers are let out at %s", self._server.start())

    def on_mail(self, mail: Any) -> None:
        match mail:
            case LetOut() if is_elsewhere(mail):
                self._elsewhere.let_out(mail)
            case TermsWanted():
                self._elsewhere.wanted(mail)
            case LetOut():
                self._let_out[mail.worker] = mail, self.clock.monotonic() + mail.seconds
                spent = Spend(mail.tokens, mail.micros, mail.calls)
                self._server.grant(Grant(mail.worker, mail.model, Caps(mail.token_cap, mail.micros_cap), spent, mail.seconds))
            case ShutOut(worker) if worker in self._let_out:
                self._server.revoke(worker)
                self._take_news()
                self._let_out.pop(worker, None)
            case ShutOut(worker):
                self._elsewhere.shut_out(worker)

    def sources(self) -> list[Source]:
        return [self._server]

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        self._take_news()

    def on_tick(self) -> None:
        if not self._server.is_alive():
            raise RuntimeError("the server of the way out has ended")
        self._take_news()
        now = self.clock.monotonic()
        # The server lets nobody out on a word that has run out; here it is only forgotten.
        self._let_out = {worker: said for worker, said in self._let_out.items() if said[1] > now}
        self._elsewhere.forget_old()
        self._elsewhere.tell_complaints()

    def on_stop(self) -> None:
        self._server.stop()

    def _take_news(self) -> None:
        self._untold |= {outlay.worker: outlay for outlay in self._server.news()}
        # An actor that does not take it now, or is being started anew, is told on the next tick.
        self._untold = {worker: outlay for worker, outlay in self._untold.items() if not self._tell(outlay)}

    def _tell(self, outlay: Outlay) -> bool:
        said = self._let_out.get(outlay.worker)
        if said is None or not said[0].reports_to:
            return True
        spent = outlay.spent
        news = WentOut(said[0].lease, spent.tokens, spent.micros, spent.calls, outlay.blocked, outlay.over, outlay.refused)
        return self.mailbox.tell(said[0].reports_to, news)
