"""How much one sender may send: a burst at once, and a steady rate after it. Pure; the time is the caller's, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A bucket that fills at `rate` tokens a second and holds `burst` of them.

    Attributes:
        tokens: there were at `at`, a time of the caller's monotonic clock.
    """

    burst: float
    rate: float
    tokens: float
    at: float

    @classmethod
    def full(cls, burst: float, rate: float, now: float) -> "TokenBucket":
        return cls(burst, rate, burst, now)

    def take(self, now: float, amount: float = 1.0) -> tuple["TokenBucket", bool]:
        """The bucket after it, and whether the whole amount was there; else none of it is taken."""
        tokens = min(self.burst, self.tokens + max(0.0, now - self.at) * self.rate)
        taken = amount <= tokens
        return TokenBucket(self.burst, self.rate, tokens - amount if taken else tokens, max(self.at, now)), taken
