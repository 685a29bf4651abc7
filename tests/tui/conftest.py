"""A factory for the dashboard: its real sockets, driven from a thread, with rows and answers as the test wants them."""

import asyncio
import math
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq
from textual.pilot import Pilot

from factory.protocol.commands import AnyRequest, Query, Reply
from factory.protocol.feed import Kind, Snapshot
from factory.transport.command_client import CommandClient
from factory.transport.command_link import CommandServer
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.feed_subscriber import FeedSubscriber
from tests.fakes.clock import ManualClock
from tests.tui.snapshots import expected
from tui import picture
from tui.app import FactoryTui
from tui.context import Context
from tui.link import Link
from tui.states import patience
from tui.world import World

HEARTBEAT = 0.3
_BEAT_SECONDS = 0.05

Row = dict[str, Any]
Answer = Reply | Callable[[AnyRequest], Reply]


class FakeFactory:
    """The feed and the command socket of a factory, with no factory behind them.

    Attributes:
        commands: what was asked of it, apart from queries, in the order of arrival.
        queries: the queries.
        answers: by a query's `what`, a steering's verb or the name of the request's class; `ok` where there is none.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.rows: dict[str, dict[str, Any]] = {"item": {}, "worker": {}, "limit": {}}
        self.more: dict[str, Any] = {}
        self.commands: list[AnyRequest] = []
        self.queries: list[Query] = []
        self.answers: dict[str, Answer] = {}
        self._boots = 0
        self._lock = threading.Lock()
        self._offers: list[tuple[Kind, str, int, Any]] = []
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        # The thread sleeps until there is something to do: Textual's pilot waits until the whole process has nothing to do.
        self._bell, self._rings = socket.socketpair()
        self._bell.setblocking(False)

    # -- what it holds ------------------------------------------------------------------------------------------------

    def item(self, id_: str = "aaa", **row: Any) -> Row:
        """An item; told to those who listen."""
        usual = {
            "id": id_, "status": "running", "epoch": 2, "version": 7, "priority": 2, "title": f"Title of {id_}", "attempts": 0,
            "repo": "/srv/api.git", "engine": "script", "holder": None, "age": 60.0, "tokens": 0, "reason": "", "pr_url": None,
        }  # fmt: skip
        return self.put("item", id_, usual | row)

    def worker(self, id_: str = "aaa-2", **row: Any) -> Row:
        usual = {
            "id": id_, "item": id_.rpartition("-")[0], "epoch": 2, "status": "busy", "phase": "running", "iteration": 1, "tokens": 27_000,
            "isolation": "unconfined", "host": "local", "age": 60.0, "beat_age": 0.5, "progress_age": 3.0,
        }  # fmt: skip
        return self.put("worker", id_, usual | row)

    def put(self, kind: Kind, id_: str, row: Row | None) -> Row:
        """Changes a row, with None takes it away."""
        with self._lock:
            rows = self.rows.setdefault(kind, {})
            if row is None:
                rows.pop(id_, None)
            else:
                rows[id_] = row
            self._offers.append((kind, id_, int((row or {}).get("version", 0)), row))
        self._wake()
        return row or {}

    def event(self, **row: Any) -> None:
        with self._lock:
            self._offers.append(("event", str(row.get("stream", "")), int(row.get("seq", 0)), row))
        self._wake()

    # -- its life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._boots += 1
        self._stopping.clear()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(60)

    def stop(self) -> None:
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(60)
            assert not self._thread.is_alive()
        self._thread = None

    def close(self) -> None:
        self.stop()
        self._bell.close()
        self._rings.close()

    def _wake(self) -> None:
        # Where it cannot take another byte, the thread is woken by those that it holds.
        with suppress(BlockingIOError):
            self._bell.send(b"!")

    def _run(self, ready: threading.Event) -> None:
        feed, commands = FeedPublisher(self.run_dir, f"b{self._boots}"), CommandServer(self.run_dir)
        woken_by = zmq.Poller()
        for source in (feed.pollable(), commands.pollable(), self._rings):
            woken_by.register(source, zmq.POLLIN)
        ready.set()
        try:
            self._beating(feed, commands, woken_by)
        finally:
            commands.close()
            feed.close()

    def _beating(self, feed: FeedPublisher, commands: CommandServer, woken_by: zmq.Poller) -> None:
        beat_at = time.monotonic()
        while not self._stopping.is_set():
            self._turn(feed, commands)
            if time.monotonic() >= beat_at:
                feed.beat()
                beat_at = time.monotonic() + _BEAT_SECONDS
            if self._rings.fileno() in dict(woken_by.poll(math.ceil(max(0.0, beat_at - time.monotonic()) * 1000))):
                self._rings.recv(4096)

    def _turn(self, feed: FeedPublisher, commands: CommandServer) -> None:
        for reply_to, request in commands.drain():
            commands.reply(reply_to, self._answer(request))
        with self._lock:
            offers, self._offers = self._offers, []
            for offer in offers:
                feed.offer(*offer)
            feed.drain_requests(self._snapshot)
        feed.flush()

    def _snapshot(self) -> Snapshot:
        items, workers, limits = self.rows["item"], self.rows["worker"], self.rows["limit"]
        return msgspec.structs.replace(Snapshot("", 0, list(items.values()), list(workers.values()), dict(limits)), **self.more)

    def _answer(self, request: AnyRequest) -> Reply:
        if isinstance(request, Query):
            self.queries.append(request)
            name: str = request.what
        else:
            self.commands.append(request)
            name = getattr(request, "verb", type(request).__name__)
        answer = self.answers.get(name, Reply("ok", data={}))
        return answer(request) if callable(answer) else answer


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are the same wherever the tests run."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def run_dir() -> Iterator[Path]:
    # Short, since a socket's path is; private, since whoever opens the socket is the operator.
    folder = Path(tempfile.mkdtemp(prefix="ft"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def factory_feed(run_dir: Path) -> Iterator[FakeFactory]:
    """A factory that answers."""
    factory = FakeFactory(run_dir)
    factory.start()
    yield factory
    factory.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def context(run_dir: Path, clock: ManualClock, tmp_path: Path) -> Callable[..., Context]:
    """A context on the factory of `run_dir`, running or not, with a clock that stands still."""

    def made(**changes: Any) -> Context:
        link = Link(partial(FeedSubscriber, run_dir, HEARTBEAT), partial(CommandClient, run_dir))
        usual: dict[str, Any] = {"operator": "me", "place": "/run/factory", "saves": tmp_path, "wall": clock.now}
        return Context(World(), link, clock.monotonic, patience(HEARTBEAT), **{**usual, **changes})

    return made


Size = tuple[int, int]
Running = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


class Person:
    """In front of the dashboard: presses keys, looks, waits until something is so."""

    def __init__(self, app: FactoryTui, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot
        self.notices: list[str] = []
        """All there were: Textual takes each away after five seconds of the real clock."""
        shown = app.notify

        def notify(message: str, **named: Any) -> None:
            self.notices.append(message)
            shown(message, **named)

        app.notify = notify  # type: ignore[method-assign]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, holds: Callable[[], object], what: str = "", seconds: float = 20.0) -> None:
        """Takes news and paints until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or holds}\n{self.screen()}"
            self.app.pump()
            self.app.paint()
            await self.pilot.pause(0.02)

    async def sees(self, text: str) -> None:
        await self.until(lambda: text in self.screen(), f"{text!r} on the screen")

    def screen(self) -> str:
        return picture.text_of(self.app.export_screenshot())


@pytest.fixture
def dashboard(context: Callable[..., Context]) -> Callable[..., None]:
    """Runs a test's coroutine in front of the dashboard: `dashboard(coroutine, size=(80, 24), screen="queue", keys=..., **context)`."""

    def run(
        test: Callable[[Person], Awaitable[None]],
        *,
        size: Size = (80, 24),
        screen: str = "queue",
        keys: dict[str, str] | None = None,
        **changes: Any,
    ) -> None:
        async def inside() -> None:
            app = FactoryTui(context(**changes), keys)
            async with app.run_test(size=size) as pilot:
                person = Person(app, pilot)
                app.go(screen)
                await pilot.pause()
                await test(person)

        asyncio.run(inside())

    return run


@pytest.fixture
def snapshot() -> Callable[[Person, str], None]:
    """Compares what is on the screen with `tests/tui/snapshots/<name>.txt`; UPDATE_SNAPSHOTS=1 writes it."""

    def compare(person: Person, name: str) -> None:
        expected(name, person.screen(), write=bool(os.environ.get("UPDATE_SNAPSHOTS")))

    return compare
