"""What the queue knows of clocks: whether leases may run out now, and whether the store's clock was set back."""

import logging

from factory.domain.lease import ClockMarks, LeaseTerms, guard_at_start
from factory.ports import Clock
from factory.queue_ports import QueueRound

log = logging.getLogger(__name__)


class QueueClocks:
    """Looked at within rounds. Monotonic seconds of this process beside the seconds of the store."""

    def __init__(self, clock: Clock, terms: LeaseTerms) -> None:
        self._clock, self._terms = clock, terms
        self._guard, self._marks = guard_at_start(clock.monotonic(), terms), ClockMarks()
        self._last_ahead = 0.0

    def was_set(self) -> bool:
        """Whether this host's clock was set since the last look, which often is the store's too."""
        return abs(self._ahead() - self._last_ahead) > self._terms.tick_gap

    def may_expire(self, now: float) -> bool:
        return self._guard.may_expire(now)

    def look(self, round_: QueueRound) -> float:
        """The monotonic time. A clock of the store that was set back is made up for.

        One that was set forward only lets items start early. Moving those along would also move what was submitted since.
        """
        self._last_ahead = self._ahead()
        asked, store_now, now = self._clock.monotonic(), round_.now(), self._clock.monotonic()
        if now - asked > self._terms.tick_gap / 2:
            # The answer took so long that nobody knows which moment it tells of.
            self._guard = self._guard.tick(now, self._terms)
            return now
        self._guard = self._guard.tick(now, self._terms, store_now)
        self._make_up(round_, now, store_now)
        return now

    def _ahead(self) -> float:
        return self._clock.now() - self._clock.monotonic()

    def _make_up(self, round_: QueueRound, now: float, store_now: float) -> None:
        marked = round_.marked()
        self._marks = self._marks.read(marked, now) if marked is not None else ClockMarks()
        step = self._marks.step(now, self._terms, store_now)
        if step < 0:
            log.warning("the database's clock was set back by %.1f s: what waits for a time of it is moved along", -step)
            round_.shift(step)
        if step < 0 or self._marks.is_old(now, self._terms, store_now):
            round_.mark(store_now)
            self._marks = self._marks.wrote(store_now, now)
