"""The feed over its real sockets; what the wire may do to it is tried in tests/unit/transport/test_feed_replica.py."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from factory.protocol.codec import MAX_FRAME
from factory.protocol.feed import Delta, Snapshot
from factory.transport import feed_publisher
from factory.transport.exchange import Caller, ReplyTo
from factory.transport.feed_frames import snapshots_path
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.feed_subscriber import FeedSubscriber
from tests.waiting import eventually

H = 0.2

Row = dict[str, Any]


class Feed:
    """A publisher with the state that it tells of."""

    def __init__(self, run_dir: Path, boot: str = "b1") -> None:
        self.publisher = FeedPublisher(run_dir, boot)
        self.rows: dict[str, Row] = {}
        self.snapshots = 0

    def offer(self, id_: str, version: int, **data: Any) -> None:
        self.rows[id_] = {"id": id_, **data}
        self.publisher.offer("item", id_, version, self.rows[id_])

    def snapshot(self) -> Snapshot:
        self.snapshots += 1
        return Snapshot("", 0, list(self.rows.values()), [], {})

    def turn(self) -> None:
        self.publisher.drain_requests(self.snapshot)
        self.publisher.flush()
        self.publisher.beat()

    def close(self) -> None:
        self.publisher.close()


class View:
    """What an observer would show."""

    def __init__(self, run_dir: Path) -> None:
        self.subscriber = FeedSubscriber(run_dir, H)
        self.rows: dict[str, Row] = {}
        self.handed: list[Snapshot | Delta] = []

    def look(self) -> None:
        while (message := self.subscriber.poll(0)) is not None:
            self.handed.append(message)
            if isinstance(message, Snapshot):
                self.rows = {row["id"]: row for row in message.items}
            elif message.kind == "item":
                self.rows[message.id] = message.data

    def deltas(self) -> list[Delta]:
        return [message for message in self.handed if isinstance(message, Delta)]

    def close(self) -> None:
        self.subscriber.close()


@pytest.fixture
def feed(run_dir, closing):
    return closing(Feed(run_dir))


@pytest.fixture
def view(run_dir, closing):
    return closing(View(run_dir))


def equal(feed: Feed, *views: View) -> Callable[[], bool]:
    def look() -> bool:
        feed.turn()
        for view in views:
            view.look()
        return all(view.rows == feed.rows and view.subscriber.live for view in views)

    return look


def follows(feed: Feed, view: View) -> list[str]:
    """Goes on until the view is sent what happens, forgets what it was sent by then, and returns of which things that told.

    A snapshot may be there before the subscription has reached the publisher, and what is sent until then reaches nobody.
    """

    def hears() -> bool:
        feed.publisher.offer("event", "first", 0, {})
        return equal(feed, view)() and bool(view.deltas())

    eventually(hears)
    feed.publisher.flush()
    eventually(lambda: equal(feed, view)() and view.deltas()[-1].seq == feed.publisher._seq)
    told = [delta.id for delta in view.deltas() if delta.id != "first"]
    view.handed.clear()
    feed.snapshots = 0
    return told


def test_a_late_joiner_starts_with_what_is_there(feed, view):
    feed.offer("a", 1, status="queued")
    feed.publisher.flush()

    eventually(equal(feed, view))

    assert view.rows == {"a": {"id": "a", "status": "queued"}}
    assert isinstance(view.handed[0], Snapshot)


def test_changes_follow_the_snapshot_one_number_at_a_time(feed, view):
    follows(feed, view)
    for version in range(1, 6):
        feed.offer("a", version, status=str(version))
        feed.publisher.flush()
    eventually(equal(feed, view))

    assert [delta.data["status"] for delta in view.deltas()] == ["1", "2", "3", "4", "5"]
    assert [delta.seq - view.deltas()[0].seq for delta in view.deltas()] == [0, 1, 2, 3, 4]
    assert feed.snapshots == 0


def test_of_many_changes_between_two_flushes_only_the_newest_is_sent(feed, view):
    follows(feed, view)
    for version in range(1, 1001):
        feed.offer("a", version, status=str(version))
        feed.offer("b", 1001 - version, status=str(version))
    feed.rows["b"] = {"id": "b", "status": "1"}  # the highest version, not the latest offer
    eventually(equal(feed, view))

    assert [(delta.id, delta.version) for delta in view.deltas()] == [("a", 1000), ("b", 1000)]


def test_events_are_not_conflated(feed, view):
    def events() -> list[int]:
        return [delta.data["number"] for delta in view.deltas() if delta.id == "a"]

    follows(feed, view)
    for number in range(3):
        feed.publisher.offer("event", "a", 0, {"number": number})
    eventually(lambda: equal(feed, view)() and len(events()) >= 3)

    assert events() == [0, 1, 2]


def test_what_a_snapshot_holds_does_not_follow_it_as_news(feed, view):
    feed.offer("a", 1, status="queued")

    def has_snapshot() -> bool:
        feed.publisher.drain_requests(feed.snapshot)
        view.look()
        return bool(view.subscriber.live)

    eventually(has_snapshot)
    seen = dict(view.rows)
    told = follows(feed, view)
    feed.offer("b", 1, status="queued")
    eventually(equal(feed, view))

    assert seen == {"a": {"id": "a", "status": "queued"}}
    assert (told, [delta.id for delta in view.deltas()]) == ([], ["b"])


def test_a_thing_that_has_gone_is_sent_without_data(feed, view):
    follows(feed, view)
    feed.publisher.offer("worker", "a-1", 2, None)
    eventually(lambda: equal(feed, view)() and view.deltas())

    assert [(delta.kind, delta.id, delta.data) for delta in view.deltas()] == [("worker", "a-1", None)]


def test_too_many_pending_changes_become_a_gap_and_a_snapshot(feed, view, monkeypatch):
    follows(feed, view)
    monkeypatch.setattr(feed_publisher, "MAX_PENDING", 10)
    for number in range(25):
        feed.offer(f"i{number}", 1, status="queued")
    eventually(equal(feed, view))

    assert feed.publisher.dropped == 15
    assert feed.snapshots == 1


def test_a_change_too_large_for_the_wire_reaches_observers_in_a_snapshot(feed, view):
    follows(feed, view)
    feed.offer("a", 1, title="x" * MAX_FRAME)
    eventually(equal(feed, view))

    assert feed.publisher.dropped == 1
    assert feed.snapshots == 1


def test_an_observer_follows_a_restarted_feed(run_dir, feed, view, closing):
    feed.offer("a", 1, status="queued")
    eventually(equal(feed, view))
    feed.close()

    successor = closing(Feed(run_dir, "b2"))
    successor.offer("b", 1, status="running")
    eventually(equal(successor, view))

    assert view.rows == {"b": {"id": "b", "status": "running"}}


def test_an_observer_may_be_there_before_the_feed(run_dir, view, closing):
    assert view.subscriber.poll(0.01) is None

    feed = closing(Feed(run_dir))
    feed.offer("a", 1, status="queued")

    eventually(equal(feed, view))


def test_an_observer_that_hears_nothing_says_that_its_state_is_old(feed, view):
    eventually(equal(feed, view))

    def silent() -> bool:
        view.look()
        return not view.subscriber.live

    eventually(silent)


def questions(feed: Feed, count: int, *views: View) -> list[tuple[ReplyTo | None, bytes]]:
    """As many requests for a snapshot as came, taken before the publisher sees them."""
    asked: list[tuple[ReplyTo | None, bytes]] = []

    def enough() -> bool:
        for view in views:
            view.look()
        asked.extend(feed.publisher._desk.drain())
        return len(asked) >= count

    eventually(enough)
    return asked


def test_no_more_than_one_snapshot_is_asked_for_in_a_heartbeat(feed, view):
    started = time.monotonic()
    asked = questions(feed, 4, view)

    assert len(asked) == 4
    assert time.monotonic() - started >= 3 * H * 0.9


def test_observers_that_ask_together_share_one_snapshot(run_dir, feed, closing, monkeypatch):
    asked = questions(feed, 5, *[closing(View(run_dir)) for _ in range(5)])
    monkeypatch.setattr(feed.publisher._desk, "drain", lambda _: asked)

    answered = feed.publisher.drain_requests(feed.snapshot)

    assert answered == 5
    assert feed.snapshots == 1


def test_what_is_no_request_is_counted_and_not_answered(run_dir, feed, closing):
    stranger = closing(Caller(snapshots_path(run_dir)))
    stranger.post(b"\xc1")

    eventually(lambda: feed.publisher.drain_requests(feed.snapshot) or feed.publisher.bad == 1)

    assert feed.snapshots == 0


@contextmanager
def changing(feed: Feed) -> Iterator[None]:
    """Changes and beats from a thread of its own, which owns the sockets until the block ends."""
    stop = threading.Event()

    def run() -> None:
        version = 0
        while not stop.is_set():
            version += 1
            for key in range(50):
                feed.offer(f"i{key}", version, number=version)
            feed.turn()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def test_an_observer_that_was_stopped_for_a_while_ends_with_the_newest_state(feed, view):
    eventually(equal(feed, view))
    with changing(feed):
        # Nothing is read until long after the publisher's and the system's buffers have overflowed.
        eventually(lambda: feed.publisher._seq > 60_000, 60)

    eventually(equal(feed, view))
