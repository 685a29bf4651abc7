"""When one who handles messages as they come should rather let some gather. Pure; times are the caller's, in seconds.

Each time it looks, it pays for being woken, whatever has come. Few messages are worth that, and wait for nothing; where they come thick,
those of a moment are handled together.
"""

from dataclasses import dataclass

from factory.domain.token_bucket import TokenBucket

THIN = 100.0
"""Messages a second up to which each is handled at once: the beats of 250 workers at the usual heartbeat, and their answers."""

_AT_ONCE = 50.0
"""As many may come in a burst: a conversation, not a crowd."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How thick they have come of late. `rest` is what they gather for where that is too thick; 0 for never."""

    rest: float
    thin: TokenBucket

    @classmethod
    def begin(cls, rest: float, now: float) -> "Pace":
        return cls(rest, TokenBucket.full(_AT_ONCE, THIN, now))

    def handled(self, messages: int, now: float) -> tuple["Pace", float]:
        """The pace after so many were taken at `now`, and the time before which it should not look again."""
        if not self.rest:
            return self, now
        thin, few = self.thin.take(now, messages)
        return Pace(self.rest, thin), now if few else now + self.rest
