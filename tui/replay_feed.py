"""A feed that tells what was, at the speed that somebody wants: a `link.Feed` over the factory's trail."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from factory.errors import FactoryUnreachable
from factory.protocol.commands import Query, Reply
from factory.protocol.feed import Delta, Snapshot
from tui.link import Commands, Update
from tui.replay import Replay, needing_history
from tui.world import Row

SPEEDS = (1, 4, 16)

_PAGE = 1_000
_MOST_EVENTS = 200_000
_ITEMS = 1_000
_TURN_SECONDS = 0.1
_ASK_SECONDS = 10.0
_AGAIN_SECONDS = 1.0


class Controls:
    """What keys say, and what the feed has come to. Shared by the app's thread and the feed's.

    Attributes:
        at: the time that is shown, in Unix seconds; None while the past is being read.
        read: events that were read so far.
        over: nothing comes any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: deque[int] = deque()
        self.paused, self.speed = False, SPEEDS[0]
        self.at: float | None = None
        self.read = 0
        self.over = False
        self.reason = ""

    def pause(self) -> None:
        """Stops, or goes on."""
        self.paused = not self.paused

    def step(self, by: int) -> None:
        """One event forward (1) or back (-1); time stands still after it."""
        with self._lock:
            self.paused = True
            self._steps.append(by)

    def faster(self) -> None:
        """The next speed, after the last one the first."""
        self.speed = SPEEDS[(SPEEDS.index(self.speed) + 1) % len(SPEEDS)]

    def take_step(self) -> int:
        """A step that was asked for and not made; 0 for none."""
        with self._lock:
            return self._steps.popleft() if self._steps else 0


class ReplayFeed:
    """Belongs to one thread, as the feed that it stands for.

    Args:
        open_commands: the way to the factory, which keeps the trail.
        since: seconds before now.
        wall: Unix seconds.
        clock: monotonic seconds.
        wait: lets so many seconds pass.
    """

    def __init__(
        self,
        open_commands: Callable[[], Commands],
        controls: Controls,
        since: float,
        *,
        wall: Callable[[], float],
        clock: Callable[[], float],
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._open, self._controls, self._since = open_commands, controls, since
        self._wall, self._clock, self._wait = wall, clock, wait or threading.Event().wait
        self._commands: Commands | None = None
        self._replay: Replay | None = None
        self._ready: deque[Update] = deque()
        self._last = clock()

    @property
    def live(self) -> bool:
        """Questions can be asked: diffs and logs are kept, and are those of today."""
        return self._replay is not None

    def close(self) -> None:
        if self._commands is not None:
            self._commands.close()

    def poll(self, timeout: float) -> Snapshot | Delta | None:
        """The next thing that happened; None where nothing did within the time."""
        if self._replay is None:
            self._load()
        elif not self._ready:
            _ = self._wait(min(timeout, _TURN_SECONDS))
            self._turn(self._replay)
        return self._ready.popleft() if self._ready else None

    def _turn(self, replay: Replay) -> None:
        controls, now = self._controls, self._clock()
        passed, self._last = now - self._last, now
        step = controls.take_step()
        if step > 0:
            self._ready.extend(replay.step())
        elif step < 0:
            self._ready.append(replay.back())
        elif not controls.paused and not replay.over:
            self._ready.extend(replay.until(replay.at + passed * controls.speed))
        controls.at, controls.over = replay.at, replay.over

    # -- reading the past ---------------------------------------------------------------------------------------------

    def _load(self) -> None:
        try:
            self._replay = self._read()
        except FactoryUnreachable as error:
            self._controls.reason = str(error)
            _ = self._wait(_AGAIN_SECONDS)
            return
        self._controls.reason, self._controls.at = "", self._replay.at
        self._last = self._clock()
        self._ready.append(self._replay.snapshot())

    def _read(self) -> Replay:
        start = self._wall() - self._since
        events = self._events(start)
        today = {str(row["id"]): row for row in self._ask(Query("items", limit=_ITEMS))["items"]}
        before = {item: self._history(item, seq) for item, seq in needing_history(events).items()}
        return Replay(events, before, today, start)

    def _events(self, start: float) -> list[Row]:
        found: list[Row] = []
        place, more = "", True
        while more and len(found) < _MOST_EVENTS:
            data = self._ask(Query("trail", since=start, place=place, limit=_PAGE))
            # Later ones are not the past any more: the trail would never end under a busy factory.
            page: Sequence[Row] = data.get("events") or ()
            found += page
            place, self._controls.read = str(data.get("next") or ""), len(found)
            more = bool(place and page) and float(page[-1]["at"]) <= start + self._since
        return found

    def _history(self, item: str, seq: int) -> list[Row]:
        """The events of an item with a lower number."""
        found: list[Row] = []
        after = 0
        while after < seq - 1:
            page = self._ask(Query("events", item, offset=after, limit=_PAGE))["events"]
            if not page:
                break
            found += [{**row, "stream": f"item:{item}"} for row in page if row["seq"] < seq]
            after = int(page[-1]["seq"])
        return found

    def _ask(self, query: Query) -> Mapping[str, Any]:
        """Raises `FactoryUnreachable`, also where the factory has no answer now."""
        if self._commands is None:
            self._commands = self._open()
        reply: Reply = self._commands.ask(query, _ASK_SECONDS)
        if reply.code != "ok":
            raise FactoryUnreachable(reply.reason)
        data: Mapping[str, Any] = reply.data
        return data
