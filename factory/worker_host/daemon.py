"""`factory-worker run`: one loop over two connections to the factory, and the workers of this machine.

It holds nothing that its death loses: workers go on without it and are adopted by the next one, orders are repeated by the factory, and
sources that were on their way are gone on with.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from factory.parcels import Arrivals
from factory.ports import Clock
from factory.protocol.codec import BadMessage, Decoder, encode, version_of
from factory.protocol.host import (
    Chunk,
    Facts,
    FromHost,
    Get,
    HostLetOut,
    HostOrder,
    HostPong,
    HostReject,
    HostTerms,
    HostWelcome,
    KeyTaken,
    OutlayKept,
    SourceFailed,
    SourceReady,
    ToHost,
)
from factory.protocol.version import WAYS_OUT, at_least, compatible
from factory.transport.curve import KeyPair
from factory.transport.host_line import Door, HostLine, poll
from factory.worker_host.crew import Crew
from factory.worker_host.home import Home
from factory.worker_host.lanes import Lanes
from factory.worker_host.orders import Hands
from factory.worker_host.talk import NotWanted, Talk, another_version
from factory.worker_host.ways_out import Outlets, WaysOut

log = logging.getLogger(__name__)

_TURN_SECONDS = 0.2
_TAKEN_AT_ONCE = 200
_COUNT_HEARTBEATS = 2
"""Between two readings of what workers use, as on the machine of the factory."""
_QUIET_SECONDS = 300.0
"""Between two lines of the log that say that nobody answers."""


@dataclass(slots=True)
class Daemon:
    """`step` is one turn of the loop; `run` does it until `leaves`. `outlets`: None where no worker is let out by this machine.

    `is_full`: whether its disk is, nearly.
    """

    home: Home
    door: Door
    facts: Facts
    hands: Hands
    clock: Clock
    leaves: Callable[[], bool] = lambda: False
    lanes: Lanes = field(default_factory=Lanes)
    outlets: Outlets | None = None
    is_full: Callable[[], bool] = lambda: False
    _decode: Decoder[ToHost] = field(default_factory=lambda: Decoder(ToHost))
    _complained: float = float("-inf")
    _looked: float = float("-inf")
    _counted: float = float("-inf")
    _full: bool = False
    _lines: "_Lines" = field(init=False)
    _talk: Talk = field(init=False)
    _crew: Crew = field(init=False)
    _ways_out: WaysOut | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        keys = self.home.keys()
        self._lines = _Lines(HostLine(self.door, keys), HostLine(self.door, keys))
        now = self.clock.monotonic()
        self._talk = Talk(self.facts, self._lines.say, self._lines.say_data, now)
        self._crew = Crew(self.hands, self.lanes, Arrivals(self.home.incoming), self.clock, self._lines.say, self._lines.say_data)
        if self.outlets is not None:
            self._ways_out = WaysOut(self.home, self.outlets, self.clock, self._lines.say)

    def run(self) -> None:
        """Raises `talk.NotWanted` where the factory cannot work with this host."""
        self._crew.begin()
        if self._ways_out is not None:
            self._ways_out.begin()
        try:
            while not self.leaves():
                self.step()
        finally:
            self._lines.close()
            self.lanes.close(wait=False)
            if self._ways_out is not None:
                self._ways_out.close()
            self._crew.arrivals.close()

    def step(self) -> None:
        now = self.clock.monotonic()
        if now - self._looked >= self._talk.heartbeat / 2:
            self._looked = now
            self._crew.look()
            self._full = self.is_full()
        if now - self._counted >= _COUNT_HEARTBEATS * self._talk.heartbeat:
            self._counted = now
            self._crew.count()
        self._talk.passed(now, self._crew.states() if self._crew.is_known else None, self._crew.counts, full=self._full)
        if self._talk.sid:
            self._crew.go_on()
        if self._ways_out is not None:
            self._ways_out.passed(now, self._ways_out_sid(), self._talk.heartbeat)
        if self._talk.wants_key(now):
            self._name_key(now)
        if self._talk.is_lost(now):
            self._complain(now)
            self._renew(None)
        poll([self._lines.control, self._lines.data], self.lanes.waking, _TURN_SECONDS)
        self.lanes.settle()
        for line in (self._lines.control, self._lines.data):
            self._drain(line)

    def _drain(self, line: HostLine) -> None:
        for _ in range(_TAKEN_AT_ONCE):
            frame = line.receive()
            if frame is None:
                return
            if not frame:
                continue  # the factory has looked whether this connection is there
            try:
                self._hear(self._decode(frame))
            except BadMessage as error:
                version = version_of(frame)
                if version and not compatible(version):
                    raise NotWanted(another_version(version)) from error
                log.warning("the factory sent what is no message: %s", error)

    def _hear(self, said: ToHost) -> None:
        now = self.clock.monotonic()
        match said:
            case HostWelcome() | HostReject() | HostPong() | KeyTaken():
                before = self._talk.sid
                taken = self._talk.hear(said, now)
                if self._talk.sid and self._talk.sid != before:
                    self._crew.sid = self._talk.sid
                    self._crew.new_session()
                    if self._ways_out is not None:
                        self._ways_out.now_in(self._ways_out_sid())
                if taken and taken == self.home.next_keys().public:
                    self._renew(self.home.use_next_keys())
            case HostOrder() | SourceReady() | SourceFailed() | Get() | Chunk() if said.sid == self._talk.sid:
                self._talk.heard(now)
                self._do(said)
            case HostLetOut() | HostTerms() | OutlayKept() if self._ways_out is not None and said.sid == self._talk.sid:
                self._talk.heard(now)
                self._ways_out.hear(said)

    def _ways_out_sid(self) -> str:
        # An older factory would take a word of it for noise.
        return self._talk.sid if at_least(self._talk.factory, WAYS_OUT) else ""

    def _do(self, said: HostOrder | SourceReady | SourceFailed | Get | Chunk) -> None:
        if isinstance(said, HostOrder):
            if self._ways_out is not None and said.verb in {"stop", "remove"}:
                self._ways_out.shut(said.worker)
            self._crew.order(said)
        else:
            self._crew.hear(said)

    def _renew(self, keys: KeyPair | None) -> None:
        self._lines.control.renew(keys)
        self._lines.data.renew(keys)
        self._talk.begin_anew(self.clock.monotonic())

    def _name_key(self, now: float) -> None:
        try:
            self._talk.name_key(now, self.home.next_keys().public)
        except OSError as error:
            # There is half a day for it, and agents reach the factory through this process.
            self._talk.key_later(now)
            log.warning("the key that follows cannot be stored now: %s", error)

    def _complain(self, now: float) -> None:
        if now - self._complained >= _QUIET_SECONDS:
            self._complained = now
            log.warning(
                "nobody answers at %s: no factory is there, or it lets this host in no more (a key that was not renewed for a day, or was "
                "taken back, needs `factory worker enroll` again); workers go on, and it is tried again and again",
                self.door.endpoint,
            )


@dataclass(frozen=True, slots=True)
class _Lines:
    control: HostLine
    data: HostLine

    def say(self, message: FromHost) -> bool:
        return self.control.send(encode(message))

    def say_data(self, message: FromHost) -> bool:
        return self.data.send(encode(message))

    def close(self) -> None:
        self.control.close()
        self.data.close()
