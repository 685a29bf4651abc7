"""Keeps calls back for as long as GitHub allows none: calls against its word lengthen the limit, for everyone of that account."""

import math

from factory.delivery_ports import PullRequestStore
from factory.errors import ForgeUnavailable
from factory.ports import Clock


class Gate:
    """For one thread at a time. Kept in the store too: a process that was killed and started again must not ask at once.

    Args:
        forge: whose calls are kept back.
    """

    def __init__(self, forge: str, store: PullRequestStore, clock: Clock) -> None:
        self._forge, self._store, self._clock = forge, store, clock
        self._until: float | None = None

    def check(self) -> None:
        """Raises `ForgeUnavailable` with the seconds that are left while it is shut."""
        if self._until is None:
            self._until = self._clock.monotonic() + self._store.held_for(self._forge)
        left = self._until - self._clock.monotonic()
        if left > 0:
            raise ForgeUnavailable(f"GitHub allows no call for another {math.ceil(left)} s.", left)

    def shut(self, seconds: float) -> None:
        """Stays shut for so long; never shorter than before."""
        until = self._clock.monotonic() + seconds
        self._until = until if self._until is None else max(self._until, until)
        self._store.hold(self._forge, seconds)
