"""Operators who come over the network: what each may say is looked up, then it is answered as if it had been said on this machine."""

import logging
from collections.abc import Callable, Sequence

import msgspec

from factory.domain.operators import Operator, refusal
from factory.protocol.commands import AnyRequest, Query, Reply, Submit
from factory.protocol.feed import Subscribe
from factory.transport.exchange import ReplyTo
from factory.transport.loop import Source
from factory.transport.operator_desk import OperatorDesk

log = logging.getLogger(__name__)

_AT_ONCE = 50
"""Requests of the network in one turn, so that those of this machine do not wait long."""


class OperatorPort:
    """Between the desk and the journal."""

    def __init__(self, desk: OperatorDesk) -> None:
        self._desk = desk
        self._turned_away = 0

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return self._desk.endpoint

    @property
    def push(self) -> Callable[[bytes], None]:
        """Takes each frame of the feed."""
        return self._desk.push

    def sources(self) -> Sequence[Source]:
        return self._desk.pollables()

    def serve(self, answer: Callable[[AnyRequest], Reply], picture: Callable[[], list[bytes]]) -> None:
        """Answers what has come in; `picture` makes a snapshot's frames, once for all who asked."""
        asked: list[ReplyTo] = []
        for reply_to, operator, request in self._desk.drain(_AT_ONCE):
            if isinstance(request, Subscribe):
                asked.append(reply_to)
            else:
                self._desk.reply(reply_to, self._answer(operator, request, answer))
        frames = picture() if asked else []
        for reply_to in asked:
            self._desk.answer(reply_to, *frames)
        self._note_strangers()

    def close(self) -> None:
        self._desk.close()

    def _answer(self, operator: Operator, request: AnyRequest, answer: Callable[[AnyRequest], Reply]) -> Reply:
        if why := refusal(operator, changes=not isinstance(request, Query)):
            log.warning("refused to operator %s: %s", operator.name, type(request).__name__)
            return Reply("refused", why)
        if not isinstance(request, Query):
            log.info("operator %s: %s", operator.name, type(request).__name__)
        return answer(_by(operator, request))

    def _note_strangers(self) -> None:
        if self._desk.turned_away > self._turned_away:
            log.warning("connections with a key that is no operator's: %d so far", self._desk.turned_away)
            self._turned_away = self._desk.turned_away


def _by(operator: Operator, request: AnyRequest) -> AnyRequest:
    """The key says who speaks, whatever the body says."""
    return request if isinstance(request, Query | Submit) else msgspec.structs.replace(request, operator=operator.name)
