"""The way to the factory: a thread that hears the feed, a thread that asks. What they bring is taken by the screen's own timer.

Threads and not coroutines, since both ends are synchronous clients that the command line uses as well; nothing of Textual is called from
here. Neither ever gives up: a factory that is away is tried again, and what is known stays.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from factory.errors import FactoryUnreachable
from factory.protocol.commands import AnyRequest, Query, Reply
from factory.protocol.feed import Delta, Snapshot

_POLL_SECONDS = 0.2
_MOST_ANSWERS = 1_000
_ASK_SECONDS = 5.0

Update = Snapshot | Delta


class Feed(Protocol):
    """What `transport.feed_subscriber` is."""

    @property
    def live(self) -> bool: ...
    def poll(self, timeout: float) -> Update | None: ...
    def close(self) -> None: ...


class Commands(Protocol):
    """What `transport.command_client` is."""

    def ask(self, request: AnyRequest, timeout: float) -> Reply: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply and the question. `purpose` is the asker's own word for it."""

    purpose: str
    request: AnyRequest
    reply: Reply


class Link:
    """Both threads. `open_feed` and `open_commands` are called in the threads that use what they give."""

    def __init__(self, open_feed: Callable[[], Feed], open_commands: Callable[[], Commands]) -> None:
        self._open_feed, self._open_commands = open_feed, open_commands
        self._updates: deque[Update] = deque()
        self._answers: deque[Answer] = deque(maxlen=_MOST_ANSWERS)
        self._questions: queue.SimpleQueue[tuple[str, AnyRequest] | None] = queue.SimpleQueue()
        self._asked: set[tuple[str, str]] = set()
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._hear, self._ask)]
        self.live = False

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends both threads. A socket that stays open would keep the process from ending, so they are waited for."""
        self._closing.set()
        self._questions.put(None)
        for thread in self._threads:
            thread.join(timeout=_ASK_SECONDS + 1)

    def updates(self) -> list[Update]:
        """What the feed told since the last call."""
        return [self._updates.popleft() for _ in range(len(self._updates))]

    def answers(self) -> list[Answer]:
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def ask(self, purpose: str, request: AnyRequest) -> None:
        """Has a question or a command asked. A command is never kept for later: where the link is lost it is answered at once.

        A question that is still waiting for its answer is not asked again.
        """
        if not isinstance(request, Query):
            self._command(purpose, request)
            return
        key = (purpose, request.target)
        if key not in self._asked:
            self._asked.add(key)
            self._questions.put((purpose, request))

    def _command(self, purpose: str, request: AnyRequest) -> None:
        if self.live:
            self._questions.put((purpose, request))
        else:
            self._answers.append(Answer(purpose, request, Reply("unavailable", "Not sent: the factory is not connected.")))

    def _hear(self) -> None:
        feed = self._open_feed()
        try:
            while not self._closing.is_set():
                update = feed.poll(_POLL_SECONDS)
                self.live = feed.live
                if update is not None:
                    self._updates.append(update)
        finally:
            feed.close()

    def _ask(self) -> None:
        client = self._open_commands()
        try:
            while (question := self._questions.get()) is not None:
                purpose, request = question
                self._answers.append(Answer(purpose, request, _asked(client, request)))
                self._asked.discard((purpose, request.target if isinstance(request, Query) else ""))
        finally:
            client.close()


def _asked(client: Commands, request: AnyRequest) -> Reply:
    try:
        return client.ask(request, _ASK_SECONDS)
    except FactoryUnreachable as error:
        return Reply("unavailable", str(error))
