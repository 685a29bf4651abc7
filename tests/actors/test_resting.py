"""An actor that lets what comes thick gather, behind a real inbox, on a clock that only moves when the test says so."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from actors.base import FactoryActor
from actors.host import Host
from actors.signals import Signals
from factory.domain.pace import THIN
from factory.protocol.mailbox import Shutdown, Vitals
from factory.transport.health_link import HealthDesk, HealthLine
from factory.transport.mailbox_link import MailboxClient, MailboxServer
from tests.databases import short_folder
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.integration.transport.mail import Told
from tests.waiting import eventually

SECONDS = 60.0
CROWD = 2 * int(THIN)
NAME = "counting"


class Counting(FactoryActor):
    """Notes how many it was given, turn by turn."""

    def __init__(self, clock: ManualClock, rest: float) -> None:
        super().__init__(mailbox=RecordingMailbox(), clock=clock)
        self.rest = rest
        self.handled: list[int] = []

    def on_batch(self, mails: Sequence[Any]) -> list[None]:
        self.handled += [mail.count for mail in mails]
        return [None] * len(mails)


class Site:
    """The actor's process without one: its main thread is a thread of the test's. A crowd of mail waits for it when it starts."""

    def __init__(self, run_dir: Path, asked: Signals, client: MailboxClient, rest: float) -> None:
        self.clock, self.rest = ManualClock(), rest
        self.actor, self._run_dir, self._asked, self._client = Counting(self.clock, rest), run_dir, asked, client
        self._inbox = MailboxServer(run_dir, NAME, Told | Shutdown)
        self._thread = threading.Thread(target=self._serve)
        for number in range(CROWD):
            self.tell(number)
        self._thread.start()
        # The clock stands still, so the turn that goes beyond what may come at once is the last one.
        eventually(lambda: len(self.handled) > int(THIN) // 2, SECONDS)

    @property
    def handled(self) -> list[int]:
        return self.actor.handled

    def tell(self, number: int) -> None:
        assert self._client.tell(NAME, Told(number))

    def handles_all(self) -> bool:
        """While time goes on."""
        self.clock.advance(self.rest)
        return self.handled == list(range(CROWD + 1))

    def vitals(self) -> Vitals:
        with closing(HealthLine(self._run_dir, NAME)) as line:
            line.ask()
            return eventually(line.collect, SECONDS)

    def leave(self) -> None:
        self._client.tell(NAME, Shutdown())
        eventually(self._has_left, SECONDS)

    def _has_left(self) -> bool:
        self.clock.advance(self.rest)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        Host(lambda: self.actor, self._inbox, lambda: HealthDesk(self._run_dir, NAME), self._asked, self.clock).run()


@contextmanager
def site(rest: float) -> Iterator[Site]:
    with short_folder() as run_dir, Signals() as asked, closing(MailboxClient(run_dir)) as client:
        made = Site(run_dir, asked, client, rest)
        try:
            yield made
        finally:
            made.leave()


def test_after_a_crowd_what_comes_is_left_to_gather_and_the_supervisor_has_its_answer_meanwhile() -> None:
    with site(rest=5.0) as made:
        before = list(made.handled)
        made.tell(CROWD)

        assert made.vitals().turn == 0.0
        eventually(lambda: made.vitals().inbox == 0, SECONDS)
        assert made.handled == before


def test_what_has_gathered_is_handled_when_the_rest_is_over() -> None:
    with site(rest=5.0) as made:
        made.tell(CROWD)

        eventually(made.handles_all, SECONDS)


def test_an_actor_that_does_not_rest_handles_a_crowd_at_once() -> None:
    with site(rest=0.0) as made:
        made.tell(CROWD)

        eventually(made.handles_all, SECONDS)


def test_the_mail_that_came_before_the_wish_to_end_is_handled_also_in_a_rest() -> None:
    clock = ManualClock()
    with short_folder() as run_dir, Signals(signal.SIGUSR1) as asked, closing(MailboxClient(run_dir)) as client:
        inbox, actor = MailboxServer(run_dir, NAME, Told | Shutdown), Counting(clock, rest=5.0)
        host = Host(lambda: actor, inbox, lambda: HealthDesk(run_dir, NAME), asked, clock)
        host._rests_until = clock.monotonic() + actor.rest
        assert client.tell(NAME, Told(1))
        eventually(lambda: inbox in host._loop.wait(0.0), SECONDS, "it has come")

        os.kill(os.getpid(), signal.SIGUSR1)
        host.run()

        assert actor.handled == [1]
