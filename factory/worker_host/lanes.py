"""Jobs beside the loop that talks with the factory: one at a time for each worker, several workers at once."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

Job = Callable[[], Callable[[], None]]
"""Runs in a thread; what it returns is run by the loop, when it is done."""

_THREADS = 4
_MOST_JOBS = 500


@dataclass(slots=True)
class Lanes:
    """The loop's side. `waking` can be read when `settle` has something to do."""

    waking: int = -1
    _wake: int = -1
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="worker-host"))
    _running: dict[str, Future[Callable[[], None]]] = field(default_factory=dict)
    _queued: dict[str, deque[Job]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waking, self._wake = os.pipe()
        os.set_blocking(self.waking, False)
        os.set_blocking(self._wake, False)

    def add(self, lane: str, job: Job) -> bool:
        """Behind the other jobs of its lane. False where there are too many."""
        queue = self._queued.setdefault(lane, deque())
        if len(queue) >= _MOST_JOBS:
            return False
        queue.append(job)
        self._begin(lane)
        return True

    def is_busy(self, lane: str) -> bool:
        return lane in self._running or bool(self._queued.get(lane))

    def settle(self) -> None:
        """Carries out what ended jobs have left to do. Raises what a job raised and did not expect."""
        with suppress(BlockingIOError):
            os.read(self.waking, 4096)
        for lane, future in list(self._running.items()):
            if future.done():
                del self._running[lane]
                future.result()()
                self._begin(lane)

    def close(self, *, wait: bool = True) -> None:
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _begin(self, lane: str) -> None:
        queue = self._queued.get(lane)
        if lane in self._running or not queue:
            return
        future = self._running[lane] = self._pool.submit(queue.popleft())
        future.add_done_callback(lambda _: self._poke())
        if not queue:
            del self._queued[lane]

    def _poke(self) -> None:
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            return  # it is woken already
