"""A file that travels in pieces: the receiver asks for what it wants next, the sender keeps nothing in mind. Pure.

Asked for is never more than a window ahead of what has arrived, so a slow disk or line holds the sender back. What is lost on the way
is asked for again after a while, from the first byte that is missing.
"""

from dataclasses import dataclass, replace

CHUNK_BYTES = 256 * 1024
MOST_ASKED = 16
"""Pieces that one question is for, at most; whoever is asked for more sends no more."""

WINDOW_CHUNKS = 4 * MOST_ASKED
"""Pieces of a file on their way at once: 16 MiB. A line of a gigabit holds them for a tenth of a second, in which a question and its
answer each pass a gateway that lets messages gather."""

CREDIT_CHUNKS = 3 * WINDOW_CHUNKS
"""Pieces of all files together on their way from one sender: 48 MiB, so many that nobody between has to drop one, and no more than
whoever carries them may have to keep."""

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

    @property
    def on_the_way(self) -> int:
        """Pieces that were asked for and have not come."""
        return _chunks(self.asked - self.at)

    def due(self, now: float, credit: int = CREDIT_CHUNKS) -> tuple["Pull", tuple[int, int] | None]:
        """What is to be asked for now, as offset and number of pieces; None while nothing is. To be asked until then.

        Args:
            credit: pieces that this file may have on their way.
        """
        if self.is_whole:
            return self, None
        since = self.asked if now - max(self.asked_at, self.moved) < AGAIN_SECONDS else self.at
        left, most = _chunks(self.size - since), min(WINDOW_CHUNKS, credit)
        count = min(MOST_ASKED, left)
        # As many as one question may be for, or the rest: not a question for each piece.
        if not left or _chunks(since - self.at) + count > most:
            # Whose turn has not come is not stuck.
            return (self if self.asked > self.at else replace(self, moved=now)), None
        return replace(self, asked=min(since + count * CHUNK_BYTES, self.size), asked_at=now), (since, count)

    def took(self, offset: int, length: int, now: float) -> tuple["Pull", bool]:
        """Whether this piece is the next one. Any other is dropped: it is a repeat, or what comes before it was lost."""
        if offset != self.at or not 0 < length <= min(CHUNK_BYTES, self.size - self.at):
            return self, False
        at = self.at + length
        return replace(self, at=at, asked=max(self.asked, at), moved=now), True


def _chunks(size: int) -> int:
    return -(-size // CHUNK_BYTES)
