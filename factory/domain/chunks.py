"""A file that travels in pieces: the receiver asks for what it wants next, the sender keeps nothing in mind. Pure.

Asked for is never more than a window ahead of what has arrived, so a slow disk or line holds the sender back. What is lost on the way
is asked for again after a while, from the first byte that is missing.
"""

from dataclasses import dataclass, replace

CHUNK_BYTES = 256 * 1024
WINDOW_CHUNKS = 16
"""Pieces on their way at once: 4 MiB, more than a fast line holds, and little beside the memory of whoever carries them."""

AGAIN_SECONDS = 2.0
"""After so long without a piece what is missing is asked for again."""

GIVE_UP_SECONDS = 120.0
"""Without a single piece for so long the transfer is given up. What was received is kept, and the next one goes on from there."""


@dataclass(frozen=True, slots=True)
class Pull:
    """The receiver's side. Bytes, and monotonic seconds.

    Attributes:
        size: of the whole file.
        at: how much of it is there, from the beginning.
        asked: up to where it was asked for.
        moved: when the last piece came, or when the transfer began.
    """

    size: int
    at: int
    asked: int
    asked_at: float
    moved: float

    @classmethod
    def begin(cls, size: int, at: int, now: float) -> "Pull":
        return cls(size, at, at, now, now)

    @property
    def is_whole(self) -> bool:
        return self.at >= self.size

    def is_stuck(self, now: float) -> bool:
        return not self.is_whole and now - self.moved >= GIVE_UP_SECONDS

    def due(self, now: float) -> tuple["Pull", tuple[int, int] | None]:
        """What is to be asked for now, as offset and number of pieces; None while nothing is."""
        if self.is_whole:
            return self, None
        since = self.asked if now - max(self.asked_at, self.moved) < AGAIN_SECONDS else self.at
        room = WINDOW_CHUNKS - _chunks(since - self.at)
        left = _chunks(self.size - since)
        # Half a window at a time: one question for eight pieces instead of one for each.
        if not left or room < min(WINDOW_CHUNKS // 2, left):
            return self, None
        count = min(room, left)
        return replace(self, asked=min(since + count * CHUNK_BYTES, self.size), asked_at=now), (since, count)

    def took(self, offset: int, length: int, now: float) -> tuple["Pull", bool]:
        """Whether this piece is the next one. Any other is dropped: it is a repeat, or what comes before it was lost."""
        if offset != self.at or not 0 < length <= min(CHUNK_BYTES, self.size - self.at):
            return self, False
        at = self.at + length
        return replace(self, at=at, asked=max(self.asked, at), moved=now), True


def _chunks(size: int) -> int:
    return -(-size // CHUNK_BYTES)
