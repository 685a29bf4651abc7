"""A host's conversation with its factory, as far as it is not about workers: session, beats, signs of life, keys. Times are monotonic."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from factory.domain.hosts import KEY_SECONDS
from factory.protocol.host import (
    DataHello,
    Facts,
    FromHost,
    HostBeat,
    HostHello,
    HostPong,
    HostReject,
    HostWelcome,
    KeyTaken,
    NewKey,
    WorkerCounts,
    WorkerState,
)
from factory.protocol.version import VERSION, compatible

log = logging.getLogger(__name__)

_FIRST_HELLO_SECONDS = 1.0
"""Between two HELLOs while H is not known."""
_SILENCE = 6
"""Heartbeats without a word, after which both connections are made anew: a peer that went away without one may look alive."""
_KEY_AGAIN = 5
"""Heartbeats between two tries to name the key that follows."""


class NotWanted(Exception):
    """The factory cannot work with this host; the sentence says why."""


@dataclass(slots=True)
class Talk:
    """`say` and `say_data` hand a message to a connection, and say whether it was taken.

    Attributes:
        sid: of the session, empty while there is none.
        renew_at: when the key's life is half over.
        factory: the version that it says of itself.
    """

    facts: Facts
    say: Callable[[FromHost], bool]
    say_data: Callable[[FromHost], bool]
    now: float
    heartbeat: float = 5.0
    sid: str = ""
    renew_at: float = float("inf")
    factory: str = ""
    boot: str = field(default_factory=lambda: secrets.token_hex(8))
    dice: Random = field(default_factory=Random)
    _heard: float = 0.0
    _said: float = float("-inf")
    _beaten: tuple[tuple[WorkerState, ...], bool] | None = None
    _data_said: float = float("-inf")
    _key_said: float = float("-inf")
    _seq: int = 0

    def __post_init__(self) -> None:
        self._heard = self.now

    def passed(
        self, now: float, workers: tuple[WorkerState, ...] | None, counts: dict[str, WorkerCounts] | None = None, *, full: bool = False
    ) -> None:  # fmt: skip
        """Says what is to be said now. `workers` is None before they are known; `counts` go with what is said anyway."""
        if not self.sid:
            if now - self._said >= min(_FIRST_HELLO_SECONDS, self.heartbeat) and self.say(HostHello(self.boot, self.facts)):
                self._said = now
            return
        if now - self._data_said >= self.heartbeat and self.say_data(DataHello(self.sid)):
            self._data_said = now
        # What has changed is told at once: whoever looks after a worker waits for its end.
        if workers is not None and (now - self._said >= self.heartbeat or (workers, full) != self._beaten):
            self._beat(now, workers, counts or {}, full=full)

    def _beat(self, now: float, workers: tuple[WorkerState, ...], counts: dict[str, WorkerCounts], *, full: bool) -> None:
        self._seq += 1
        if self.say(HostBeat(self.sid, self._seq, workers, counts, full)):
            self._said, self._beaten = now, (workers, full)

    def is_lost(self, now: float) -> bool:
        """Whether nothing was heard for so long that the connections are to be made anew."""
        return now - self._heard > _SILENCE * self.heartbeat

    def begin_anew(self, now: float) -> None:
        # Hosts that lost the same factory do not all come back in the same moment.
        self.sid, self._beaten = "", None
        self._heard, self._said = now, now - _FIRST_HELLO_SECONDS * self.dice.random()

    def wants_key(self, now: float) -> bool:
        """Whether it is time to name the key that follows."""
        return bool(self.sid) and now >= self.renew_at and now - self._key_said >= _KEY_AGAIN * self.heartbeat

    def name_key(self, now: float, public_key: str) -> None:
        if self.say(NewKey(self.sid, public_key)):
            self.key_later(now)

    def key_later(self, now: float) -> None:
        """It is not tried again before a while has passed."""
        self._key_said = now

    def hear(self, said: HostWelcome | HostReject | HostPong | KeyTaken, now: float) -> str:
        """Returns a key that may be used from now on, or nothing. Raises `NotWanted`."""
        self._heard = now
        match said:
            case HostWelcome():
                self._welcome(said, now)
            case HostReject("version", reason):
                raise NotWanted(reason or another_version("another one"))
            case HostReject():
                self.sid, self._said = "", float("-inf")
            case HostPong(sid, _, expires_in) if sid == self.sid:
                self._expires(expires_in, now)
            case KeyTaken(sid, public_key) if sid == self.sid:
                return public_key
        return ""

    def heard(self, now: float) -> None:
        """Anything was heard of the session."""
        self._heard = now

    def _welcome(self, said: HostWelcome, now: float) -> None:
        if not compatible(said.v):
            raise NotWanted(another_version(said.v))
        if said.sid == self.sid:
            return
        log.info("the factory is there")
        self.sid, self.heartbeat, self._seq, self._beaten, self.factory = said.sid, said.heartbeat, 0, None, said.v
        self._data_said = float("-inf")
        self._expires(said.expires_in, now)

    def _expires(self, seconds: float, now: float) -> None:
        self.renew_at = now + seconds - KEY_SECONDS / 2


def another_version(said: str) -> str:
    """Why a factory that speaks this one cannot be worked for."""
    return f"This machine speaks version {VERSION} and its factory {said[:20]}: install the same version on both."
