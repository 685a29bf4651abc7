"""The journal: follows the audit trail and serves what observers see; operators' commands come in here.

It only reads. A change reaches the feed because its event was committed, never because an actor said so.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from actors.answers import Answers, Unknown
from actors.base import FactoryActor
from actors.feed_rows import FeedRows
from actors.operator_port import OperatorPort
from actors.shown import Shown
from actors.store_watch import StoreWatch
from factory.domain.limits import paused_intake
from factory.errors import ActorUnavailable, Contended, InvalidInput, Retryable, StoreUnavailable
from factory.ports import Clock, Mailbox
from factory.protocol.commands import AnyRequest, EmergencyStop, Query, ReleaseLock, Reply, Steer, SteerActor, SteerHost, Submit, Switch
from factory.protocol.feed import Snapshot
from factory.transport.command_link import CommandServer
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.loop import Source
from factory.view_ports import Bell, Trail, TrailEvent, ViewStore

log = logging.getLogger(__name__)

_ASK_SECONDS = 3.0
"""The queue answers in milliseconds. An operator waits no longer than this to hear that it does not."""

_NO_HOSTS = 'This factory takes no remote workers: set worker_listen, as in worker_listen = "tcp://0.0.0.0:7711", and restart it.'

_ITEM, _WORKER = "item:", "worker:"


class _Ring:
    """The bell as a source. Its descriptor is kept: a connection that is lost no longer tells it, and has to be forgotten by it."""

    def __init__(self, bell: Bell) -> None:
        self.bell, self._descriptor = bell, bell.fileno()

    def pollable(self) -> int:
        return self._descriptor


class Journal(FactoryActor):
    """Answers, feed and commands."""

    def __init__(
        self, *, mailbox: Mailbox, clock: Clock, views: ViewStore, trail: Trail, answers: Answers, commands: CommandServer,
        feed: FeedPublisher, listen: Callable[[], Bell], heartbeat: float, port: OperatorPort | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox=mailbox, clock=clock)
        self._views, self._trail, self._answers = views, trail, answers
        self._commands, self._feed, self._listen, self._port = commands, feed, listen, port
        self._rows, self._shown = FeedRows(views, answers), Shown()
        self._watch = StoreWatch(listen, clock, "the journal")
        self._ring: _Ring | None = None
        self._place: Any = None
        self._waits_may_differ = self._first_look = True
        if port is not None:
            feed.mirror(port.push)
        self.tick_every = heartbeat / 2

    def on_start(self) -> None:
        self._begun()

    def on_stop(self) -> None:
        self._commands.close()
        self._feed.close()
        self._watch.close()
        if self._port is not None:
            self._port.close()

    def sources(self) -> list[Source]:
        ring: list[Source] = [] if self._ring is None else [self._ring]
        # Who asks for a snapshot meanwhile gets it when the store is back.
        feed: list[Source] = [] if self._watch.away else [self._feed]
        return [self._commands, *feed, *self._watch.sources(), *(self._port.sources() if self._port else ()), *ring]

    def on_mail(self, mail: Any) -> None:
        """Takes none."""

    def on_ready(self, source: Source) -> None:
        try:
            self._hear(source)
        except Retryable as error:
            self._lost(error)

    def _hear(self, source: Source) -> None:
        if source is self._commands:
            for reply_to, request in self._commands.drain():
                self._commands.reply(reply_to, self._answer(request))
        elif source is self._feed:
            if self._begun():
                self._follow()
            self._feed.drain_requests(self._snapshot)
        elif source is self._ring:
            self._rung()
        elif source in self._watch.sources():
            self._reached()
        elif self._port is not None:
            self._port.serve(self._answer, self._picture)

    def on_tick(self) -> None:
        """What no event tells: beats, progress and limits. And what a lost notification would have told."""
        try:
            if self._begun():
                self._look()
        except Retryable as error:
            self._lost(error)

    def _look(self) -> None:
        self._follow()
        for kind, rows in self._read(self._rows.look).items():
            self._tell(kind, rows)
        self._tell_waits()
        self._feed.flush()
        self._feed.beat()

    # -- the feed -----------------------------------------------------------------------------------------------------

    def _read(self, view: Callable[[], Any]) -> Any:
        """Raises `Retryable` while the store is away. It is not waited for here: people are to hear that it is."""
        if self._watch.away:
            raise StoreUnavailable(self._watch.sentence())
        try:
            return view()
        except (StoreUnavailable, Contended):
            # Maybe of this one session, or of this one moment.
            return view()

    def _begun(self) -> bool:
        """Whether it is in touch with the store, which may be away when this actor starts: ready is who answers, not who waits."""
        if self._watch.away:
            self._watch.reach()
            return False
        try:
            # Listening before looking: what is committed in between rings.
            self._ring = self._ring or _Ring(self._listen())
            if self._place is None:
                self._place = self._trail.mark()
        except Retryable as error:
            self._lost(error)
            return False
        return True

    def _lost(self, error: Retryable) -> None:
        if self._ring is not None:
            self._ring.bell.close()
            self._ring = None
        self._watch.lost(error)

    def _reached(self) -> None:
        bell = self._watch.reached()
        if bell is not None:
            self._ring = _Ring(bell)
            self.on_tick()

    def _rung(self) -> None:
        if self._ring is None or self._place is None:
            return
        try:
            self._ring.bell.notifications()
        except StoreUnavailable:
            self._ring.bell.close()
            self._ring = None
            if not self._begun():
                return
        self._follow()
        self._feed.flush()

    def _follow(self) -> None:
        while True:
            place, events = self._read(lambda: self._trail.after(self._place))
            if not events:
                return
            self._show(events)
            # Only after all was read that belongs to them: where that fails they are read again.
            self._place = place

    def _show(self, events: list[TrailEvent]) -> None:
        items = {event.stream.removeprefix(_ITEM) for event in events if event.stream.startswith(_ITEM)}
        workers = {event.stream.removeprefix(_WORKER) for event in events if event.stream.startswith(_WORKER)}
        rows = self._read(lambda: self._views.items(sorted(items))) if items else []
        holders = workers | {row["holder"] or "" for row in rows}
        seen = self._read(lambda: self._views.workers(sorted(holders - {""})))
        for event in events:
            told = {"stream": event.stream, "seq": event.seq, "at": event.micros / 1e6, "type": event.type, "epoch": event.epoch}
            self._feed.offer("event", event.stream, event.seq, {**told, "data": event.data})
        for row in rows:
            self._feed.offer("item", row["id"], row["version"], row)
            self._shown.note("item", {row["id"]: row})
            self._waits_may_differ = True
        for row in seen:
            self._feed.offer("worker", row["id"], 0, None if row["status"] == "dead" else row)

    def _tell(self, kind: Any, rows: Mapping[str, Any]) -> None:
        for name, row in self._shown.news(kind, rows):
            self._feed.offer(kind, name, 0, row)
            self._waits_may_differ = self._waits_may_differ or kind == "limit"

    def _tell_waits(self) -> None:
        """Why an item waits hangs on others and on limits, of which no event of its own tells."""
        if not self._waits_may_differ:
            return
        rows = {row["id"]: row for row in self._read(lambda: self._views.items(only_open=True))}
        self._waits_may_differ = False
        if self._first_look:
            # As the snapshots have them that observers of this feed begin with.
            self._first_look = False
            self._shown.note("item", rows)
        for name, row in self._shown.news("item", rows, whole=False):
            self._feed.offer("item", name, row["version"], row)
        self._shown.keep("item", set(rows))

    def _snapshot(self) -> Snapshot:
        snapshot: Snapshot = self._read(self._rows.snapshot)
        return snapshot

    def _picture(self) -> list[bytes]:
        if self._begun():
            self._follow()
        return self._feed.picture(self._snapshot)

    # -- commands -----------------------------------------------------------------------------------------------------

    def _answer(self, request: AnyRequest) -> Reply:
        try:
            if self._watch.away and not _needs_no_store(request):
                # Nor is it handed on: who would carry it out waits for the store as well, and it might come to pass much later.
                return Reply("unavailable", self._watch.sentence())
            return self._reply(request)
        except InvalidInput as error:
            return Reply("invalid", str(error))
        except Retryable as error:
            self._lost(error)
            return Reply("unavailable", self._watch.sentence())

    def _reply(self, request: AnyRequest) -> Reply:
        match request:
            case Query() if _needs_no_store(request):
                return self._answers.answer(request)
            case Query():
                answer: Reply = self._read(lambda: self._answers.answer(request))
                return answer
            case Submit():
                closed = paused_intake(self._read(self._views.limits).get("pause") or {})
                return Reply("refused", closed) if closed else self._forward("queue", request)
            case Switch():
                return self._forward("limiter", request)
            case SteerActor():
                return self._forward("supervisor", request)
            case ReleaseLock():
                return self._forward("locks", request)
            case SteerHost():
                return self._forward("hosts", request) if self._answers.takes_hosts else Reply("refused", _NO_HOSTS)
            case EmergencyStop():
                return self._stop_all(request)
            case Steer():
                try:
                    item = self._read(lambda: self._answers.resolve(request.item))
                except Unknown as unknown:
                    return Reply("not_found", str(unknown))
                return self._forward("queue", msgspec.structs.replace(request, item=item))

    def _stop_all(self, request: EmergencyStop) -> Reply:
        """Paused first, so that nothing starts behind it. Where the pause cannot be had, agents end all the same."""
        paused = self._forward("limiter", Switch(request.command, "pause", ("dispatch",), request.operator))
        stopped = self._forward("queue", request)
        if stopped.code == "ok" and paused.code != "ok":
            return Reply("unavailable", f"all agents were stopped, but dispatch could not be paused: {paused.reason}")
        return stopped

    def _forward(self, address: str, request: Submit | Steer | Switch | SteerActor | ReleaseLock | EmergencyStop | SteerHost) -> Reply:
        try:
            answer = self.mailbox.ask(address, request, _ASK_SECONDS)
        except ActorUnavailable:
            return Reply("unavailable", f"the {address} does not answer at the moment; the same command may be given again")
        return answer if isinstance(answer, Reply) else Reply("unavailable", f"the {address} gave no answer")


def _needs_no_store(request: AnyRequest) -> bool:
    """About the processes: the root answers, which has none."""
    return isinstance(request, SteerActor) or (isinstance(request, Query) and request.what == "tree")
