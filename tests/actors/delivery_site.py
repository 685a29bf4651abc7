"""A place for delivery to work in: real git, a real bare remote, real bundles; everything else in memory.

The actor is driven by hand: each of its turns is a call, its background threads are real. What it holds in memory is
lost by `restart`, everything around it stays, as with a killed process.
"""

import random
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.background import Background
from actors.delivery import Delivery, DeliverySettings
from factory.delivery_ports import Publication
from factory.domain.gates import Gate
from factory.domain.ids import Commit, ItemId, branch_of
from factory.integrations.git import GitRepositories
from factory.integrations.git_remote import Remotes
from factory.protocol.delivery_mail import OutboxReady
from factory.protocol.mailbox import Lease
from factory.protocol.verification import VerifiedGate, VerifyOrder, VerifyReport
from factory.worker_ports import Life, WorkerOrder
from tests.fakes.clock import ManualClock
from tests.fakes.delivery import FakeLocks, FakeMirrorNotes, FakeOutbox, FakeQueue
from tests.fakes.pull_requests import FakePullRequests
from tests.fakes.worker_host import FakeWorkerHost
from tests.repositories import ITEM, Remote, git, make_remote, result_of

MAX_TURNS = 500
"""Far more than any publication needs; a loop that never gets anywhere fails instead of hanging."""
_WAIT_SECONDS = 60.0
_STEP_SECONDS = 1.0


class Killed(BaseException):
    """The process was killed at this point."""


class Trap:
    """Stands before a port and kills the process at one of its calls, before or after the call had its effect."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self.method = ""
        self.after = False

    def set(self, method: str, *, after: bool) -> None:
        self.method, self.after = method, after

    def __getattr__(self, name: str) -> Any:
        original = getattr(self.port, name)
        if name != self.method:
            return original

        def trapped(*arguments: Any, **named: Any) -> Any:
            self.method = ""
            if self.after:
                original(*arguments, **named)
            raise Killed(name)

        return trapped


@dataclass(slots=True)
class Site:
    """Everything but the actor, and the actor."""

    folder: Path
    remote: Remote
    clock: ManualClock = field(default_factory=ManualClock)
    settings: DeliverySettings = field(default_factory=DeliverySettings)
    verdict: Callable[[VerifyOrder], VerifyReport | None] = field(default_factory=lambda: all_green)
    host: FakeWorkerHost = field(default_factory=FakeWorkerHost)
    locks: FakeLocks = field(default_factory=FakeLocks)
    notes: FakeMirrorNotes = field(default_factory=FakeMirrorNotes)
    pulls: FakePullRequests = field(default_factory=FakePullRequests)
    remotes: Remotes = field(default_factory=Remotes)
    forge: tuple[Any, Any] | None = None
    """Who reads pull requests, and what is known of them."""
    outbox: FakeOutbox = field(init=False)
    queue: FakeQueue = field(init=False)
    traps: dict[str, Trap] = field(init=False)
    background: Background = field(init=False)
    actor: Delivery = field(init=False)
    idle: bool = False
    """Workers do nothing."""
    orders: list[WorkerOrder] = field(default_factory=list)
    """Of all verifications that came to an end."""
    most_workers: int = 0
    """At the same time."""

    def __post_init__(self) -> None:
        self.outbox = FakeOutbox(self.clock)
        self.queue = FakeQueue(self.outbox)
        repositories = GitRepositories(self.folder / "mirrors", self.folder / "imports", self.remotes)
        ports = {"repositories": repositories, "pulls": self.pulls, "host": self.host, "outbox": self.outbox, "mailbox": self.queue}
        self.traps = {name: Trap(port) for name, port in ports.items()}
        self._make()

    def result(self, files: dict[str, str | bytes], item: ItemId = ITEM, epoch: int = 1, **more: Any) -> Publication:
        """What a worker left in the spool for an accepted attempt, with its row in the outbox."""
        self.traps["repositories"].refresh(self.remote.repo, "main")
        base = Commit(self.remote.branches()["refs/heads/main"])
        tree = self.remote.worker(self.folder / f"worker-{item}-{epoch}", item)
        commit = tree.commit(files)
        bundle = tree.bundle(f"origin/main..{branch_of(item)}", name=f"{item}-{epoch}.bundle")
        row = Publication(
            lease=Lease(item, epoch),
            repo=self.remote.repo,
            base_branch="main",
            title="Do it",
            spec="# Do it\n\n- [x] Add a\n",
            result=result_of(bundle, commit, base),
            iterations=3,
            **more,
        )
        self.outbox.add(row)
        return row

    def rework(self, files: dict[str, str | bytes], start: Commit, item: ItemId = ITEM, epoch: int = 2, **more: Any) -> Publication:
        """The same of an attempt that went on with the branch of the first one."""
        self.traps["repositories"].refresh(self.remote.repo, "main")
        tree = self.remote.worker(self.folder / f"worker-{item}-{epoch}", item)
        git(tree.folder, "reset", "--quiet", "--hard", start)
        commit = tree.commit(files, "Rework")
        bundle = tree.bundle(f"{start}..{branch_of(item)}", name=f"{item}-{epoch}.bundle")
        named = {"title": "Do it", "spec": "# Do it\n\n- [x] Add a\n", "iterations": 3, "reworks": 1, "earlier_heads": (start,), **more}
        row = Publication(Lease(item, epoch), self.remote.repo, "main", result=result_of(bundle, commit, start), **named)
        self.outbox.add(row)
        return row

    def restart(self) -> None:
        """The process is gone, and another one starts."""
        self.background.close()
        self._make()
        self.actor.on_start()

    def turn(self) -> None:
        """One look at everything that the actor waits for, and a tick."""
        self._workers_work()
        if select.select([self.background.pollable()], [], [], 0.01)[0]:
            self.actor.on_ready(self.background)
        self.clock.advance(_STEP_SECONDS)
        self.actor.on_tick()

    def until(self, predicate: Callable[[], object]) -> None:
        """Turns until it holds. While the background is busy, what passes is real time, so turns there are not counted."""
        for _ in range(MAX_TURNS):
            if predicate():
                return
            if self.background._pending:
                select.select([self.background.pollable()], [], [], _WAIT_SECONDS)
            self.turn()
        raise AssertionError(f"not within {MAX_TURNS} turns; errors: {self.outbox.errors}, words: {self.queue.words}")

    def settle(self) -> None:
        """Turns until nothing is open any more and nothing is under way."""
        self.actor.on_mail(OutboxReady())
        self.until(lambda: not self.outbox.rows and not self.background._pending and not self.actor._runs)

    def survive(self) -> None:
        """As `settle`, with a new process whenever one is killed."""
        try:
            self.actor.on_start()
            self.settle()
        except Killed:
            self.restart()
            self.settle()

    def left_over(self) -> list[str]:
        """What should be gone once everything is published."""
        imports = [path.name for path in (self.folder / "imports").glob("*")]
        return imports + list(self.host.workers) + [path.name for path in self.folder.glob("*.bundle")]

    def _make(self) -> None:
        self.background = Background(4)
        ports: dict[str, Any] = dict(self.traps)
        self.actor = Delivery(
            clock=self.clock,
            locks=self.locks,
            mirrors=self.notes,
            background=self.background,
            settings=self.settings,
            results=self.folder,
            dice=random.Random(1),
            forge=self.forge,
            **ports,
        )

    def _workers_work(self) -> None:
        self.most_workers = max(self.most_workers, len(self.host.workers))
        for name, worker in list(self.host.workers.items()):
            if worker.observed.life is Life.RUNNING and not self.idle:
                order = msgspec.json.decode(worker.order.files["verify.json"], type=VerifyOrder)
                report = self.verdict(order)
                self.orders.append(worker.order)
                if report is not None:
                    self.host.leaves(name, "report.json", msgspec.json.encode(report))
                self.host.ends(name, 0 if report else 1)


PASSED = VerifiedGate("tests", True, True, 0.1, "fine")
"""What `all_green` says of the gate of `GATES`."""


def all_green(order: VerifyOrder) -> VerifyReport:
    return VerifyReport(order.commit, VerifiedGate(order.gate.name, True, order.gate.required, 0.1, "fine"))


def all_red(order: VerifyOrder) -> VerifyReport:
    return VerifyReport(order.commit, VerifiedGate(order.gate.name, False, order.gate.required, 0.1, "2 failed"))


GATES = DeliverySettings(gates=(Gate("tests", "make test"),))


def make_site(folder: Path, files: dict[str, str | bytes] | None = None, **more: Any) -> Site:
    return Site(folder, make_remote(folder / "there", files), **more)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def made(**more: Any) -> Site:
        sites.append(make_site(tmp_path, **more))
        return sites[-1]

    yield made
    for site in sites:
        site.background.close()
