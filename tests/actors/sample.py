"""Small actors for the tests of the tree: each kind has one way to be difficult. They run in real processes."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from actors.background import Background
from actors.base import FactoryActor
from actors.durable import durably
from actors.process import ProcessOrder, serve
from factory.clock import SystemClock
from factory.errors import StoreMisconfigured, StoreUnavailable
from factory.ports import Clock, Mailbox
from factory.protocol.limiter_mail import Room
from factory.protocol.mailbox import Health, Mail, Shutdown
from factory.transport.loop import Source
from factory.transport.mailbox_link import MailboxClient

CRASH, LEAVE, HANG, CANCEL, WAIT = 1001, 1002, 1003, 1004, 1005
"""Numbers of a Give that the actor does not survive, or not well."""

LONG_SECONDS = 90.0
"""Longer than any test."""


class Give(Mail, frozen=True, tag="give"):
    """Asks for a Room with this number."""

    number: int


class Remember(Mail, frozen=True, tag="remember"):
    """Has a number noted in the diary."""

    number: int


SampleMail = Give | Remember | Shutdown | Health


@dataclass(frozen=True, slots=True)
class Diary:
    """A file to which all processes append lines; each line is one write, so they do not mix."""

    path: Path

    def note(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines() if self.path.exists() else []


class Plain(FactoryActor):
    """Gives and remembers numbers; notes its start and its stop."""

    def __init__(self, *, mailbox: Mailbox, clock: Clock, name: str, diary: Diary) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self.name = name
        self.diary = diary

    def on_start(self) -> None:
        self.diary.note(f"{self.name} starts")
        self.begin()
        self.diary.note(f"{self.name} started")

    def begin(self) -> None:
        return

    def on_mail(self, mail: Any) -> Room | None:
        match mail:
            case Remember(count):
                self.diary.note(f"{self.name} got {count}")
            case Give(number):
                return self.answer(number)
        return None

    def answer(self, number: int) -> Room:
        if number == CRASH:
            raise RuntimeError("told to crash")
        if number == LEAVE:
            raise SystemExit(0)
        if number == CANCEL:
            raise asyncio.CancelledError
        if number == WAIT:
            durably(self.fails_for_a_while, what="a test", pause=threading.Event().wait)
        if number == HANG:
            threading.Event().wait(timeout=LONG_SECONDS)
        return Room(number)

    def fails_for_a_while(self) -> None:
        """A store that is away for two seconds: more than what the tests let a turn hang."""
        self.away_until = getattr(self, "away_until", 0.0) or self.clock.monotonic() + 2.0
        if self.clock.monotonic() < self.away_until:
            raise StoreUnavailable("the database is away")

    def on_stop(self) -> None:
        self.diary.note(f"{self.name} stops")


class FailsToStart(Plain):
    def begin(self) -> None:
        raise StoreUnavailable("the database is away")


class Broken(Plain):
    def begin(self) -> None:
        raise StoreMisconfigured("the database is of another kind")


class NeverReady(Plain):
    def begin(self) -> None:
        threading.Event().wait(timeout=LONG_SECONDS)


class LeavesAtStart(Plain):
    def begin(self) -> None:
        raise SystemExit(3)


class FailsSecondStart(Plain):
    """Starts well, then fails once, then starts well again."""

    def begin(self) -> None:
        if self.diary.lines().count(f"{self.name} starts") == 2:
            raise StoreUnavailable("the database is away")


class HangsSecondStart(Plain):
    """Starts well, then never again."""

    def begin(self) -> None:
        if self.diary.lines().count(f"{self.name} starts") > 1:
            threading.Event().wait(timeout=LONG_SECONDS)


class Stubborn(Plain):
    def on_stop(self) -> None:
        super().on_stop()
        threading.Event().wait(timeout=LONG_SECONDS)


class FailsToStop(Plain):
    def on_stop(self) -> None:
        raise StoreUnavailable("the last batch could not be written")


class Ticking(Plain):
    """Ticks three times, has each tick's number come back from the background, and then ticks no more."""

    tick_every: float | None = 0.01

    def begin(self) -> None:
        self.pool = Background(threads=1)
        self.ticks = 0

    def sources(self) -> list[Source]:
        return [self.pool] if self.ticks else []

    def on_tick(self) -> None:
        self.ticks += 1
        number = self.ticks
        self.pool.submit(number, lambda: number * 100)
        if self.ticks == 3:
            self.tick_every = None

    def on_ready(self, source: Source) -> None:
        for key, value in self.pool.drain():
            self.diary.note(f"tick {key} gave {value}")


KINDS: dict[str, Callable[..., Plain]] = {
    "plain": Plain,
    "fails_to_start": FailsToStart,
    "broken": Broken,
    "never_ready": NeverReady,
    "leaves_at_start": LeavesAtStart,
    "fails_second_start": FailsSecondStart,
    "hangs_second_start": HangsSecondStart,
    "stubborn": Stubborn,
    "fails_to_stop": FailsToStop,
    "ticking": Ticking,
    "worker": Plain,
}


def run_actor(order: ProcessOrder, ready: Connection) -> None:
    """The target of the tests' trees; settings are the diary's path."""
    clock = SystemClock()

    def make() -> FactoryActor:
        return KINDS[order.kind](mailbox=MailboxClient(order.run_dir), clock=clock, name=order.name, diary=Diary(Path(order.settings)))

    serve(make, name=order.name, run_dir=order.run_dir, inbox_kind=SampleMail, ready=ready, clock=clock)
