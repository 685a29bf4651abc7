"""An observer of the feed, as a terminal is one: what it holds must equal the fold of the events soon after each fault (I9)."""

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from factory.protocol.feed import Delta, Snapshot
from factory.transport.feed_subscriber import FeedSubscriber

_POLL_SECONDS = 0.2


class Observer:
    """Follows one factory over all its restarts, in a thread of its own.

    Args:
        canaries: texts that must never come over the feed.

    Attributes:
        leaked: canaries that came.
        snapshots: how many were taken.
    """

    def __init__(self, run_dir: Path, heartbeat: float, canaries: Iterable[str] = ()) -> None:
        self._run_dir, self._heartbeat = run_dir, heartbeat
        self.canaries = tuple(canaries)
        self._items: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._open = True
        self.leaked: set[str] = set()
        self.snapshots = 0
        self.live = False
        self._thread = threading.Thread(target=self._follow, name="observer", daemon=True)
        self._thread.start()

    def item(self, item: str) -> dict[str, Any]:
        """The item as this observer sees it, empty where it knows of none."""
        with self._lock:
            return dict(self._items.get(item, {}))

    def pretend(self, item: str, **changes: object) -> None:
        """Puts something wrong into the replica, for a test of the checker."""
        with self._lock:
            self._items[item] = {**self._items[item], **changes}

    def close(self) -> None:
        self._open = False
        self._thread.join(5)

    def _follow(self) -> None:
        subscriber = FeedSubscriber(self._run_dir, self._heartbeat)
        try:
            while self._open:
                update = subscriber.poll(_POLL_SECONDS)
                self.live = subscriber.live
                if update is not None:
                    self._take(update)
        finally:
            subscriber.close()

    def _take(self, update: Snapshot | Delta) -> None:
        with self._lock:
            if isinstance(update, Snapshot):
                self.snapshots += 1
                self._items = {row["id"]: row for row in update.items}
                self._look_for_canaries([update.items, update.workers, update.limits])
                return
            self._look_for_canaries(update.data)
            if update.kind == "item":
                self._items[update.id] = update.data

    def _look_for_canaries(self, data: Any) -> None:
        text = json.dumps(data, default=str)
        self.leaked |= {canary for canary in self.canaries if canary in text}
