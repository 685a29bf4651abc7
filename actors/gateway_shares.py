"""How much each of those who speak to the gateway may send. What is more is dropped there, and costs nobody else.

A host sends large files, and as fast as it can; but only what it was asked for. So the asks are its measure, and whoever asks has room.
"""

from dataclasses import dataclass

from factory.domain.chunks import CHUNK_BYTES, CREDIT_CHUNKS
from factory.domain.token_bucket import TokenBucket
from factory.protocol.worker import Envelope, Log, Pong

BURST, PER_SECOND = 500, 100.0
"""Messages of one worker but for its log. An agent's whole window of 200 after an outage, twice, passes at once; at work it says
a few a second."""

_LOG_GRANTED = Pong("continue", 0.0).log_credit
_LOG_BURST = 3 * _LOG_GRANTED
"""Bytes of log: a grant a heartbeat. What was left of the last one may come together with the next, and a first credit before both."""

_LEAST_LOG = 64
"""Bytes that a piece of log counts for at least: an empty one costs as much work."""

HOST_BURST, HOST_PER_SECOND = 2_000, 500.0
"""Messages of one host but for the pieces that it was asked for: a beat comes once a heartbeat, and when one of its workers changes."""

HOST_BURST_BYTES, HOST_BYTES_PER_SECOND = 16 * 1024 * 1024, 4 * 1024 * 1024
"""Bytes of the same: what the actor of hosts has not taken yet lies in memory."""

PIECE_BYTES = CHUNK_BYTES + 1024
"""Of a piece with what is around it."""

MOST_GRANTED = 2 * CREDIT_CHUNKS * PIECE_BYTES
"""Bytes of pieces that a host may still send. All that can be on its way, twice: what was lost is asked for again."""

LEAST_PIECE = 64 * 1024
"""Bytes from which a message is taken for a piece, and what a shorter one that is one costs at least. Beats and answers are shorter."""


@dataclass(slots=True)
class WorkerShare:
    """What one worker may still send now."""

    messages: TokenBucket
    log_bytes: TokenBucket

    @classmethod
    def full(cls, heartbeat: float, now: float) -> "WorkerShare":
        """`heartbeat` in seconds."""
        return cls(TokenBucket.full(BURST, PER_SECOND, now), TokenBucket.full(_LOG_BURST, _LOG_GRANTED / heartbeat, now))

    def takes(self, envelope: Envelope | None, now: float) -> bool:
        body = envelope.body if envelope else None
        if isinstance(body, Log):
            self.log_bytes, taken = self.log_bytes.take(now, max(len(body.data), _LEAST_LOG))
        else:
            self.messages, taken = self.messages.take(now)
        return taken


@dataclass(slots=True)
class HostShare:
    """What one host may still send now.

    Attributes:
        granted: bytes of pieces that it was asked for and has not sent.
    """

    messages: TokenBucket
    content: TokenBucket
    granted: int = 0

    @classmethod
    def full(cls, now: float) -> "HostShare":
        return cls(TokenBucket.full(HOST_BURST, HOST_PER_SECOND, now), TokenBucket.full(HOST_BURST_BYTES, HOST_BYTES_PER_SECOND, now))

    def grant(self, pieces: int) -> None:
        """It was asked for so many."""
        self.granted = min(self.granted + pieces * PIECE_BYTES, MOST_GRANTED)

    def takes(self, size: int, now: float) -> bool:
        if size >= LEAST_PIECE and self._spends(size):
            return True
        self.messages, taken = self.messages.take(now)
        if taken:
            self.content, taken = self.content.take(now, size)
        # Many small files that were asked for at once may be more than anything else that a host says.
        return taken or self._spends(size)

    def _spends(self, size: int) -> bool:
        spent = max(size, LEAST_PIECE)
        granted = spent <= self.granted
        if granted:
            self.granted -= spent
        return granted
