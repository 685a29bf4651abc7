"""The ways out of this machine's workers that have no network: one process each, which has the factory's key and nobody else here does.

    LET_OUT ──► are its terms here? ──no──► WANT_TERMS ──► TERMS ──► a process ──► what the worker uses ──► OUTLAY, until OUTLAY_KEPT

What was used is kept on the disk too, by the process that counts it: no death and no break of the link has it forgotten, or counted anew.
For one thread.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from factory.domain.way_out import may_show
from factory.errors import HostUnavailable
from factory.ports import Clock
from factory.protocol.codec import BadMessage, Decoder
from factory.protocol.host import FromHost, HostLetOut, HostOutlay, HostTerms, OutlayKept, WantTerms
from factory.worker_host.account import forget
from factory.worker_host.home import Home

log = logging.getLogger(__name__)

_MOST_SHUT = 1_000
"""Workers that were shut out, of which a word that is still on its way opens nothing."""

_decode: Decoder[HostOutlay] = Decoder(HostOutlay)


class Outlet(Protocol):
    """One worker's way out."""

    def say(self, said: HostTerms | HostLetOut) -> None:
        """Terms come first, and once."""
        ...

    def heard(self) -> Sequence[HostOutlay]:
        """What it has told since the last call. Does not block."""
        ...

    def is_alive(self) -> bool: ...

    def end(self) -> None:
        """Nobody is let out any more. It still tells what it has to, and then is gone."""
        ...


class Outlets(Protocol):
    """Makes them."""

    def open(self, worker: str) -> Outlet:
        """Raises `errors.HostUnavailable`."""
        ...


@dataclass(slots=True)
class _Way:
    outlet: Outlet
    terms: str
    until: float


@dataclass(slots=True)
class WaysOut:
    """`say` hands a message to the factory, and says whether it was taken."""

    home: Home
    outlets: Outlets
    clock: Clock
    say: Callable[[FromHost], bool]
    sid: str = ""
    _ways: dict[str, _Way] = field(default_factory=dict)
    _ending: list[tuple[str, Outlet]] = field(default_factory=list)
    _wanted: dict[str, HostLetOut] = field(default_factory=dict)
    _shut: dict[str, None] = field(default_factory=dict)
    _reports: dict[str, HostOutlay] = field(default_factory=dict)
    _said: dict[str, float] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)
    """Up to which number the factory has a worker's account."""
    _left: set[str] = field(default_factory=set)
    """Whose account is still another process's."""

    def begin(self) -> None:
        """Takes up what a process before this one may not have told."""
        for path in sorted(self.home.accounts.glob("*.outlay")):
            try:
                told = _decode(path.read_bytes())
            except (OSError, BadMessage) as error:
                log.warning("the account %s cannot be read: %s", path.name, error)
            else:
                self._reports[told.worker] = told

    # -- from the factory ---------------------------------------------------------------------------------------------

    def hear(self, said: HostLetOut | HostTerms | OutlayKept) -> None:
        match said:
            case HostLetOut() if may_show(said.worker) and said.worker not in self._shut:
                self._let_out(said)
            case HostTerms():
                self._open(said)
            case OutlayKept(_, worker, number):
                self._kept(worker, number)

    def shut(self, worker: str) -> None:
        """It has ended, or is to end."""
        self._wanted.pop(worker, None)
        self._shut[worker] = None
        while len(self._shut) > _MOST_SHUT:
            del self._shut[next(iter(self._shut))]
        self._end(worker)

    def _let_out(self, said: HostLetOut) -> None:
        way = self._ways.get(said.worker)
        if way is not None and way.terms == said.terms and way.outlet.is_alive():
            way.until = self.clock.monotonic() + said.seconds
            way.outlet.say(said)
            return
        self._wanted[said.worker] = said
        self.say(WantTerms(self.sid, said.worker, said.terms))

    def _open(self, terms: HostTerms) -> None:
        said = self._wanted.pop(terms.worker, None)
        if said is None or said.terms != terms.terms:
            return
        # By other terms: what is under way by the old ones ends, and the worker's programs try again.
        self._end(terms.worker)
        try:
            outlet = self.outlets.open(terms.worker)
        except HostUnavailable as error:
            log.warning("worker %s cannot be let out: %s", terms.worker, error)
            return
        self._ways[terms.worker] = _Way(outlet, terms.terms, self.clock.monotonic() + said.seconds)
        outlet.say(terms)
        outlet.say(said)

    def _end(self, worker: str) -> None:
        way = self._ways.pop(worker, None)
        if way is not None:
            way.outlet.end()
            self._ending.append((worker, way.outlet))

    # -- to the factory -----------------------------------------------------------------------------------------------

    def now_in(self, sid: str) -> None:
        """The session, at the moment it begins: words that came right behind are answered in it. Empty: none."""
        if sid != self.sid:
            self.sid = sid
            self._said.clear()

    def passed(self, now: float, sid: str, heartbeat: float) -> None:
        """Tells what has become of them, at once in a new session, and ends those for whom nobody vouches any more."""
        self.now_in(sid)
        for worker in [worker for worker, way in self._ways.items() if way.until <= now or not way.outlet.is_alive()]:
            self._end(worker)
        for worker, outlet in [*((worker, way.outlet) for worker, way in self._ways.items()), *self._ending]:
            for told in outlet.heard():
                self._take(worker, told)
        ended = [worker for worker, outlet in self._ending if not outlet.is_alive()]
        self._ending = [(worker, outlet) for worker, outlet in self._ending if outlet.is_alive()]
        for worker in {*ended, *self._left}:
            self._forget(worker)
        if self.sid:
            self._report(now, heartbeat)

    def _take(self, worker: str, told: HostOutlay) -> None:
        # Of two ways of one worker the older one may be heard last.
        held = self._reports.get(worker)
        if held is None or told.number > held.number:
            self._reports[worker] = told
            self._said.pop(worker, None)

    def _report(self, now: float, heartbeat: float) -> None:
        for worker, told in self._reports.items():
            due = now - self._said.get(worker, float("-inf")) >= heartbeat
            if due and self.say(msgspec.structs.replace(told, sid=self.sid)):
                self._said[worker] = now

    def _kept(self, worker: str, number: int) -> None:
        told = self._reports.get(worker)
        if told is not None and told.number == number:
            del self._reports[worker]
            self._said.pop(worker, None)
            self._known[worker] = number
            self._forget(worker)

    def _forget(self, worker: str) -> None:
        """Its account too, once it has ended and the factory has all of it."""
        self._left.discard(worker)
        if worker in self._reports or worker in self._ways or any(worker == other for other, _ in self._ending):
            return
        try:
            more = forget(self.home.account(worker), self._known.get(worker, 0))
        except BlockingIOError:
            # A way that a process before this one opened has not ended yet: it may still write down its last word.
            self._left.add(worker)
            return
        if more is None:
            self._known.pop(worker, None)
        else:
            self._take(worker, more)

    def close(self) -> None:
        """Ends all. Whoever is killed instead has them end by that."""
        for worker in list(self._ways):
            self._end(worker)
