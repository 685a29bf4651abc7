"""The factory as it was: events folded into rows, forwards and back. Pure: no clock, no sockets.

Rows of items have what their events tell, and of what never changes (title, repository) what the item's row of today says. Workers are
known from the claims and ends of attempts and from what their agents told; they have no clocks here, since no event keeps beats.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from factory.domain.events import LIFECYCLE, EventType, fold
from factory.protocol.feed import Delta, Kind, Snapshot
from tui.world import Row

BOOT = "replay"

_FIXED = ("title", "repo", "base_branch", "engine", "source", "max_iterations", "created_at")
_WORKS = frozenset({"assigned", "running"})
_ITEM = "item:"


class Replay:
    """Events in the order of their time.

    Args:
        events: of the time that is replayed, of all streams.
        before: by item, its events before that; of an item that was enqueued within the time there are none.
        today: by item, its row as the factory has it now. What no event is about since is as it was then.

    Attributes:
        place: how many of the events have happened.
        at: the time that it is, in Unix seconds.
    """

    def __init__(self, events: Iterable[Row], before: Mapping[str, Sequence[Row]], today: Mapping[str, Row], start: float = 0.0) -> None:
        self.events = sorted(events, key=lambda row: (float(row["at"]), str(row["stream"]), int(row["seq"])))
        self._times = [float(row["at"]) for row in self.events]
        self._before, self._today = before, today
        self.start = start or (self._times[0] if self._times else 0.0)
        self._seq = self.place = 0
        self.at = self.start
        self._begin()

    # -- where it is --------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        return self.place >= len(self.events)

    @property
    def items(self) -> Mapping[str, Row]:
        """The rows of all items as of `at`."""
        return self._items

    def snapshot(self) -> Snapshot:
        """Everything as of `at`."""
        return Snapshot(BOOT, self._seq, [dict(row) for row in self._items.values()], [dict(row) for row in self._workers.values()], {},
                        about=self._about(), at=self.at)  # fmt: skip

    # -- moving -------------------------------------------------------------------------------------------------------

    def until(self, at: float) -> list[Delta]:
        """What happens up to a time; time goes on where nothing does."""
        deltas: list[Delta] = []
        for event in self.events[self.place : bisect_right(self._times, at)]:
            deltas += self._happen(event)
        self.at = max(self.at, at)
        return [*deltas, self._delta("about", "about", 0, self._about())]

    def step(self) -> list[Delta]:
        """The next event, whenever it was; nothing at the end."""
        if self.over:
            return []
        event = self.events[self.place]
        deltas = self._happen(event)
        self.at = float(event["at"])
        return [*deltas, self._delta("about", "about", 0, self._about())]

    def back(self) -> Snapshot:
        """To before the event that happened last. Events have no way back, so all is told again from the start."""
        wanted = max(self.place - 1, 0)
        self._begin()
        for event in self.events[:wanted]:
            _ = self._happen(event)
        self.at = self._times[wanted - 1] if wanted else self.start
        return self.snapshot()

    def _begin(self) -> None:
        self.place, self.at = 0, self.start
        self._items: dict[str, dict[str, Any]] = {}
        self._workers: dict[str, dict[str, Any]] = {}
        moved = {_item(row) for row in self.events} - {""}
        for item, row in self._today.items():
            if item not in moved:
                self._items[item] = {**row, "age": max(self.start - float(row.get("created_at") or self.start), 0.0)}
                self._follow_worker(self._items[item], self.start)
        for item in sorted(moved):
            for event in self._before.get(item, ()):
                _ = self._apply(item, event)

    def _happen(self, event: Row) -> list[Delta]:
        self.place += 1
        deltas = [self._delta("event", str(event["stream"]), int(event["seq"]), dict(event))]
        item = _item(event)
        return [*deltas, *self._apply(item, event)] if item else deltas

    # -- folding ------------------------------------------------------------------------------------------------------

    def _apply(self, item: str, event: Row) -> list[Delta]:
        data = event.get("data")
        data = data if isinstance(data, dict) else {}
        at = float(event["at"])
        row = self._items.get(item)
        if row is None:
            row = self._items[item] = self._new(item, at)
        row.update((name, data[name]) for name in LIFECYCLE if name in data)
        if event["type"] in {EventType.ENQUEUED, EventType.PUBLISHED, EventType.PULL_REQUEST_OPENED}:
            row.update({name: data[known] for known, name in (("title", "title"), ("repo", "repo"), ("url", "pr_url")) if known in data})
        row.update(version=int(event["seq"]), age=max(at - float(row["created_at"]), 0.0))
        if "status" in data:
            row["since_age"] = 0.0
        before = set(self._workers)
        self._follow_worker(row, at)
        self._hear_agent(row, data)
        return [self._delta("item", item, row["version"], dict(row)), *self._worker_deltas(row, before)]

    def _new(self, item: str, at: float) -> dict[str, Any]:
        today = self._today.get(item, {})
        row: dict[str, Any] = {**fold(()), "id": item, "status": "queued", "epoch": 0, "attempts": 0, "reason": "", "tokens": 0}
        row.update(priority=today.get("priority", 2), pr_url=None)
        row.update({name: today[name] for name in _FIXED if name in today})
        row["created_at"] = float(today.get("created_at") or at)
        return row

    def _follow_worker(self, row: Mapping[str, Any], at: float) -> None:
        """A worker is there from the claim on until its item has no holder, or another one."""
        item, holder = str(row["id"]), str(row.get("holder") or "")
        for name in [name for name, worker in self._workers.items() if worker["item"] == item and name != holder]:
            del self._workers[name]
        if holder and row.get("status") in _WORKS:
            worker = self._workers.setdefault(holder, {
                "id": holder, "item": item, "epoch": row.get("epoch"), "phase": "starting", "iteration": 0, "tokens": 0, "began": at,
                "beat_age": None, "progress_age": None, "host": "", "isolation": "", "reason": "",
            })  # fmt: skip
            running = row["status"] == "running"
            worker.update(status="busy" if running else "starting", age=max(at - worker["began"], 0.0))
            if running and worker["phase"] == "starting":
                worker["phase"] = "running"

    def _hear_agent(self, row: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        told, worker = data.get("agent"), self._workers.get(str(row.get("holder") or ""))
        if isinstance(told, dict) and worker is not None:
            worker.update({name: told[name] for name in ("iteration", "tokens") if isinstance(told.get(name), int)})

    def _worker_deltas(self, row: Mapping[str, Any], before: set[str]) -> list[Delta]:
        gone = [self._delta("worker", name, 0, None) for name in sorted(before - set(self._workers))]
        worker = self._workers.get(str(row.get("holder") or ""))
        return [*gone, self._delta("worker", worker["id"], 0, dict(worker))] if worker else gone

    def _delta(self, kind: Kind, name: str, version: int, data: object) -> Delta:
        self._seq += 1
        return Delta(BOOT, self._seq, kind, name, version, data, self.at)

    def _about(self) -> dict[str, Any]:
        return {"replayed_to": self.at, "events": len(self.events), "place": self.place}


def needing_history(events: Iterable[Row]) -> dict[str, int]:
    """Items whose first event here is not their first, with its number: what they were before has to be asked for."""
    first: dict[str, int] = {}
    for row in events:
        stream = str(row["stream"])
        if stream.startswith(_ITEM):
            item = stream.removeprefix(_ITEM)
            first[item] = min(first.get(item, int(row["seq"])), int(row["seq"]))
    return {item: seq for item, seq in first.items() if seq > 1}


def _item(row: Row) -> str:
    stream = str(row["stream"])
    return stream.removeprefix(_ITEM) if stream.startswith(_ITEM) else ""
