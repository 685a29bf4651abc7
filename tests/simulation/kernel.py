"""Virtual time and chance: a heap of what is to happen, one source of random numbers, and a trace of what has happened."""

import heapq
import random
import zlib
from collections.abc import Callable
from typing import Any

EPOCH = 1_700_000_000.0
"""What the wall clock says when the virtual time is zero."""

MOST_STEPS = 100_000
"""Ten times what the busiest run takes: more means that somebody talks in circles."""


class Breach(AssertionError):
    """Something happened that must never happen."""


class Lane:
    """Where something runs that may have to wait: a process, or a job beside it. `lag`: seconds that it is ahead of the kernel's time.

    Whoever waits within a step cannot let the world go on meanwhile. It goes ahead alone instead, and is not heard of until the others
    have caught up.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lag = 0.0

    def step(self) -> None:
        """Called at each effect: a process may be killed between any two."""


class Kernel:
    """One run. Times are seconds since its begin.

    Attributes:
        random: the only source of chance.
        trace: time, who, what, and more about it, in order.
        wall: how far the wall clock was set forward.
        current: who is at work now.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.now = 0.0
        self.wall = 0.0
        self.steps = 0
        self.trace: list[tuple[float, str, str, Any]] = []
        self.current: Lane = Lane("world")
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._ties = 0

    def at(self, delay: float, action: Callable[..., object], *arguments: Any) -> None:
        self._ties += 1
        heapq.heappush(self._heap, (self.now + max(delay, 0.0), self._ties, action, arguments))

    def run(self, until: float) -> None:
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, action, arguments = heapq.heappop(heap)
            self.steps += 1
            action(*arguments)
            if self.steps > MOST_STEPS:
                raise Breach(f"livelock: {MOST_STEPS:,} steps in {self.now:.1f} s")
        self.now = until

    def note(self, who: str, what: str, more: Any = None) -> None:
        self.trace.append((self.now, who, what, more))

    def here(self) -> float:
        """The time of whoever is at work now."""
        return self.now + self.current.lag

    def wait(self, seconds: float) -> None:
        """Blocks whoever is at work now."""
        self.current.lag += seconds

    def database_time(self) -> float:
        return EPOCH + self.now + self.current.lag + self.wall

    def chance(self, likelihood: float) -> bool:
        return likelihood > 0 and self.random.random() < likelihood

    def lot(self, *about: object) -> float:
        """A number in [0, 1) that depends on the seed and on what it is about, not on what was drawn before."""
        return zlib.crc32(repr((self.seed, *about)).encode()) / 2**32

    def plan(self, *about: object) -> random.Random:
        """Chance of its own, for what must be the same however often and in whichever order it is asked for."""
        return random.Random(repr((self.seed, *about)))


class LaneClock:
    """The clock of one lane."""

    def __init__(self, kernel: Kernel, lane: Lane) -> None:
        self._kernel, self._lane = kernel, lane

    def monotonic(self) -> float:
        return 1_000.0 + self._kernel.now + self._lane.lag

    def now(self) -> float:
        return EPOCH + self._kernel.now + self._lane.lag + self._kernel.wall
