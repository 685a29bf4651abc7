"""A dispatcher's actor with a host without processes, and what the others answer it."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from actors.background import Background, Job
from actors.dispatcher import Dispatcher
from factory.errors import HostUnavailable
from factory.protocol import mailbox as mail
from factory.protocol.lease_mail import Credit, Outstanding, Survey
from factory.protocol.limiter_mail import Capacity, Room
from factory.protocol.mailbox import Child, Lease, StartWorkerActor, Tree, Work
from factory.worker_ports import Life, Observed, WorkerOrder
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.fakes.worker_host import FakeWorkerHost
from tests.waiting import eventually

A, B, C = (Lease(letter * 10, 1) for letter in "abc")
BOOT = "q.1"
H = 5.0
NO_CREDIT = Credit("", 0, 0)


def work(*leases: Lease) -> tuple[Work, ...]:
    return tuple(Work(lease, "/repo", "main", "t", "s", "command:true", "operator", "assigned") for lease in leases)


class Troubled(FakeWorkerHost):
    """A host that cannot always end a worker. `graces`: who was given how many seconds to end."""

    trouble = False
    away = False
    empty = False

    def __init__(self) -> None:
        super().__init__()
        self.graces: list[tuple[str, float]] = []

    def list_owned(self) -> Sequence[Observed]:
        if self.away:
            raise HostUnavailable("The engine does not answer.")
        return super().list_owned()

    def ready(self) -> None:
        if self.empty:
            raise HostUnavailable("The engine has no image.")

    def stop(self, name: str, grace: float) -> Observed:
        if self.trouble:
            raise HostUnavailable("Something survives SIGKILL.")
        self.graces.append((name, grace))
        return super().stop(name, grace)


class Pool(Background):
    """Remembers what it was asked to do."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked: list[Hashable] = []
        self._closed = False

    def submit(self, key: Hashable, job: Job) -> bool:
        self.asked.append(key)
        return super().submit(key, job)

    def close(self, seconds: float = 1.0) -> None:
        """Also a second time: a test ends its dispatcher, and its fixture does."""
        if not self._closed:
            self._closed = True
            super().close(seconds)


class Factory:
    """A dispatcher, with supervisor, limiter and host as a test wants them."""

    def __init__(self) -> None:
        self.host, self.mail = Troubled(), RecordingMailbox()
        self.background = Pool()
        self.free: Callable[[int], int] = lambda active: max(3 - active, 0)
        self.actors: set[str] = set()
        self.mail.answers["limiter"] = self._limit
        self.mail.answers["supervisor"] = self._supervise
        self.clock = ManualClock()
        self.stopping: Any = ""
        self.actor = Dispatcher(
            mailbox=self.mail, clock=self.clock, host=self.host, background=self.background, heartbeat=H, ready=self.host.ready
        )  # fmt: skip

    def _limit(self, asked: Capacity) -> Room:
        self.drains, self.told_away = asked.drains, asked.away
        return Room(self.free(asked.active))

    def _supervise(self, asked: object) -> object:
        if isinstance(asked, StartWorkerActor):
            if self.stopping in {"now", "detach"}:
                return mail.Stopping()
            self.actors.add(asked.work.lease.worker)
            return mail.Ok()
        nodes = [Child(f"worker-{name}", "workers", 1, "running", 0, 1.0) for name in sorted(self.actors)]
        return Tree((Child("queue", "core", 7, "running", 0, 1.0), *nodes), self.stopping)

    def makes(self, *leases: Lease) -> None:
        for lease in leases:
            self.host.start(WorkerOrder(lease.worker, (), {}))

    def started(self) -> list[str]:
        return [asked.work.lease.worker for _, asked in self.mail.asked if isinstance(asked, StartWorkerActor)]

    def credits(self) -> list[Credit]:
        return self.mail.to("queue", Credit)

    def hears(self, *mails: Any) -> None:
        for one in mails:
            self.actor.on_mail(one)

    def surveys(self) -> list[int]:
        return [survey.number for survey in self.mail.to("queue", Survey)]

    def answers(self, *leases: Lease, unleased: tuple[Lease, ...] = (), made: int = 0, publishing: int = 0) -> None:
        """The queue's answer to the last survey: these are the leases there are."""
        self.hears(Outstanding(BOOT, made, leases, work(*leases), unleased, self.surveys()[-1], publishing))

    def reconciles(self, *leases: Lease, unleased: tuple[Lease, ...] = (), made: int = 0) -> None:
        """A survey two heartbeats after the last one, answered at once."""
        for _ in range(4):
            self.clock.advance(H / 2)
            self.actor.on_tick()
        self.answers(*leases, unleased=unleased, made=made)

    def begins(self, *leases: Lease, made: int = 0) -> None:
        """Its start, up to the first credit; what was said until here is forgotten."""
        self.actor.on_start()
        self.answers(*leases, made=made)
        self.mail.take()

    def waits_until_removed(self, lease: Lease) -> None:
        eventually(lambda: self.host.poll(lease.worker).life is Life.GONE, what=f"{lease.worker} is gone")
