"""An observer that is stopped while the factory is busy: it costs no memory, and is equal again when it goes on (F27)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from factory.domain.operators import Operator
from factory.protocol.feed import Snapshot, Subscribe
from factory.transport.curve import KeyPair
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.operator_book import OperatorBook
from factory.transport.operator_desk import OperatorDesk
from factory.transport.operator_key import write_key_file
from tests.waiting import eventually

H = 0.2
DELTAS, ROWS, FLUSH = 100_000, 2_000, 200
MOST_BYTES = 50 * 1024 * 1024
"""What a stopped observer may cost the factory."""

OBSERVER = """
import sys
from pathlib import Path
from factory.protocol.feed import Snapshot
from factory.transport.feed_subscriber import FeedSubscriber
from factory.transport.operator_key import Remote

place = Path(sys.argv[1]) if len(sys.argv) == 2 else Remote.read(sys.argv[1], Path(sys.argv[2]))
feed, rows = FeedSubscriber(place, 0.2), {}
while True:
    update = feed.poll(0.1)
    if isinstance(update, Snapshot):
        rows = {row["id"]: row["n"] for row in update.items}
    elif update is not None:
        rows[update.id] = update.data["n"]
    if update is None and feed.live:
        print(sum(rows.values()), flush=True)
"""


class Busy:
    """A feed whose rows change all the time, on this machine's sockets and over TCP."""

    def __init__(self, folder: Path) -> None:
        self.rows = {f"item-{number}": 0 for number in range(ROWS)}
        self.feed = FeedPublisher(folder / "run", "b1")
        keys, book = KeyPair.generate(), OperatorBook(folder)
        self.desk = OperatorDesk("tcp://127.0.0.1:*", keys, book, H)
        self.feed.mirror(self.desk.push)
        mine = KeyPair.generate()
        book.add(Operator("vic", "view", mine.public))
        write_key_file(folder / "vic.key", "vic", keys.public, mine)
        self._beaten = 0.0

    def turn(self) -> int:
        """Serves who asks, and returns the sum of all rows."""
        self.feed.drain_requests(self._snapshot)
        asked = [one.reply_to for one in self.desk.drain() if isinstance(one.request, Subscribe)]
        for reply_to in asked:
            self.desk.answer(reply_to, *self.feed.picture(self._snapshot))
        if time.monotonic() - self._beaten > H:
            self._beaten = time.monotonic()
            self.feed.flush()
            self.feed.beat()
        return sum(self.rows.values())

    def works(self, deltas: int) -> None:
        names = list(self.rows)
        for number in range(deltas):
            name = names[number % ROWS]
            self.rows[name] += 1
            self.feed.offer("item", name, self.rows[name], {"id": name, "n": self.rows[name], "title": "x" * 300})
            if number % FLUSH == 0:
                self.feed.flush()
                self.turn()

    def close(self) -> None:
        self.feed.close()
        self.desk.close()

    def _snapshot(self) -> Snapshot:
        rows = [{"id": name, "n": n, "title": "x" * 300} for name, n in self.rows.items()]
        return Snapshot("", 0, rows, [], {}, about={"heartbeat": H})


@contextmanager
def observer(*words: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", OBSERVER, *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=60)
        process.stdout.close()


def told(process: "subprocess.Popen[bytes]") -> set[str]:
    """The sums that it said since the last call."""
    assert process.stdout is not None
    return set((process.stdout.read() or b"").decode().split())


@pytest.mark.parametrize("way", ["ipc", "tcp"])
def test_a_stopped_observer_costs_no_memory_and_is_equal_again_when_it_goes_on(
    run_dir: Path, closing: Callable[[Any], Any], way: str
) -> None:
    busy: Busy = closing(Busy(run_dir))
    words = [str(run_dir / "run")] if way == "ipc" else [busy.desk.endpoint, str(run_dir / "vic.key")]
    with observer(*words) as process:
        eventually(lambda: str(busy.turn()) in told(process), 30)
        busy.works(5_000)
        process.send_signal(signal.SIGSTOP)
        before = psutil.Process().memory_info().rss

        busy.works(DELTAS)

        grown = psutil.Process().memory_info().rss - before
        process.send_signal(signal.SIGCONT)
        eventually(lambda: str(busy.turn()) in told(process), 30)
    assert grown < MOST_BYTES
