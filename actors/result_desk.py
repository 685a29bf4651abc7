"""A worker's result on its way into delivery's spool, and out of it again where nobody takes it."""

import logging

from actors.worker_orders import WorkerTerms, spool_name, take_result
from factory.domain.ids import Epoch, ItemId
from factory.errors import HostUnavailable
from factory.ports import WorkerHost
from factory.protocol.mailbox import Finish, Lease
from factory.protocol.worker import Done

log = logging.getLogger(__name__)

_COLLECT_TRIES = 12
"""Repeats of an agent's last word, a heartbeat apart, in which a full disk may get room again. Waiting costs less than the attempt."""


class ResultDesk:
    """Takes one lease's result."""

    def __init__(self, host: WorkerHost, lease: Lease, terms: WorkerTerms) -> None:
        self._host, self._lease, self._terms = host, lease, terms
        self._failures = 0

    def take(self, seq: int, done: Done, base_commit: str) -> Finish | None:
        """The queue's mail for it; None where it cannot be taken now and the agent is to say it again."""
        try:
            return take_result(self._host, self._lease, seq, done, base_commit, terms=self._terms)
        except HostUnavailable as error:
            self._failures += 1
            log.warning("worker %s has a result that cannot be taken now: %s", self._lease.worker, error)
            if self._failures < _COLLECT_TRIES:
                return None
            return Finish(self._lease, seq, "infra", f"the result could not be stored: {error}")

    def drop(self) -> None:
        """The queue does not want it: nobody will ever ask for what lies in the spool."""
        name = spool_name(ItemId(self._lease.item), Epoch(self._lease.epoch))
        (self._terms.results / name).unlink(missing_ok=True)
