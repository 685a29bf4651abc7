"""Work beside an actor's turns, without threads: a job has its effects at a later virtual time, and is back later still."""

from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Any

from actors.background import MAX_PENDING
from factory.errors import FactoryError
from tests.simulation.kernel import Kernel, Lane
from tests.simulation.seats import Killed, Seat


class SimBackground:
    """Stands where an actor wants its `Background`. Dies with the process that it was made in."""

    def __init__(self, kernel: Kernel, seat: Seat, slowest: Callable[[], float]) -> None:
        self._kernel, self._seat, self._slowest = kernel, seat, slowest
        self._generation = seat.generation
        self._pending = 0
        self._times: Counter[str] = Counter()
        self._results: deque[tuple[Hashable, Any, BaseException | None]] = deque()

    def pollable(self) -> int:
        """Nobody polls it; the seat asks `has_work`."""
        return -1

    def has_work(self) -> bool:
        return bool(self._results)

    def submit(self, key: Hashable, job: Callable[[], Any]) -> bool:
        if self._pending >= MAX_PENDING:
            return False
        self._pending += 1
        # Not drawn in order: an actor may submit out of a set.
        self._times[repr(key)] += 1
        lot = self._kernel.lot(self._seat.name, self._generation, repr(key), self._times[repr(key)])
        self._kernel.at(self._seat.lag + 0.001 + lot * self._slowest(), self._work, key, job, lot)
        return True

    def _work(self, key: Hashable, job: Callable[[], Any], lot: float) -> None:
        if self._seat.generation != self._generation:
            return
        if self._seat.frozen_until > self._kernel.now:
            self._kernel.at(self._seat.frozen_until - self._kernel.now, self._work, key, job, lot)
            return
        lane, before = _Job(self._seat), self._kernel.current
        self._kernel.current = lane
        result: tuple[Hashable, Any, BaseException | None]
        try:
            result = (key, job(), None)
        except Killed:
            self._kernel.current = before
            self._seat.kill("killed within a job")
            return
        except (FactoryError, OSError) as error:
            result = (key, None, error)
        finally:
            self._kernel.current = before
        # Between the effect and its being known lies a moment in which the process may be killed.
        self._kernel.at(lane.lag + 0.001 + lot * self._slowest() / 2, self._back, result)

    def _back(self, result: tuple[Hashable, Any, BaseException | None]) -> None:
        if self._seat.generation == self._generation:
            self._results.append(result)
            self._seat.wake()

    def drain(self) -> list[tuple[Hashable, Any]]:
        ended = [(key, value if error is None else error) for key, value, error in self._results]
        self._pending -= len(ended)
        self._results.clear()
        return ended

    def close(self, seconds: float = 1.0) -> None:
        """Nothing to wait for: who stops is killed here."""


class _Job(Lane):
    """A thread of a process: what kills the process ends it too."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(f"{seat.name}'s job")
        self._seat = seat

    def step(self) -> None:
        self._seat.step()
