"""The real queue actor in a process of its own, spoken to over its mailbox; this program is the dispatcher and all workers.

A batch is what the dispatcher gives credit for. Its workers say at once that they have their item and that it is done;
a lease counts as over when the queue says so, which it does after the commit.
"""

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from actors.launcher import Launcher
from actors.process import ProcessOrder
from factory.config import Settings
from factory.paths import Paths, fresh_folder, prepare
from factory.protocol.attempt_mail import Accepted
from factory.protocol.lease_mail import Claimed, Credit, LeaseEnded, Outstanding, Survey
from factory.protocol.mailbox import DispatcherMail, Health
from factory.storage.database import Database
from factory.transport.loop import Loop
from factory.transport.mailbox_link import MailboxClient, MailboxServer
from factory.wiring_actors import run_actor
from factory.wiring_site import Site
from tests.work import done, order, store

_ANSWER_SECONDS = 60.0
"""A commit takes milliseconds; this bounds a queue that has crashed."""


class Driver:
    """Plays the dispatcher and the workers."""

    def __init__(self, paths: Paths, batch: int) -> None:
        self._batch = batch
        self._inbox = MailboxServer(paths.run, "dispatcher", DispatcherMail)
        self._queue = MailboxClient(paths.run)
        self._loop = Loop()
        self._loop.add(self._inbox)

    def empty(self, jobs: int) -> float:
        """Seconds until that many leases are over."""
        # Waits until the queue is there.
        self._queue.ask("queue", Health(), _ANSWER_SECONDS)
        self._tell(Survey())
        known = next(mail for mail in self._mails() if isinstance(mail, Outstanding))
        began = time.perf_counter()
        self._tell(Credit(known.boot, known.made, self._batch))
        for mail in self._mails():
            match mail:
                case Claimed():
                    self._work(mail)
                case LeaseEnded():
                    jobs -= 1
            if not jobs:
                break
        return time.perf_counter() - began

    def _work(self, claimed: Claimed) -> None:
        for work in claimed.work:
            self._tell(Accepted(work.lease, 1))
            self._tell(done(work.lease))
        self._tell(Credit(claimed.boot, claimed.made, self._batch))

    def _tell(self, mail: object) -> None:
        if not self._queue.tell("queue", mail):
            raise RuntimeError("the queue takes no mail")

    def _mails(self) -> Iterator[object]:
        while self._loop.wait(_ANSWER_SECONDS):
            for letter in self._inbox.drain():
                yield letter.mail
        raise RuntimeError("the queue says nothing")


@contextmanager
def queue_process(dsn: str) -> Iterator[Paths]:
    """The factory's own queue process, without the rest of the factory."""
    folder = fresh_folder("bench-")
    paths = Paths(folder / "data", folder / "run")
    prepare(paths)
    site = Site(Settings(database_url=dsn), paths, "bench", "unconfined", "unconfined", folder / "log")
    launcher = Launcher(run_actor, preload=("actors.lean", "factory.wiring", "actors.preload"))
    child = launcher.start(ProcessOrder("queue", "queue", paths.run, site))
    try:
        yield paths
    finally:
        child.send(signal.SIGTERM)
        child.process.join(_ANSWER_SECONDS)
        launcher.stop()
        shutil.rmtree(folder)


def main(dsn: str, jobs: int, batch: int) -> float:
    with Database(dsn, "bench") as database, store(database).round() as round_:
        for _ in range(jobs):
            round_.submit(order())
    with queue_process(dsn) as paths:
        return jobs / Driver(paths, batch).empty(jobs)


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
