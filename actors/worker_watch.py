"""How a worker is, asked of its host beside its actor's turns: an engine that hangs must not keep the actor from its agent."""

import logging
from functools import partial

from actors.background import Background
from factory.errors import HostUnavailable
from factory.worker_ports import Observed, WorkerHost

log = logging.getLogger(__name__)

KEY = "seen"
"""Under which the host's answer comes back."""


class WorkerWatch:
    """Of one worker."""

    def __init__(self, host: WorkerHost, worker: str, background: Background) -> None:
        self._host, self._worker, self._background = host, worker, background
        self._under_way = False
        self._unseen = ""

    def look(self) -> None:
        """Has the host asked. One that does not answer is waited for, by nobody."""
        if not self._under_way:
            self._under_way = self._background.submit(KEY, partial(self._host.poll, self._worker))

    def taken(self, seen: Observed | Exception) -> Observed | None:
        """The host has answered; None where it cannot be asked now, which says nothing about its workers. Raises any other error."""
        self._under_way = False
        if isinstance(seen, Exception):
            self._not_seen(seen)
            return None
        self._unseen = ""
        return seen

    def now(self) -> Observed | None:
        """The same at once, for who can do nothing before it is known."""
        try:
            return self.taken(self._host.poll(self._worker))
        except HostUnavailable as error:
            return self.taken(error)

    def _not_seen(self, error: Exception) -> None:
        if not isinstance(error, HostUnavailable):
            raise error
        if str(error) != self._unseen:
            log.warning("worker %s cannot be looked at now: %s", self._worker, error)
        self._unseen = str(error)
