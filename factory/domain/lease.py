"""Leases: how long a silent holder keeps its work, and when it would be unjust to take it away.

H is the heartbeat interval. A lease lasts 3H and a grace of H comes on top, so a silent worker is lost at 4H and its item queued by 5H.
Deadlines live in the database and are compared with its clock only; this module decides whether *now* is a time at which expiring is fair.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """All in seconds, all multiples of the heartbeat but the last two, which a slow machine or a slow agent may need longer.

    Attributes:
        start_timeout: a worker that has not said HELLO after this long never will; None: 12 heartbeats.
        stalled_after: a worker that beats but gets nowhere is shown as stalled after this long; None: 60 heartbeats.
    """

    heartbeat: float
    start_timeout: float | None = None
    stalled_after: float | None = None

    @property
    def lease(self) -> float:
        return 3 * self.heartbeat

    @property
    def grace(self) -> float:
        return self.heartbeat

    @property
    def boot_grace(self) -> float:
        """Nothing expires this soon after a start or a gap: living workers need it to be heard again."""
        return 3 * self.heartbeat

    @property
    def tick_gap(self) -> float:
        """A tick that comes later than this was held up: host suspended, process stopped, or the store was away."""
        return 2 * self.heartbeat

    @property
    def silence(self) -> float:
        """A worker unheard for this long is lost."""
        return 4 * self.heartbeat

    @property
    def start(self) -> float:
        return self.start_timeout or 12 * self.heartbeat

    @property
    def stalled(self) -> float:
        return self.stalled_after or 60 * self.heartbeat


@dataclass(frozen=True, slots=True)
class ExpiryGuard:
    """Keeps leases from expiring across a start, a suspend or a store outage.

    Attributes:
        last_tick: monotonic seconds.
        quiet_until: monotonic seconds before which nothing may expire.
        last_store: the store's clock at that tick, in seconds; None before the first.
    """

    last_tick: float
    quiet_until: float
    last_store: float | None = None

    def tick(self, now: float, terms: LeaseTerms, store_now: float | None = None) -> "ExpiryGuard":
        """Notes that time was seen to pass; a gap starts a new quiet time.

        Args:
            store_now: the clock that leases are compared with. A jump that only it makes (somebody set it, a virtual machine was
                paused) would otherwise end every lease that has not beaten since. Nobody knows of one before the first look.
        """
        jumped = store_now is not None and (self.last_store is None or abs(store_now - self.last_store) > terms.tick_gap)
        quiet = now + terms.boot_grace if jumped or now - self.last_tick > terms.tick_gap else self.quiet_until
        return ExpiryGuard(now, quiet, store_now)

    def may_expire(self, now: float) -> bool:
        return now >= self.quiet_until


def guard_at_start(now: float, terms: LeaseTerms) -> ExpiryGuard:
    """The guard of a queue that has just started, at monotonic time `now`."""
    return ExpiryGuard(now, now + terms.boot_grace)


@dataclass(frozen=True, slots=True)
class ClockMarks:
    """Times of the store's clock that were written down in the store, and when they were in monotonic seconds of this process.

    A clock that was set back shows by a mark that is ahead of it, also to a process that was not there. What was to happen at a time
    of that clock would otherwise wait for as much longer. That the mark is in the store makes the step known exactly once, whether or
    not a commit that made up for it was answered. Whoever else writes such a time raises the mark to the clock that it was reckoned by:
    one that jumps ahead and back between two looks would show by no other.
    """

    seen: tuple[tuple[float, float], ...] = ()

    def read(self, mark: float, now: float) -> "ClockMarks":
        """The mark that is there; of one that this process did not write nobody knows how old it is."""
        return ClockMarks(((mark, dict(self.seen).get(mark, now)),))

    def wrote(self, mark: float, now: float) -> "ClockMarks":
        """As far as the commit comes to pass: both the old and the new one may be found."""
        return ClockMarks((*self.seen, (mark, now)))

    def is_old(self, now: float, terms: LeaseTerms, store_now: float) -> bool:
        """Whether it is time to write another one, by either clock: the older it is, the less is known to a process that follows."""
        return not self.seen or max(store_now - self.seen[-1][0], now - self.seen[-1][1]) >= terms.tick_gap

    def step(self, now: float, terms: LeaseTerms, store_now: float) -> float:
        """By how many seconds the clock was set back since the mark that was read, as a negative number; 0 where it only ran.

        Of a mark that another process wrote, less by the time that there was none: who is away for a minute may overlook a minute.
        """
        if not self.seen:
            return 0.0
        mark, at = self.seen[-1]
        by = store_now - mark - (now - at)
        # Not ahead of the clock, the mark proves nothing: an answer that took long looks like a step as well.
        return by if by < -terms.tick_gap and store_now < mark else 0.0
