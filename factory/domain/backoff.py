"""Full-jitter backoff: `uniform(0, min(cap, base * 2**n))`, the jitter drawn by the caller."""

from dataclasses import dataclass

_MAX_DOUBLINGS = 30
"""Beyond this every cap is reached; it keeps 2**n from growing without bound."""


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Both in seconds."""

    base: float
    cap: float

    def delay(self, tries: int, jitter: float) -> float:
        """Seconds to wait after `tries` earlier tries; `jitter` is uniform in [0, 1)."""
        ceiling: float = min(self.cap, self.base * 2.0 ** min(tries, _MAX_DOUBLINGS))
        return ceiling * jitter
