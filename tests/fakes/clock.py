"""A clock that moves only when it is told to."""


class ManualClock:
    """Stands still until `advance`; both clocks move together. Seconds."""

    def __init__(self, monotonic: float = 1_000.0, now: float = 1_700_000_000.0) -> None:
        self._monotonic = monotonic
        self._now = now

    def monotonic(self) -> float:
        return self._monotonic

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds
        self._now += seconds
