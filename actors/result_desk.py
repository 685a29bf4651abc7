"""A worker's result on its way into delivery's spool, and out of it again where nobody takes it.

A large one on a slow disk takes longer than a lease, so it is copied beside the actor's turns, which go on keeping the lease.
"""

import logging
from functools import partial

from actors.background import Background
from actors.worker_orders import WorkerTerms, setback, spool_name, take_result
from factory.domain.ids import Epoch, ItemId
from factory.protocol.attempt_mail import Finish
from factory.protocol.mailbox import Lease
from factory.protocol.worker import Done
from factory.worker_ports import WorkerHost

log = logging.getLogger(__name__)

KEY = "result"
"""Under which a copy comes back."""
_COLLECT_TRIES = 12
"""Repeats of an agent's last word, a heartbeat apart, in which a full disk may get room again. Waiting costs less than the attempt."""
_COPY_LIMIT = 120
"""Heartbeats that a copy may take: as long as a mirror may. A disk that hangs must not hold a place for ever."""


class ResultDesk:
    """Takes one lease's result. Times are monotonic seconds."""

    def __init__(self, host: WorkerHost, lease: Lease, terms: WorkerTerms, background: Background) -> None:
        self._host, self._lease, self._terms, self._background = host, lease, terms, background
        self._failures = 0
        self._seq = 0
        self._until = 0.0
        self.copying: Done | None = None
        """The result whose copy is under way, which needs nothing of the agent any more."""

    def take(self, seq: int, done: Done, base_commit: str, now: float) -> None:
        """Begins the copy. What is announced while one is under way is not looked at: the agent says it again."""
        job = partial(take_result, self._host, self._lease, seq, done, base_commit, terms=self._terms)
        if self.copying is None and self._background.submit(KEY, job):
            self.copying, self._seq, self._until = done, seq, now + _COPY_LIMIT * self._terms.lease.heartbeat

    def taken(self, result: Finish | Exception) -> Finish | None:
        """The queue's mail now that the copy has ended; None where it could not be made now and the agent is to announce it again."""
        self.copying = None
        return self._failed(result) if isinstance(result, Exception) else result

    def overdue(self, now: float) -> Finish | None:
        """The queue's mail for a copy that does not come to an end."""
        if self.copying is None or now < self._until:
            return None
        seconds = _COPY_LIMIT * self._terms.lease.heartbeat
        return Finish(self._lease, self._seq, "infra", f"the result could not be stored within {seconds:.0f} s")

    def _failed(self, error: Exception) -> Finish | None:
        self._failures += 1
        log.warning("worker %s has a result that cannot be taken now: %s", self._lease.worker, error)
        if self._failures < _COLLECT_TRIES:
            return None
        return setback(self._lease, self._seq, f"the result could not be stored: {error}", error)

    def drop(self) -> None:
        """The queue does not want it: nobody will ever ask for what lies in the spool."""
        name = spool_name(ItemId(self._lease.item), Epoch(self._lease.epoch))
        (self._terms.results / name).unlink(missing_ok=True)
