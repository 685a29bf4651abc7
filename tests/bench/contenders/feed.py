"""The feed and the command socket of a factory, with rows that change at a steady rate: `feed RUN_DIR ITEMS WORKERS CHANGES TIMES`.

CHANGES rows of the workers, of the items where there are no workers, are changed TIMES a second. A worker's log grows by a thousand lines
a second. Says `ready` when it can be connected to.
"""

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from factory.protocol.commands import AnyRequest, Query, Reply
from factory.protocol.feed import Kind, Snapshot
from factory.transport.command_link import CommandServer
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.loop import Loop

LINES_PER_SECOND = 1_000

_BEAT_SECONDS = 1.0
_TURN_SECONDS = 0.005
_PIECE = 65_536
_LINE = 64


def log_line(number: int) -> str:
    """A line of the log, all of one length."""
    return f"line {number:07} of what an agent says of its work, word by word".ljust(_LINE - 1) + "\n"


def _log(offset: int, lines: int) -> dict[str, Any]:
    first, last = offset // _LINE, min(lines, offset // _LINE + _PIECE // _LINE)
    text = "".join(map(log_line, range(first, last)))
    return {"epoch": 1, "size": lines * _LINE, "data": text, "next": max(last, first) * _LINE, "ended": False}


def _item(number: int, version: int) -> dict[str, Any]:
    status = ("queued", "running", "in_review", "completed")[(number + version) % 4]
    return {
        "id": f"t{number:05}", "status": status, "epoch": 1, "version": version, "priority": 2, "title": f"Title of t{number:05}",
        "attempts": 0, "repo": "/srv/api.git", "engine": "script", "holder": None, "age": 3_600.0, "tokens": version, "reason": "",
        "pr_url": None,
    }  # fmt: skip


def _worker(number: int, version: int) -> dict[str, Any]:
    return {
        "id": f"w{number:05}", "item": f"t{number:05}", "epoch": 1, "version": version, "status": "busy", "phase": f"step {version}",
        "iteration": version, "tokens": 27_000 + version, "isolation": "unconfined", "host": "local", "age": 7_200.0, "beat_age": 0.5,
        "progress_age": 3.0,
    }  # fmt: skip


class _Factory:
    def __init__(self, run_dir: Path, items: int, workers: int) -> None:
        self._feed, self._commands = FeedPublisher(run_dir, "b1"), CommandServer(run_dir)
        self._items, self._workers = [_item(number, 0) for number in range(items)], [_worker(number, 0) for number in range(workers)]
        self._version = 0
        self._began = time.monotonic()
        self._loop = Loop()
        self._loop.add(self._feed)
        self._loop.add(self._commands)

    def wait(self, seconds: float) -> None:
        """Until somebody asks, so long at the most."""
        self._loop.wait(seconds)

    def turn(self) -> None:
        for reply_to, request in self._commands.drain():
            self._commands.reply(reply_to, Reply("ok", data=self._answer(request)))
        self._feed.drain_requests(lambda: Snapshot("", 0, self._items, self._workers, {}))

    def _answer(self, request: AnyRequest) -> dict[str, Any]:
        if isinstance(request, Query) and request.what == "log":
            return _log(request.offset, int((time.monotonic() - self._began) * LINES_PER_SECOND))
        return {}

    def beat(self) -> None:
        self._feed.beat()

    def change(self, places: Iterator[int], count: int) -> None:
        self._version += 1
        kind: Kind = "worker" if self._workers else "item"
        rows, make = (self._workers, _worker) if self._workers else (self._items, _item)
        for place in itertools.islice(places, count):
            rows[place] = make(place, self._version)
            self._feed.offer(kind, rows[place]["id"], self._version, rows[place])
        self._feed.flush()


def main(run_dir: Path, items: int, workers: int, changes: int, times: float) -> None:
    factory = _Factory(run_dir, items, workers)
    print("ready", flush=True)
    places = itertools.cycle(range(workers or items))
    change_at = beat_at = time.monotonic()
    while True:
        factory.turn()
        now = time.monotonic()
        if changes and now >= change_at:
            change_at += 1 / times
            factory.change(places, changes)
        if now >= beat_at:
            beat_at = now + _BEAT_SECONDS
            factory.beat()
        factory.wait(_TURN_SECONDS)


if __name__ == "__main__":
    items, workers, changes = (int(word) for word in sys.argv[2:5])
    main(Path(sys.argv[1]), items, workers, changes, float(sys.argv[5]))
