"""What a factory knows of its hosts while they are connected: sessions, and the calls that are under way. No sockets, no store, no clock.

    host ──HELLO──► session ──BEAT──► what its workers are like     a call ──► ORDER ──► DONE ──► its answer, until nobody asks for it

A session ends with the next HELLO, since whoever says it has forgotten what was said before. Calls outlive it: each is ordered again in
the new one, and carrying one out twice changes nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from factory.domain.hosts import MOST_CAPACITY
from factory.host_ports import Parcel
from factory.protocol.host import MAX_WORKERS, Facts, HostBeat, HostDone, HostOrder, WorkerCounts, WorkerState
from factory.protocol.host_mail import HostAnswer, HostCall, HostSeen

SILENCE = 3
"""Heartbeats without a word after which a host counts as away: as many as a lease has."""

_KEPT_SECONDS = 60.0
"""For an answer that nobody asks for any more, and for a call whose caller has gone."""

MOST_CALLS = 1_000

_MOST_TEXT = 200
_MOST_LISTED_TEXT = 40
_MOST_ENGINES, _MOST_ENGINE = 20, 40
_MOST_NUMBER, _MOST_BYTES = 2**31 - 1, 2**63 - 1
_LONGEST = 1e11
"""Seconds: more than any clock shows, and than all processors of a machine have worked."""
_WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""As a host's own rule has it."""

_MOST_LISTED = 2_000
"""Workers in one answer about all hosts, which has to fit into a frame whatever they say."""


def plain(text: str, most: int = _MOST_TEXT) -> str:
    """What may be stored and shown of a host's words."""
    return "".join(character for character in text[:most] if character.isprintable())


def plain_facts(facts: Facts) -> Facts:
    """The same of all that it says of itself."""
    engines, alone = (tuple(plain(engine, _MOST_ENGINE) for engine in told[:_MOST_ENGINES]) for told in (facts.engines, facts.alone))
    cores, memory, capacity = (min(max(number, 0), _MOST_NUMBER) for number in (facts.cores, facts.memory, facts.capacity))
    return Facts(engines, cores, memory, capacity, plain(facts.isolation, _MOST_ENGINE), plain(facts.version, _MOST_ENGINE), alone)


def plain_state(state: WorkerState) -> WorkerState:
    """The same of a worker."""
    return msgspec.structs.replace(state, reason=plain(state.reason))


def plain_counts(told: WorkerCounts) -> WorkerCounts | None:
    """The same of what a worker uses; None where no machine could have counted that."""
    times, numbers = (told.at, told.cpu_seconds), (told.memory, told.memory_limit)
    if not all(0 <= time <= _LONGEST for time in times) or not all(0 <= number <= _MOST_BYTES for number in numbers):
        return None
    # In whole milliseconds, since a rate over less than one would be any number.
    return msgspec.structs.replace(told, at=round(told.at, 3)) if 0 <= told.pids <= _MOST_NUMBER else None


def is_worker(name: str) -> bool:
    """Whether a worker can be called so."""
    return _WORKER.fullmatch(name) is not None


@dataclass(slots=True)
class Session:
    """One host's. Times are monotonic seconds.

    Attributes:
        route: its control connection, `data_route` the other one.
        seq: of the last beat.
        workers: by name; nothing is known before the first beat.
        offers: parcels that it may fetch.
    """

    host: str
    sid: str
    boot: str
    route: bytes
    facts: Facts
    heard: float
    data_route: bytes | None = None
    seq: int = 0
    workers: dict[str, WorkerState] | None = None
    counts: dict[str, WorkerCounts] = field(default_factory=dict)
    full: bool = False
    offers: dict[str, Parcel] = field(default_factory=dict)

    def is_here(self, now: float, heartbeat: float) -> bool:
        return now - self.heard <= SILENCE * heartbeat

    def takes_beat(self, beat: HostBeat) -> bool:
        """Whether it is newer than the last one."""
        if beat.seq <= self.seq or len(beat.workers) > MAX_WORKERS:
            return False
        self.seq, self.workers = beat.seq, {state.name: plain_state(state) for state in beat.workers if is_worker(state.name)}
        self.full = beat.full
        self.counts = {name: counts for name, told in beat.counts.items() if name in self.workers and (counts := plain_counts(told))}
        return True

    def note(self, state: WorkerState) -> None:
        """What an order has made of a worker."""
        known = self.workers if self.workers is not None else {}
        if state.life == "gone":
            known.pop(state.name, None)
        else:
            known[state.name] = state
        self.workers = known if self.workers is not None else None

    def look(self, worker: str) -> HostAnswer:
        """How a worker is, as far as the host said."""
        if self.workers is None:
            return HostAnswer("away", reason="its host has only just come back")
        return HostAnswer("done", self.workers.get(worker) or WorkerState(worker, "gone"), counts=self.counts.get(worker))

    def seen(self, now: float, heartbeat: float, labels: tuple[str, ...], *, draining: bool, hosts: int = 1) -> HostSeen:
        """For an answer about so many hosts."""
        here = self.is_here(now, heartbeat) and self.workers is not None
        listed = list((self.workers or {}).values())[: _MOST_LISTED // hosts]
        facts, workers = self.facts, tuple(msgspec.structs.replace(one, reason=one.reason[:_MOST_LISTED_TEXT]) for one in listed)
        capacity = min(max(facts.capacity, 0), MOST_CAPACITY)
        return HostSeen(self.host, here, draining, capacity, facts.engines, labels, facts.isolation, workers, facts.alone, self.full)


@dataclass(slots=True)
class Call:
    """One call under way, or done. Times are monotonic seconds."""

    mail: HostCall
    asked: float
    ordered: float = 0.0
    ordered_in: str = ""
    done: HostDone | None = None
    answer: HostAnswer | None = None

    def order(self, sid: str, now: float) -> HostOrder:
        self.ordered, self.ordered_in = now, sid
        mail = self.mail
        return HostOrder(
            sid=sid, id=mail.id, verb=mail.verb, worker=mail.worker, arguments=mail.arguments, files=mail.files,
            environment=mail.environment, readable=mail.readable, source=mail.source, grace=mail.grace, file=mail.file, limit=mail.limit,
            alone=mail.alone,
        )  # fmt: skip


@dataclass(slots=True)
class Calls:
    """All calls, by id."""

    _calls: dict[str, Call] = field(default_factory=dict)

    def get(self, number: str) -> Call | None:
        return self._calls.get(number)

    def take(self, mail: HostCall, now: float) -> Call | None:
        """The call of this mail, made unless it is there; None where there are too many."""
        call = self._calls.get(mail.id)
        if call is None:
            if mail.verb in {"stop", "remove"}:
                self._cancel_starts(mail)
            if len(self._calls) >= MOST_CALLS:
                return None
            call = self._calls[mail.id] = Call(mail, now)
        call.asked = now
        return call

    def give_up(self, mail: HostCall) -> None:
        """Its host is away, which the caller is told: it is not carried out later, when nobody counts with it any more."""
        self._calls.pop(mail.id, None)
        if mail.verb in {"stop", "remove"}:
            self._cancel_starts(mail)

    def _cancel_starts(self, mail: HostCall) -> None:
        # Else one that got no answer would be ordered again behind the worker's end, and make it anew.
        late = [
            number
            for number, call in self._calls.items()
            if call.done is None and (call.mail.verb, call.mail.host, call.mail.worker) == ("start", mail.host, mail.worker)
        ]
        for number in late:
            del self._calls[number]

    def due(self, host: str, sid: str, now: float, every: float) -> Iterator[Call]:
        """Calls of a host that are to be ordered now: for the first time in this session, or again."""
        for call in self._calls.values():
            if call.mail.host == host and call.done is None and (call.ordered_in != sid or now - call.ordered >= every):
                yield call

    def forget(self, now: float) -> list[Call]:
        """Drops those whose caller has gone, and returns them."""
        old = [call for call in self._calls.values() if now - call.asked > _KEPT_SECONDS]
        for call in old:
            del self._calls[call.mail.id]
        return old
