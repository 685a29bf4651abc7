"""The files that this attempt holds, and the questions for more that are under way."""

import queue
import secrets
import threading
from collections.abc import Callable, Iterable

from factory.protocol.worker import Lock, LockAnswer

OVER = "the worker, which is leaving"
NO_ANSWER = "the factory, which has not answered in time"


class LockDesk:
    """Asked from the thread of the lock server, answered from the main thread.

    What is held stays held to the end of the attempt, so it needs no second question, not even while the factory is away: should the
    lease be over meanwhile, the result is refused as a whole.
    """

    def __init__(self, send: Callable[[Lock], None]) -> None:
        self._send = send
        self._guard = threading.Lock()
        self._held: set[str] = set()
        self._asked: dict[str, queue.SimpleQueue[LockAnswer]] = {}
        self._closed = False

    def hold(self, files: Iterable[str]) -> None:
        """They were locked for this attempt without our asking."""
        with self._guard:
            self._held.update(files)

    def ask(self, files: tuple[str, ...], seconds: float) -> tuple[str, ...]:
        """Locks the files, all or none, and says who is in the way: nobody where it was done.

        Raises what `send` raises.
        """
        name = secrets.token_hex(8)
        answered: queue.SimpleQueue[LockAnswer] = queue.SimpleQueue()
        with self._guard:
            if self._closed:
                return (OVER,)
            if self._held.issuperset(files):
                return ()
            self._asked[name] = answered
        try:
            self._send(Lock(name, files))
            answer = answered.get(timeout=seconds)
        except queue.Empty:
            return (NO_ANSWER,)
        finally:
            with self._guard:
                del self._asked[name]
        if not answer.granted:
            return answer.holders or ("somebody whose name is not known",)
        self.hold(files)
        return ()

    def answered(self, answer: LockAnswer) -> None:
        """An answer that nobody waits for any more is for nobody: the files are then locked for us, and we may ask again."""
        with self._guard:
            waiting = self._asked.get(answer.id)
        if waiting is not None:
            waiting.put(answer)

    def close(self) -> None:
        """Nothing is granted from here on; who waits is answered."""
        with self._guard:
            self._closed = True
            waiting = dict(self._asked)
        for name, answered in waiting.items():
            answered.put(LockAnswer(name, granted=False, holders=(OVER,)))
