"""For how long a forge is left alone: hundreds of issues would else find out one by one that it answers none of them."""

from factory.domain.backoff import BackoffPolicy
from factory.errors import Retryable
from factory.ports import Clock

_ALL = ""


class ForgeHolds:
    """Of all repositories where the forge named a time, which is about the account; else of the one that it was about."""

    def __init__(self, clock: Clock, backoff: BackoffPolicy) -> None:
        self._clock, self._backoff = clock, backoff
        self._until: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def left(self, repo: str) -> float:
        """Seconds until it may be asked again about this repository; 0: now."""
        until = max(self._until.get(name, 0.0) for name in (_ALL, repo.lower()))
        return max(until - self._clock.monotonic(), 0.0)

    def failed(self, repo: str, error: Exception, jitter: float) -> None:
        """A call ended so. What was under way beside it ends alike, and counts once."""
        if not isinstance(error, Retryable) or self.left(repo):
            return
        name = _ALL if error.retry_after else repo.lower()
        tries = self._failures.get(repo.lower(), 0)
        self._failures[repo.lower()] = tries + 1
        self._until[name] = self._clock.monotonic() + error.retry_after + self._backoff.delay(tries, jitter)

    def went_well(self, repo: str) -> None:
        self._failures.pop(repo.lower(), None)
