"""What a worker uses of its machine, for people to see: read beside its actor's turns, and of no consequence where it cannot be read."""

import logging
from functools import partial

from actors.background import Background
from factory.domain.meter import Counts, Figures, between
from factory.worker_ports import Meter

log = logging.getLogger(__name__)

KEY = "counts"
"""Under which readings come back."""
EVERY = 2
"""Heartbeats between two readings: of the same order as anybody looks, and milliseconds of the engine's time for each."""


class WorkerMeter:
    """Of one worker. Does nothing where nobody counts (`meter` is None). Times are monotonic seconds."""

    def __init__(self, meter: Meter | None, worker: str, background: Background, heartbeat: float) -> None:
        self._meter, self._worker, self._background, self._every = meter, worker, background, EVERY * heartbeat
        self._due = 0.0
        self._under_way = False
        self._before: Counts | None = None
        self._unread = ""
        self.figures: Figures | None = None
        """None until two readings were made, and while none can be."""

    def look(self, now: float) -> None:
        """Has a reading made where one is due. One that hangs is waited for, by nobody."""
        if self._meter is None or self._under_way or now < self._due:
            return
        self._due = now + self._every
        self._under_way = self._background.submit(KEY, partial(self._meter.counts, self._worker))

    def taken(self, read: Counts | Exception | None) -> None:
        """A reading has come to its end, whatever that was."""
        self._under_way = False
        counts = None if isinstance(read, Exception) else read
        if counts is not None and counts == self._before:
            return  # of another machine, which has made none since
        self.figures, self._before = between(self._before, counts), counts
        self._note(str(read) if isinstance(read, Exception) else "")

    def _note(self, why: str) -> None:
        if why and why != self._unread:
            log.info("what worker %s uses is not known now: %s", self._worker, why)
        self._unread = why
