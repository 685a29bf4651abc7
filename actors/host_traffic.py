"""Sources on their way to hosts, and results on their way from them, as far as messages go."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from actors.background import Background
from actors.host_session import Call, Calls, Session
from factory.errors import Retryable
from factory.full_disk import is_full
from factory.host_ports import HostStore, Parcel, Sources
from factory.parcels import Arrivals, pieces
from factory.ports import Clock
from factory.protocol.host import MAX_HAVES, Chunk, Get, HostDone, SourceFailed, SourceReady, ToHost, WantSource
from factory.protocol.host_mail import HostAnswer, HostCall

log = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_COMMITS = 4
_FULL = "the disk of the factory is full"
_MOST_OFFERS = 300
"""Bundles that a host may fetch: one for each worker that it can have."""


@dataclass(slots=True)
class Traffic:
    """`send` hands a message to a connection of a host, and says whether it was taken."""

    arrivals: Arrivals
    sources: Sources
    store: HostStore
    background: Background
    clock: Clock
    calls: Calls
    send: Callable[[str, bytes, ToHost], bool]
    _packing: set[str] = field(default_factory=set)

    def hear(self, session: Session, said: WantSource | Get | Chunk) -> None:
        match said:
            case WantSource():
                self._want(session, said)
            case Get():
                self._give(session, said)
            case Chunk():
                self._take(session, said)

    def tidy(self) -> None:
        self.arrivals.tidy(self.clock.now())
        self.sources.tidy()

    def forget(self, mail: HostCall) -> None:
        """Nobody waits for what it fetches any more, and no other call goes on with that file."""
        self.arrivals.discard(mail.host, mail.id)

    def go_on(self, session: Session) -> None:
        """Asks again for what was lost on its way."""
        for parcel in self.arrivals.parcels(session.host):
            self._go_on(session, parcel)

    # -- results ------------------------------------------------------------------------------------------------------

    def fetch(self, session: Session, call: Call, done: HostDone) -> None:
        if not 0 <= done.size <= call.mail.limit:
            call.answer = HostAnswer("done", trouble="no_result", reason=f"it has {done.size} bytes, and {call.mail.limit} are allowed")
            return
        if not _SHA256.fullmatch(done.sha256):
            call.answer = HostAnswer("done", trouble="unavailable", reason="the host did not say what it found")
            return
        try:
            self.arrivals.begin(session.host, done.id, done.size, done.sha256, self.clock.monotonic())
        except OSError as error:
            call.answer = _unstored(error)
        else:
            self._go_on(session, done.id)

    def _take(self, session: Session, chunk: Chunk) -> None:
        try:
            if self.arrivals.take(session.host, chunk, self.clock.monotonic()):
                self._go_on(session, chunk.parcel)
        except OSError as error:
            self._break_off(session.host, chunk.parcel, _unstored(error))

    def _go_on(self, session: Session, parcel: str) -> None:
        path = self.arrivals.finished(session.host, parcel)
        call = self.calls.get(parcel)
        if path is not None:
            if call is not None and call.done is not None:
                call.answer = HostAnswer("done", size=call.done.size, sha256=call.done.sha256, path=str(path))
        elif self.arrivals.is_stuck(session.host, parcel, self.clock.monotonic()):
            self._break_off(session.host, parcel, HostAnswer("done", trouble="unavailable", reason="nothing of it arrives any more"))
        elif session.data_route is not None:
            for ask in self.arrivals.due(session.host, parcel, self.clock.monotonic()):
                self.send(session.host, session.data_route, Get(session.sid, parcel, *ask))

    def _break_off(self, host: str, parcel: str, answer: HostAnswer) -> None:
        self.arrivals.discard(host, parcel)
        call = self.calls.get(parcel)
        if call is not None:
            call.answer = answer

    # -- sources ------------------------------------------------------------------------------------------------------

    def _want(self, session: Session, want: WantSource) -> None:
        try:
            place = self.store.place_of(want.worker)
        except Retryable:
            return  # it is asked for again
        if place is None or place.host != session.host or not place.alive or not _are_commits(want.commits, _MOST_COMMITS):
            self._fail_source(session, want.worker, "no worker of this host needs that source")
            return
        haves = want.haves if _are_commits(want.haves, MAX_HAVES) else ()
        key = f"{session.host} {want.worker}"
        # Said again while it is made it is not made twice.
        if key not in self._packing and self.background.submit(key, partial(self.sources.pack, place.repo, want.commits, haves)):
            self._packing.add(key)

    def packed(self, sessions: Mapping[str, Session]) -> None:
        """Says which bundles have been made since."""
        for key, result in self.background.drain():
            self._packing.discard(str(key))
            host, worker = str(key).split(" ")
            self._packed(sessions.get(host), worker, result)

    def _packed(self, session: Session | None, worker: str, result: object) -> None:
        if session is None or session.data_route is None:
            return
        if not isinstance(result, Parcel):
            full = isinstance(result, Exception) and is_full(result)
            self._fail_source(session, worker, _FULL if full else str(result), full=full)
            return
        session.offers.pop(result.sha256, None)
        session.offers[result.sha256] = result
        while len(session.offers) > _MOST_OFFERS:
            del session.offers[next(iter(session.offers))]
        ready = SourceReady(session.sid, worker, result.sha256, result.size, result.sha256)
        self.send(session.host, session.data_route, ready)

    def _fail_source(self, session: Session, worker: str, reason: str, *, full: bool = False) -> None:
        if session.data_route is not None:
            self.send(session.host, session.data_route, SourceFailed(session.sid, worker, reason, full))

    def _give(self, session: Session, asked: Get) -> None:
        parcel = session.offers.get(asked.parcel)
        if parcel is None or session.data_route is None or not 0 <= asked.offset < parcel.size:
            return
        try:
            for chunk in pieces(parcel, asked):
                if not self.send(session.host, session.data_route, chunk):
                    return
        except OSError as error:
            log.warning("a bundle for host %s cannot be read: %s", session.host, error)


def _unstored(error: OSError) -> HostAnswer:
    full = is_full(error)
    return HostAnswer("done", trouble="unavailable", reason=_FULL if full else f"it cannot be stored: {error}", full=full)


def _are_commits(texts: tuple[str, ...], most: int) -> bool:
    return 0 < len(texts) <= most and all(_COMMIT.fullmatch(text) for text in texts)
