"""The limiter: says how many workers may start now, and keeps that sentence where everyone can read it."""

from dataclasses import replace
from typing import Any

from actors.durable import DurableActor
from factory.domain.limits import DRAINED, Limits, fullness, room
from factory.domain.limits import Room as Verdict
from factory.ports import Clock, Disk, LimitStore, Mailbox
from factory.protocol.commands import Reply, Switch
from factory.protocol.limiter_mail import Capacity, NewSettings, Room, RoomChanged
from factory.protocol.lock_mail import Unparked


class Limiter(DurableActor):
    """Stateless between two questions: usage and pauses are read from the store, so a killed limiter forgets nothing.

    Args:
        disk: of the workers.
        settings: the limits that the operator set, and what became of the last try to change them; the root knows both.
    """

    tick_every = None

    def __init__(self, *, mailbox: Mailbox, clock: Clock, store: LimitStore, disk: Disk, settings: NewSettings) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._disk, self._settings = store, disk, settings
        self._said: dict[str, dict[str, Any]] = {}

    def on_mail(self, mail: Any) -> Room | Reply | None:
        match mail:
            case Capacity():
                return self._room(mail)
            case Switch():
                return self._switch(mail)
            case NewSettings():
                self._settings = mail
                self._publish_settings()
                self.mailbox.tell("dispatcher", RoomChanged())
        return None

    def _room(self, asked: Capacity) -> Room:
        # Not at the start, when the store may be away: what a restarted factory says of its settings replaces what the last one said.
        self._publish_settings()
        limits = self._settings.limits
        here = 0 if asked.elsewhere is None else limits.max_workers
        limits = replace(limits, max_workers=limits.max_workers + (asked.elsewhere or 0))
        answer = DRAINED if asked.drains else self._room_within(limits, asked)
        said = {"open": answer.free, "reason": answer.reason, "active": asked.active, "max_workers": limits.max_workers}
        if asked.labels:
            said |= {"labels": asked.labels, "offered": asked.offered, **({"barred": asked.barred} if asked.barred else {})}
        if asked.reconnecting:
            said["reconnecting"] = True
        self._publish("dispatch", said)
        return Room(answer.free, answer.reason, answer.retry_in, here)

    def _room_within(self, limits: Limits, asked: Capacity) -> Verdict:
        full = fullness(*self._disk.space(), limits.min_free_disk)
        return room(limits, self.durably(self._store.usage), asked.active, asked.away, full=full, barred=asked.barred)

    def _switch(self, order: Switch) -> Reply:
        done = self.durably(lambda: self._store.switch(order))
        # The queue may hold credit from before; the dispatcher takes it back as soon as it has asked again.
        self.mailbox.tell("dispatcher", RoomChanged())
        if done["lifted"]:
            self.mailbox.tell("queue", Unparked())
        return Reply("ok", data=done)

    def _publish_settings(self) -> None:
        self._publish("settings", {"problem": self._settings.problem, "restart": list(self._settings.restart)})

    def _publish(self, name: str, value: dict[str, Any]) -> None:
        if self._said.get(name) != value:
            self.durably(lambda: self._store.write(name, value))
            self._said[name] = value
