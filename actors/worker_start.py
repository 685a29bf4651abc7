"""A worker's being made, beside its actor's turns: an engine that is busy takes longer for a container than a lease lasts."""

from functools import partial

from actors.background import Background
from factory.worker_ports import WorkerHost, WorkerOrder

KEY = "start"
"""Under which the host's answer comes back."""
LIMIT = 24
"""Heartbeats. Hosts bound what they ask by themselves, so this is for one that does not: its lease must not be held for ever."""
_STOP_SECONDS = 5.0
"""A busy engine's for one container. What is made later is left to the next sweep."""


class WorkerStart:
    """Of one worker. Times are monotonic seconds."""

    def __init__(self, host: WorkerHost, background: Background, heartbeat: float) -> None:
        self._host, self._background, self._limit = host, background, LIMIT * heartbeat
        self._until = 0.0
        self.under_way = False

    def begin(self, order: WorkerOrder, now: float) -> bool:
        """Has the worker made. False where that cannot be begun now."""
        self.under_way = self._background.submit(KEY, partial(self._host.start, order))
        self._until = now + self._limit
        return self.under_way

    def ended(self) -> None:
        """The host has answered."""
        self.under_way = False

    def overdue(self, now: float) -> bool:
        """Whether it is still under way and nothing is to be expected of it any more."""
        return self.under_way and now >= self._until

    @property
    def patience(self) -> float:
        """Seconds for which an actor that stops waits for its errands."""
        return _STOP_SECONDS if self.under_way else 1.0

    def sentence(self) -> str:
        return f"it was not made within {self._limit:.0f} s"
