"""The limiter: says how many workers may start now, and keeps that sentence where everyone can read it."""

from typing import Any

from actors.base import FactoryActor
from actors.durable import durably
from factory.domain.limits import Limits, room
from factory.ports import Clock, LimitStore, Mailbox
from factory.protocol.mailbox import Capacity, Room


class Limiter(FactoryActor):
    """Stateless between two questions: usage is read from the audit trail, so a killed limiter forgets nothing."""

    tick_every = None

    def __init__(self, *, mailbox: Mailbox, clock: Clock, store: LimitStore, limits: Limits) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._limits = store, limits
        self._said: dict[str, Any] | None = None

    def on_mail(self, mail: Any) -> Room | None:
        if not isinstance(mail, Capacity):
            return None
        answer = room(self._limits, durably(self._store.usage, what="the limiter"), mail.active)
        self._publish({"open": answer.free, "reason": answer.reason, "active": mail.active, "max_workers": self._limits.max_workers})
        return Room(answer.free, answer.reason, answer.retry_in)

    def _publish(self, verdict: dict[str, Any]) -> None:
        if verdict != self._said:
            durably(lambda: self._store.write("dispatch", verdict), what="the limiter")
            self._said = verdict
