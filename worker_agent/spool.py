"""What must reach the factory and has not been acknowledged yet, in the order it was said. Pure."""

import math
from dataclasses import dataclass, replace

from factory.protocol.codec import encode
from factory.protocol.worker import Accept, Done, Event, Fail, Lock, Unlock

SPOOL_BYTES = 64 * 1024 * 1024
"""What an outage may pile up. Beyond it the engine is held: going on would make events that nobody can keep."""

WINDOW = 200
"""Messages under way at once: the credit for events, and a fifth of what the socket takes without blocking."""

Reliable = Accept | Event | Lock | Unlock | Done | Fail


@dataclass(frozen=True, slots=True)
class Pending:
    """A message without its ACK. `sent` is when it last left, None where it has not; `size` in bytes."""

    seq: int
    body: Reliable
    size: int
    sent: float | None = None


@dataclass(frozen=True, slots=True)
class Spool:
    """Sequence numbers go on over all sessions of this process, so a late ACK can never hit another message."""

    pending: tuple[Pending, ...] = ()
    last_seq: int = 0
    size: int = 0

    @property
    def full(self) -> bool:
        return self.size >= SPOOL_BYTES

    def add(self, body: Reliable) -> "Spool":
        """Raises `BadMessage` where the message is larger than the wire takes."""
        entry = Pending(self.last_seq + 1, body, len(encode(body)))
        return Spool((*self.pending, entry), entry.seq, self.size + entry.size)

    def holds(self, kind: type[Reliable]) -> bool:
        return any(isinstance(entry.body, kind) for entry in self.pending)

    def find(self, seq: int) -> Reliable | None:
        return next((entry.body for entry in self.pending if entry.seq == seq), None)

    def without(self, *bodies: Reliable) -> "Spool":
        gone = {id(body) for body in bodies}
        kept = tuple(entry for entry in self.pending if id(entry.body) not in gone)
        return replace(self, pending=kept, size=sum(entry.size for entry in kept))

    def stored_to(self, event: int) -> "Spool":
        """Lets go of the events that the factory says it has."""
        return self.without(*(entry.body for entry in self.pending if isinstance(entry.body, Event) and entry.body.number <= event))

    def unsent(self) -> "Spool":
        """The connection was lost: what had left may not have arrived."""
        return replace(self, pending=tuple(replace(entry, sent=None) for entry in self.pending))

    def due(self, now: float, every: float) -> tuple["Spool", tuple[Pending, ...]]:
        """What leaves now: of the oldest `WINDOW` messages those that have not left within the last `every` seconds.

        With an event all later ones: none of them was kept if it was lost.
        """
        window = self.pending[:WINDOW]
        late = {entry.seq: entry.body for entry in window if entry.sent is None or now - entry.sent >= every}
        lost = next((seq for seq, body in late.items() if isinstance(body, Event)), math.inf)
        leaving = tuple(entry for entry in window if entry.seq in late or (entry.seq > lost and isinstance(entry.body, Event)))
        if not leaving:
            return self, ()
        seqs = {entry.seq for entry in leaving}
        head = tuple(replace(entry, sent=now) if entry.seq in seqs else entry for entry in window)
        return replace(self, pending=head + self.pending[WINDOW:]), leaving

    def next_due(self, every: float) -> float | None:
        """When `due` has something again, None while all is acknowledged."""
        times = [entry.sent + every if entry.sent is not None else 0.0 for entry in self.pending[:WINDOW]]
        return min(times, default=None)
