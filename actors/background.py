"""Work that takes long, beside an actor's turns: an actor that waited for git itself would not answer for as long."""

import os
import queue
import threading
from collections.abc import Callable, Hashable
from typing import Any

from factory.errors import FactoryError

MAX_PENDING = 64
"""Jobs not yet drained, running ones included; an actor that gets more than it can do must say so, not pile it up."""

_WAKE_BYTES = 4096


Job = Callable[[], Any]


class Background:
    """A pool of threads whose results the owning actor waits for as one of its sources.

    The threads do not keep the process from leaving: what they were at is as if the process had been killed, so a job
    must be repeatable, and bounded in time by itself.
    """

    def __init__(self, threads: int, most: int = MAX_PENDING) -> None:
        self._most = most
        self._pending = 0
        self._closed = False
        self._jobs: queue.SimpleQueue[tuple[Hashable, Job] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Hashable, Any, BaseException | None]] = queue.SimpleQueue()
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._threads = [threading.Thread(target=self._work, name=f"background-{number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def pollable(self) -> int:
        return self._read

    def submit(self, key: Hashable, job: Job) -> bool:
        """Has the job done; False, and nothing done, where too many are pending. `key` comes back with the result."""
        if self._pending >= self._most:
            return False
        self._pending += 1
        self._jobs.put((key, job))
        return True

    def drain(self) -> list[tuple[Hashable, Any]]:
        """The jobs that have ended since the last call: key, and what the job returned or the expected error that ended it.

        Also once after `close`, for what ended by then.

        Expected are a `FactoryError` and an `OSError`; any other is raised here and so ends the actor.
        """
        self._clear()
        ended: list[tuple[Hashable, Any]] = []
        while not self._results.empty():
            key, value, error = self._results.get_nowait()
            self._pending -= 1
            if error is not None and not isinstance(error, FactoryError | OSError):
                raise error
            ended.append((key, value if error is None else error))
        return ended

    def close(self, seconds: float = 1.0) -> None:
        """Takes no more jobs and gives the running ones a moment each to end. Jobs still waiting are dropped."""
        while not self._jobs.empty():
            self._jobs.get_nowait()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=seconds)
        # A thread that is still busy writes to its pipe when it is done: closed under it, that could be another file.
        if not any(thread.is_alive() for thread in self._threads):
            self._closed = True
            os.close(self._read)
            os.close(self._write)

    def _work(self) -> None:
        while (task := self._jobs.get()) is not None:
            key, job = task
            try:
                self._results.put((key, job(), None))
            except BaseException as error:  # noqa: BLE001 - the outermost frame of a thread; `drain` raises it again
                self._results.put((key, None, error))
            self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            return  # the pipe is full, so the actor will be woken

    def _clear(self) -> None:
        if self._closed:
            return
        # Before the results are taken: a job that ends in between leaves a byte too many, never one too few.
        try:
            os.read(self._read, _WAKE_BYTES)
        except BlockingIOError:
            return
