"""What an agent does, drawn once per attempt: how long, how many iterations, which locks, and how it ends."""

import hashlib
import random
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from factory.protocol.mailbox import Lease
from factory.protocol.worker import Assign, Done, Event, Fail, Lock, LockAnswer, Ping
from worker_agent.session import Said, Session

FILES = ("a.py", "b.py", "c.py")
"""Those of the one repository, few enough to be fought for."""

_LOCK_TRIES = 4
_LOCK_PAUSE = 6.0


class Fate(StrEnum):
    """How an attempt ends, as far as the agent has a say in it."""

    DONE = "done"
    FAILS = "agent"
    STUCK = "stuck"
    INFRA = "infra"
    QUOTA = "quota"
    HELD = "held"
    EXITS = "exits"
    HANGS = "hangs"
    WRONG_BUNDLE = "wrong bundle"
    MUTE = "mute"


_ODDS = {
    Fate.DONE: 70, Fate.FAILS: 6, Fate.STUCK: 4, Fate.INFRA: 4, Fate.QUOTA: 3, Fate.HELD: 2, Fate.EXITS: 4, Fate.HANGS: 3,
    Fate.WRONG_BUNDLE: 2, Fate.MUTE: 2,
}  # fmt: skip


class Quality(StrEnum):
    """What delivery finds in a result."""

    GOOD = "good"
    RED = "red"
    GUARDED = "guarded"


_QUALITIES = {Quality.GOOD: 84, Quality.RED: 9, Quality.GUARDED: 7}


def draw(odds: dict[Fate, int] | dict[Quality, int], chance: random.Random) -> str:
    return chance.choices(list(odds), weights=list(odds.values()))[0]


def commit_of(lease: Lease) -> str:
    return hashlib.sha1(lease.worker.encode(), usedforsecurity=False).hexdigest()


class Process(Protocol):
    """What the script needs of the process that it runs in."""

    lease: Lease
    session: Session
    hung_at: float | None

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None: ...
    def say(self, body: Said) -> None: ...
    def exit(self, code: int) -> None: ...


class Script:
    """One attempt of an agent; `well` where all goes well in it.

    Attributes:
        out: its out-folder.
        said_done: the number of events that its DONE counts on, None before.
        on_begun: called when it has its assignment and nobody has heard that yet.
        on_last_leg: called when all but its last word is said.
        blamed: whether it ends by its own fault, which burns an attempt.
    """

    def __init__(self, chance: random.Random, process: Process, *, well: bool) -> None:
        self._chance, self._process = chance, process
        self.fate = Fate.DONE if well else Fate(draw(_ODDS, chance))
        self.quality = Quality(draw(_QUALITIES, chance))
        self.startup = 0.1 + chance.random() * 2
        self.mute = self.fate is Fate.MUTE
        self.out: dict[str, bytes] = {}
        self.said_done: int | None = None
        self.on_begun: Callable[[], object] = lambda: None
        self.on_last_leg: Callable[[], object] = lambda: None
        self.blamed = self.fate in {Fate.FAILS, Fate.STUCK, Fate.WRONG_BUNDLE}
        self._iterations = chance.randint(1, 4)
        self._wants = tuple(chance.sample(FILES, chance.randint(1, 2))) if chance.random() < 0.4 else ()
        self._at = 0
        self._lock_tries = 0
        self._begun = False

    def begin(self, assign: Assign) -> None:
        if not self._begun:
            self._begun = True
            self.on_begun()
            self._process.say(Ping("cloning"))
            self._process.after(0.5 + self._chance.random() * 4, self._iterate)

    def _iterate(self) -> None:
        self._at += 1
        self._process.say(Ping("running", self._at, self._at, 10 * self._at))
        self._process.say(Event(0, "ATTEMPT.ITERATION.STARTED", {"iteration": self._at}))
        if self._wants and not self._lock_tries:
            self._ask()
        self._process.after(1 + self._chance.random() * 14, self._iterated)

    def _ask(self) -> None:
        self._lock_tries += 1
        self._process.say(Lock(f"lock-{self._lock_tries}", self._wants))

    def locked(self, answer: LockAnswer) -> None:
        if not answer.granted and self._lock_tries < _LOCK_TRIES:
            self._process.after(_LOCK_PAUSE, self._ask)

    def _iterated(self) -> None:
        self._process.say(Event(0, "ATTEMPT.ITERATION.SUCCESS", {"iteration": self._at, "commits": 1}))
        if self._at < self._iterations:
            self._iterate()
        else:
            self._process.say(Ping("gates", self._at, self._at, 10 * self._at))
            self.on_last_leg()
            self._process.after(self._chance.random() * 8, self._end)

    def _end(self) -> None:
        match self.fate:
            case Fate.EXITS:
                self._process.exit(1)
            case Fate.HANGS:
                self._process.hung_at = self._process.session.heard_at
            case Fate.DONE | Fate.WRONG_BUNDLE | Fate.MUTE:
                self._hand_in()
            case Fate.HELD:
                self._process.say(Fail("quota", "the account is empty for now", retry_after=15.0, holds="account", iterations=self._at))
            case Fate.QUOTA:
                self._process.say(Fail("quota", "too many at once", retry_after=10.0, iterations=self._at))
            case fate:
                self._process.say(Fail(fate.value, "as its script says", "evidence", self._at, 10 * self._at))  # type: ignore[arg-type]  # the classes left

    def _hand_in(self) -> None:
        commit = commit_of(self._process.lease)
        bundle = commit.encode()
        self.out["result.bundle"] = bundle if self.fate is Fate.DONE else b"another one"
        sha256 = hashlib.sha256(bundle).hexdigest()
        self._process.say(Ping("bundling", self._at, self._at, 10 * self._at))
        self._process.say(Done("result.bundle", sha256, len(bundle), commit, self._at, self._at, 10 * self._at, 1, 0))
        self.said_done = self._process.session.last_event
