"""The way to the factory: threads that hear the feed, ask and command. What they bring is taken by the screen's own timer.

Threads and not coroutines, since both ends are synchronous clients that the command line uses as well; nothing of Textual is called from
here. None ever gives up: a factory that is away is tried again, and what is known stays.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from factory.errors import FactoryUnreachable
from factory.protocol.codec import BadMessage
from factory.protocol.commands import AnyRequest, Query, Reply
from factory.protocol.feed import Delta, Snapshot

_POLL_SECONDS = 0.2
_MOST_ANSWERS = 1_000
_THREADS = 3
_TRIES, _TRY_SECONDS = 5, 1.0

Update = Snapshot | Delta
_Line = queue.SimpleQueue[tuple[str, AnyRequest] | None]


def _nobody() -> None:
    """Who is told of news where nobody wants to be."""


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
    """Three threads: one hears, one asks what screens want to know, one sends commands, which wait behind no question.

    `open_feed` and `open_commands` are called in the threads that use what they give.

    Attributes:
        live: whether what is known is what is.
        on_news: called in a thread of the link when there is something to be taken, or the link is lost or found. Whoever is told once
            takes all that there is, so it is not told again before that.
    """

    def __init__(self, open_feed: Callable[[], Feed], open_commands: Callable[[], Commands]) -> None:
        self._open_feed, self._open_commands = open_feed, open_commands
        self._updates: deque[Update] = deque()
        self._answers: deque[Answer] = deque(maxlen=_MOST_ANSWERS)
        self._questions: _Line = queue.SimpleQueue()
        self._orders: _Line = queue.SimpleQueue()
        self._asked: set[Query] = set()
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="link")
        self._running: list[Future[None]] = []
        self._told = threading.Event()
        self.on_news: Callable[[], object] = _nobody
        self.live = False

    def start(self) -> None:
        self._running = [
            self._threads.submit(self._hear),
            self._threads.submit(self._serve, self._questions),
            self._threads.submit(self._serve, self._orders),
        ]

    def close(self) -> None:
        """Ends the threads. A socket that stays open would keep the process from ending, so they are waited for: a second at most."""
        self.on_news = _nobody
        self._closing.set()
        self._questions.put(None)
        self._orders.put(None)
        self._threads.shutdown()

    def updates(self) -> list[Update]:
        """What the feed told since the last call. A thread that broke breaks the caller too."""
        # Before anything is taken: what comes from now on is told of again.
        self._told.clear()
        for thread in self._running:
            if thread.done():
                thread.result()
        return [self._updates.popleft() for _ in range(len(self._updates))]

    def answers(self) -> list[Answer]:
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def ask(self, purpose: str, request: AnyRequest) -> None:
        """Has a question or a command asked. A command is never kept for later: where the link is lost it is answered at once.

        A question that is still waiting for its answer is not asked again.
        """
        if not isinstance(request, Query):
            self._command(purpose, request)
        elif request not in self._asked:
            self._asked.add(request)
            self._questions.put((purpose, request))

    def _command(self, purpose: str, request: AnyRequest) -> None:
        if self.live:
            self._orders.put((purpose, request))
        else:
            self._answers.append(Answer(purpose, request, Reply("unavailable", "Not sent: the factory is not connected.")))
            self._tell()

    def _tell(self) -> None:
        if not self._told.is_set():
            self._told.set()
            _ = self.on_news()

    def _hear(self) -> None:
        feed = self._open_feed()
        try:
            while not self._closing.is_set():
                update = feed.poll(_POLL_SECONDS)
                changed = feed.live is not self.live
                self.live = feed.live
                if update is not None:
                    self._updates.append(update)
                if changed or update is not None:
                    self._tell()
        finally:
            feed.close()
            # A thread that broke breaks those who take what it brought.
            self._tell()

    def _serve(self, line: _Line) -> None:
        client = self._open_commands()
        try:
            while (question := line.get()) is not None and not self._closing.is_set():
                purpose, request = question
                self._answers.append(Answer(purpose, request, self._reply(client, request)))
                self._tell()
                if isinstance(request, Query):
                    self._asked.discard(request)
        finally:
            client.close()

    def _reply(self, client: Commands, request: AnyRequest) -> Reply:
        """Asked again each second, so that closing waits no longer; a command that is said twice is carried out once."""
        for left in reversed(range(_TRIES)):
            began = time.monotonic()
            try:
                return client.ask(request, _TRY_SECONDS)
            except FactoryUnreachable as error:
                at_once = time.monotonic() - began < _TRY_SECONDS / 2
                if at_once or not left or self._closing.is_set():
                    return Reply("unavailable", str(error))
            except BadMessage as error:
                return Reply("invalid", f"The factory speaks another version of the protocol than this terminal: {error}")
        raise AssertionError(request)
