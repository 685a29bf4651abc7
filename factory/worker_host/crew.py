"""The workers of this machine, from order to state: what runs, what waits for its source, and the files on their way. For one thread.

order ──► lane ──► done        waits ──► WANT_SOURCE ──► SOURCE_READY ──► pieces ──► the cache ──► made
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from factory.errors import FactoryError
from factory.full_disk import is_full
from factory.host_ports import Parcel
from factory.parcels import Arrivals, pieces
from factory.ports import Clock
from factory.protocol.host import (
    Chunk,
    FromHost,
    Get,
    HostDone,
    HostOrder,
    SourceFailed,
    SourceReady,
    WantSource,
    WorkerCounts,
    WorkerState,
)
from factory.worker_host.lanes import Lanes
from factory.worker_host.orders import Hands

log = logging.getLogger(__name__)

_WANT_AGAIN_SECONDS = 2.0
_HERE = "here"
"""Whose parcels the arrivals are: the factory's, and no other's."""
_LISTING, _COUNTING = "-listing", "-counting"
"""Lanes that no worker is called like."""


@dataclass(slots=True)
class _Waiting:
    """A worker without its source. `ready`: what the factory has made for it; `asked` in monotonic seconds."""

    order: HostOrder
    haves: tuple[str, ...] | None = None
    ready: SourceReady | None = None
    asked: float = float("-inf")
    failed: str = ""


@dataclass(slots=True)
class Crew:
    """`say` and `say_data` hand a message to the factory, and say whether it was taken."""

    hands: Hands
    lanes: Lanes
    arrivals: Arrivals
    clock: Clock
    say: Callable[[FromHost], bool]
    say_data: Callable[[FromHost], bool]
    sid: str = ""
    counts: dict[str, WorkerCounts] = field(default_factory=dict)
    _states: dict[str, WorkerState] = field(default_factory=dict)
    _changed: dict[str, int] = field(default_factory=dict)
    _turn: int = 0
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _listed: bool = False

    def begin(self) -> None:
        """Takes up what a process before this one was at."""
        now = self.clock.now()
        self.arrivals.tidy(now)
        for order in self.hands.waiting():
            self._waits(order)

    # -- states -------------------------------------------------------------------------------------------------------

    @property
    def is_known(self) -> bool:
        """Whether the workers were listed since the start. Before that nothing may be said of them."""
        return self._listed

    def states(self) -> tuple[WorkerState, ...]:
        return tuple(self._states.values())

    def look(self) -> None:
        """Has the workers listed, unless that is under way."""
        if not self.lanes.is_busy(_LISTING):
            self.lanes.add(_LISTING, partial(self._list, self._turn))

    def count(self) -> None:
        """Has what they use read, unless that is under way; beside the listing, since for people to see only."""
        running = [state.name for state in self._states.values() if state.life == "running" and not state.waits]
        if self.hands.meter is not None and not self.lanes.is_busy(_COUNTING):
            self.lanes.add(_COUNTING, partial(self._count, running))

    def _count(self, names: list[str]) -> Callable[[], None]:
        try:
            return partial(self._take_counts, self.hands.counts(names))
        except (FactoryError, OSError) as error:
            log.info("what workers use is not known now: %s", error)
            return partial(self._take_counts, {})

    def _take_counts(self, counts: dict[str, WorkerCounts]) -> None:
        self.counts = counts

    def _list(self, turn: int) -> Callable[[], None]:
        try:
            return partial(self._take_list, turn, self.hands.states())
        except (FactoryError, OSError) as error:
            return partial(log.warning, "the workers cannot be listed now: %s", error)

    def _take_list(self, turn: int, states: tuple[WorkerState, ...]) -> None:
        # What an order has changed since the list was begun is newer than the list.
        fresh = {name for name, changed in self._changed.items() if changed > turn}
        kept = {name: state for name, state in self._states.items() if name in fresh or name in self._waiting}
        self._states = {**{state.name: state for state in states if state.name not in fresh}, **kept}
        self._changed = {name: self._changed[name] for name in fresh}
        self._listed = True

    def _note(self, state: WorkerState) -> None:
        self._turn += 1
        self._changed[state.name] = self._turn
        if state.life == "gone":
            self._states.pop(state.name, None)
        else:
            self._states[state.name] = state

    # -- orders -------------------------------------------------------------------------------------------------------

    def order(self, order: HostOrder) -> None:
        """Has it carried out, behind what was ordered for the same worker before."""
        if order.verb in {"stop", "remove"}:
            self._drop(order.worker)
        verbs = {"start": self.hands.start, "stop": self.hands.stop, "remove": self.hands.remove, "collect": self.hands.collect}
        self.lanes.add(order.worker, partial(self._carry_out, order, verbs[order.verb]))

    def _carry_out(self, order: HostOrder, verb: Callable[[HostOrder], HostDone]) -> Callable[[], None]:
        return partial(self._carried_out, order, verb(order))

    def _carried_out(self, order: HostOrder, done: HostDone) -> None:
        if done.state is not None:
            self._note(done.state)
            if done.state.waits and order.worker not in self._waiting:
                self._waits(order)
        # Where it does not leave now, the factory orders it again and finds it done.
        self.say(done)

    # -- sources ------------------------------------------------------------------------------------------------------

    def _waits(self, order: HostOrder) -> None:
        self._waiting[order.worker] = _Waiting(order)
        self._note(WorkerState(order.worker, "running", reason="its source is on its way", waits=True))

    def _drop(self, worker: str) -> None:
        waiting = self._waiting.pop(worker, None)
        if waiting is not None and waiting.ready is not None:
            self.arrivals.drop(_HERE, waiting.ready.parcel)

    def go_on(self) -> None:
        """Asks for sources and pieces that are to be asked for now; one source of a repository at a time, since the next may need less."""
        busy: set[str] = set()
        for waiting in list(self._waiting.values()):
            source = waiting.order.source
            if source is None or source.key in busy or waiting.failed:
                continue
            busy.add(source.key)
            if waiting.ready is not None:
                self._ask_pieces(waiting.ready)
            elif waiting.haves is None:
                self._find_haves(waiting.order)
            elif self.clock.monotonic() - waiting.asked >= _WANT_AGAIN_SECONDS:
                waiting.asked = self.clock.monotonic()
                self.say_data(WantSource(self.sid, waiting.order.worker, source.commits, waiting.haves))

    def new_session(self) -> None:
        """The factory may have forgotten what it had made for us."""
        for waiting in self._waiting.values():
            if waiting.ready is not None:
                self.arrivals.drop(_HERE, waiting.ready.parcel)
            waiting.ready, waiting.asked = None, float("-inf")

    def _find_haves(self, order: HostOrder) -> None:
        if not self.lanes.is_busy(order.worker):
            self.lanes.add(order.worker, partial(self._looked, order))

    def _looked(self, order: HostOrder) -> Callable[[], None]:
        source, sources = order.source, self.hands.sources
        if source is None or sources.holds(source.key, source.commits):
            return self._make(order)
        return partial(self._has, order.worker, sources.haves(source.key))

    def _has(self, worker: str, haves: tuple[str, ...]) -> None:
        if worker in self._waiting:
            self._waiting[worker].haves = haves

    def hear(self, said: SourceReady | SourceFailed | Get | Chunk) -> None:
        try:
            match said:
                case SourceReady():
                    self._receive(said)
                case SourceFailed():
                    self._fail(said.worker, said.reason, full=said.full)
                case Get():
                    self._give(said)
                case Chunk():
                    self._take(said)
        except OSError as error:
            self._cannot_store(said, error)

    def _cannot_store(self, said: SourceReady | SourceFailed | Get | Chunk, error: OSError) -> None:
        parcel = said.parcel if isinstance(said, Chunk | SourceReady) else ""
        waiting = next((each for each in self._waiting.values() if each.ready and each.ready.parcel == parcel), None)
        if waiting is None:
            log.warning("a file on its way cannot be kept or read: %s", error)
            return
        self.arrivals.discard(_HERE, parcel)
        self._failure(waiting.order.worker, "its source cannot be stored", error)()

    def _receive(self, ready: SourceReady) -> None:
        waiting = self._waiting.get(ready.worker)
        if waiting is not None and waiting.ready is None and not waiting.failed and ready.parcel.isalnum() and ready.sha256.isalnum():
            waiting.ready = ready
            self.arrivals.begin(_HERE, ready.parcel, ready.size, ready.sha256, self.clock.monotonic())
            self._ask_pieces(ready)

    def _take(self, chunk: Chunk) -> None:
        waiting = next((each for each in self._waiting.values() if each.ready and each.ready.parcel == chunk.parcel), None)
        if waiting is not None and waiting.ready is not None and self.arrivals.take(_HERE, chunk, self.clock.monotonic()):
            self._ask_pieces(waiting.ready)

    def _ask_pieces(self, ready: SourceReady) -> None:
        now = self.clock.monotonic()
        if not self.arrivals.has(_HERE, ready.parcel):
            return  # it is being unpacked
        path = self.arrivals.finished(_HERE, ready.parcel)
        if path is not None:
            self.lanes.add(ready.worker, partial(self._unpack, ready, path))
        elif self.arrivals.is_stuck(_HERE, ready.parcel, now):
            self._fail(ready.worker, "nothing of its source arrives any more")
        else:
            for ask in self.arrivals.due(_HERE, ready.parcel, now):
                self.say_data(Get(self.sid, ready.parcel, *ask))

    def _unpack(self, ready: SourceReady, path: Path) -> Callable[[], None]:
        waiting = self._waiting.get(ready.worker)
        source = waiting.order.source if waiting else None
        if waiting is None or source is None:
            return _nothing
        try:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != ready.sha256:
                    return partial(self._fail, ready.worker, "its source did not arrive as it was sent")
            self.hands.sources.take(source.key, path, source.commits)
        except (FactoryError, OSError) as error:
            return self._failure(ready.worker, "its source cannot be stored", error)
        finally:
            path.unlink(missing_ok=True)
        return self._make(waiting.order)

    def _make(self, order: HostOrder) -> Callable[[], None]:
        # Stopped meanwhile: nobody wants it any more.
        if order.worker not in self._waiting:
            return _nothing
        try:
            return partial(self._made, self.hands.make(order))
        except (FactoryError, OSError) as error:
            return self._failure(order.worker, "its folder cannot be made", error)

    def _made(self, state: WorkerState) -> None:
        self._waiting.pop(state.name, None)
        self._note(state)

    def _failure(self, worker: str, what: str, error: Exception) -> Callable[[], None]:
        full = is_full(error)
        return partial(self._fail, worker, f"{what}: the disk of its host is full" if full else str(error), full=full)

    def _fail(self, worker: str, reason: str, *, full: bool = False) -> None:
        waiting = self._waiting.get(worker)
        if waiting is not None:
            log.warning("worker %s cannot be made: %s", worker, reason)
            self._drop(worker)
            self._waiting[worker] = _Waiting(waiting.order, failed=reason)
            self._note(WorkerState(worker, "exited", reason=reason if full else f"it could not be made: {reason}", full=full))

    # -- results ------------------------------------------------------------------------------------------------------

    def _give(self, asked: Get) -> None:
        found = next(iter(self.hands.home.outgoing.glob(f"*.{asked.parcel}")), None) if asked.parcel.isalnum() else None
        if found is None:
            return
        for chunk in pieces(Parcel(found, found.stat().st_size, ""), asked):
            if not self.say_data(chunk):
                return


def _nothing() -> None:
    """The worker is wanted no more."""
