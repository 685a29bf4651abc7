"""The lock manager: file locks, all of a request or none, for as long as the lease behind them lives."""

from typing import Any

from actors.durable import DurableActor
from factory.domain.locks import BadPath, normalise
from factory.errors import InvalidInput
from factory.ports import Clock, LockStore, Mailbox
from factory.protocol.commands import ReleaseLock, Reply
from factory.protocol.lock_mail import Acquire, LockVerdict, Release, Unparked
from factory.protocol.mailbox import Refused, Stale


class LockManager(DurableActor):
    """The only writer of locks, so two requests cannot deadlock."""

    def __init__(self, *, mailbox: Mailbox, clock: Clock, store: LockStore, sweep_every: float) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store = store
        self.tick_every = sweep_every

    def on_mail(self, mail: Any) -> LockVerdict | Stale | Refused | Reply | None:
        match mail:
            case Acquire():
                return self._acquire(mail)
            case Release():
                self._release(mail)
            case ReleaseLock():
                return self._take_away(mail)
        return None

    def on_tick(self) -> None:
        self._freed(self.durably(self._store.sweep))

    def _acquire(self, mail: Acquire) -> LockVerdict | Stale | Refused:
        try:
            files = normalise(mail.files)
        except BadPath as error:
            return Refused(str(error), "invalid")
        try:
            holders = self.durably(lambda: self._store.acquire(mail.lease, mail.repo, files))
        except InvalidInput as error:  # a worker must not be able to end this process with a name
            return Refused(str(error), "invalid")
        if holders is None:
            return Stale(mail.lease, "the lease is over")
        return LockVerdict(granted=not holders, holders=holders)

    def _release(self, mail: Release) -> None:
        try:
            files = normalise(mail.files)
        except BadPath:
            return  # what cannot be locked is not held
        self._freed(self.durably(lambda: self._store.release(mail.lease, files)))

    def _take_away(self, order: ReleaseLock) -> Reply:
        reply: Reply = self.durably(lambda: self._store.take_away(order))
        if reply.code == "ok":
            self._freed({order.repo})
        return reply

    def _freed(self, repos: set[str]) -> None:
        if repos:
            self.mailbox.tell("queue", Unparked())
