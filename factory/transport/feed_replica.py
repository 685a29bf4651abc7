"""How an observer stays equal to the feed, without sockets: what to hand on, what to drop, when to ask for a snapshot.

    LOST   no state that deltas could be applied to: they are kept, a snapshot is wanted
    LIVE   everything up to `seq` of `boot` was handed on

A gap, another boot, a beat that is ahead, or silence turns LIVE into LOST; a snapshot turns LOST into LIVE.
"""

from collections import deque

from factory.protocol.feed import Delta, Snapshot

MAX_KEPT = 10_000
"""Deltas kept while a snapshot is under way. The oldest go first: if one was needed, the gap shows."""

SILENT_HEARTBEATS = 3
"""The feed beats each H; as many beats missing as a lease has."""


class Replica:
    """The rules of RELIABILITY 5.8 for one observer. `now` is seconds of any clock that never steps.

    Attributes:
        live: whether what was handed on is the feed's state as far as one can know.
    """

    def __init__(self, heartbeat: float, now: float) -> None:
        self._heartbeat = heartbeat
        self._boot = ""
        self._seq = 0
        self._kept: deque[Delta] = deque(maxlen=MAX_KEPT)
        self._heard_at = now
        self._asked_at: float | None = None
        self.live = False

    def paced(self, heartbeat: float) -> None:
        """The factory's own H, which an observer elsewhere need not have known."""
        self._heartbeat = heartbeat

    def wants_snapshot(self, now: float) -> bool:
        """Whether to ask now: at most once per H, however often the state is lost."""
        if now - self._heard_at > SILENT_HEARTBEATS * self._heartbeat:
            self._lose()
        return not self.live and self.asks_in(now) <= 0

    def asks_in(self, now: float) -> float:
        """Seconds until the next question is allowed, or until silence has lasted too long."""
        if self.live:
            return self._heard_at + SILENT_HEARTBEATS * self._heartbeat - now
        return 0 if self._asked_at is None else self._asked_at + self._heartbeat - now

    def asked(self, now: float) -> None:
        self._asked_at = now

    def take_delta(self, delta: Delta, now: float) -> list[Delta]:
        """What is to be applied now that this came in: the delta, or nothing."""
        self._heard_at = now
        if self.live and self._fits(delta):
            return self._apply(delta)
        self._lose()
        if delta.kind != "beat":
            self._kept.append(delta)
        return []

    def take_snapshot(self, snapshot: Snapshot, now: float) -> list[Snapshot | Delta]:
        """The snapshot and the kept deltas that follow on it. A snapshot that comes late is dropped."""
        self._heard_at = now
        if self.live:
            return []
        self._boot, self._seq, self.live = snapshot.boot, snapshot.seq, True
        kept, self._kept = self._kept, deque(maxlen=MAX_KEPT)
        handed: list[Snapshot | Delta] = [snapshot]
        for delta in kept:
            # Those of another boot are of a feed that has ended; if it is the snapshot that is the old one,
            # the next beat says so.
            if delta.boot == self._boot:
                handed += self.take_delta(delta, now)
        return handed

    def _fits(self, delta: Delta) -> bool:
        # A beat repeats the last number, so it may be the next one even less than a repeated delta may.
        newest = self._seq if delta.kind == "beat" else self._seq + 1
        return delta.boot == self._boot and delta.seq <= newest

    def _apply(self, delta: Delta) -> list[Delta]:
        if delta.seq <= self._seq:
            return []
        self._seq = delta.seq
        return [delta]

    def _lose(self) -> None:
        self.live = False
