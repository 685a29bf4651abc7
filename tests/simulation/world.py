"""The whole factory in one thread: the actors that the processes host, on simulated ports, under virtual time."""

import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from actors.base import FactoryActor
from actors.delivery import Delivery, DeliverySettings
from actors.dispatcher import Dispatcher
from actors.gateway import Gateway
from actors.limiter import Limiter
from actors.lock_manager import LockManager
from actors.work_queue import WorkQueue
from actors.worker import WorkerActor
from actors.worker_orders import WorkerTerms
from factory.domain.backoff import BackoffPolicy
from factory.domain.gates import Gate
from factory.domain.lease import LeaseTerms
from factory.domain.limits import Limits
from factory.domain.work_item import RetryPolicy
from factory.errors import ActorUnavailable, StoreUnavailable
from factory.protocol.limiter_mail import NewSettings
from factory.protocol.mailbox import Lease, Work
from factory.storage.limits import LimitStore
from factory.storage.locks import LockStore
from factory.storage.mirrors import MirrorStore
from factory.storage.outbox import OutboxStore
from factory.storage.pull_requests import PullRequestRows
from factory.storage.rounds import QueueTerms
from factory.storage.work_items import WorkItems
from tests.simulation.background import SimBackground
from tests.simulation.host import SimHost
from tests.simulation.kernel import Kernel, Lane, LaneClock
from tests.simulation.memory.database import MemoryDatabase, Statement, Transaction
from tests.simulation.memory.statements import STATEMENTS
from tests.simulation.net import Net, SimLink
from tests.simulation.remote import SimForge, SimRemote, SimRepositories
from tests.simulation.seats import Post, Seat, SeatMailbox
from tests.simulation.tree import SimTree

H = 5.0
TERMS = LeaseTerms(H)
RETRY = RetryPolicy(
    max_attempts=3, max_setbacks=10, quota_pause=10.0, attempt_backoff=BackoffPolicy(2.0, 20.0), setback_backoff=BackoffPolicy(1.0, 20.0)
)
"""As the factory's own, but for shorter distances: a run has ten minutes."""


class Roomy:
    """A disk that is never full."""

    def space(self) -> tuple[int, int]:
        return 1, 1


LIMITS = Limits(max_workers=3, daily_iterations=1_000_000, cooldown=0.0)
DELIVERY = DeliverySettings(gates=(Gate("tests", "make test", timeout=60.0),), backoff=BackoffPolicy(1.0, 10.0))

Granted = Callable[[Lease, str, Sequence[str]], object]

_STATEMENT_SECONDS = 0.002


class World:
    """One run's factory and all that surrounds it.

    Attributes:
        store_away_until: there is no database until then.
        commit_trouble: likelihood that a commit fails or, half of the times, that its answer is lost.
        slow_jobs: seconds that a job in the background takes at most.
        granted: called with each grant of locks.
        committed: called after each commit that wrote something.
    """

    def __init__(self, kernel: Kernel, statements: Mapping[str, Statement] = STATEMENTS) -> None:
        self.kernel = kernel
        self.store_away_until = 0.0
        self.commit_trouble = 0.0
        self.slow_jobs = 0.3
        self.committed: Callable[[Transaction], object] = lambda _: None
        self.granted: Granted = lambda *_: None
        self.statements = dict(statements)
        self.database = MemoryDatabase(kernel.database_time, self.statements, begin=self._begin, commit=self._commit)
        self.tables = self.database.tables
        self.folder = Path(tempfile.mkdtemp(prefix="factory-simulation-"))
        self.results = self.folder / "results"
        self.results.mkdir()
        self.post, self.net = Post(kernel), Net(kernel)
        self.remote = SimRemote(kernel)
        self.host = SimHost(kernel, self.net)
        fixed = {
            "queue": self._queue, "limiter": self._limiter, "locks": self._locks, "gateway": self._gateway,
            "dispatcher": self._dispatcher, "delivery": self._delivery,
        }  # fmt: skip
        self.tree = SimTree(kernel, self.post, fixed, lambda work: partial(self._worker, work), shutdown=15.0)
        self.operator = Operator(kernel, self.post)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def watch(self, statements: Mapping[str, Statement]) -> None:
        """From now on these statements are executed."""
        self.statements.update(statements)

    # -- the store ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        lane = self.kernel.current
        lane.step()
        lane.lag += self.kernel.random.random() * _STATEMENT_SECONDS
        if self.kernel.here() < self.store_away_until:
            raise StoreUnavailable("The database is away.")

    def _commit(self, tx: Transaction, commit: Callable[[], None]) -> None:
        lane, kernel = self.kernel.current, self.kernel
        lane.step()
        if not tx.wrote:
            return
        if kernel.chance(self.commit_trouble / 2):
            raise StoreUnavailable("The connection was lost before the commit.")
        commit()
        self.committed(tx)
        if kernel.chance(self.commit_trouble / 2):
            raise StoreUnavailable("The connection was lost at the commit.")
        lane.step()

    # -- the actors ---------------------------------------------------------------------------------------------------

    def _common(self, seat: Seat) -> dict[str, Any]:
        return {"mailbox": SeatMailbox(self.post, seat), "clock": LaneClock(self.kernel, seat)}

    def _background(self, seat: Seat) -> Any:
        return SimBackground(self.kernel, seat, lambda: self.slow_jobs)

    def _dice(self, seat: Seat) -> random.Random:
        return self.kernel.plan("dice", seat.name, seat.generation)

    def _queue(self, seat: Seat) -> FactoryActor:
        store = WorkItems(self.database.typed, QueueTerms(TERMS, RETRY))
        return WorkQueue(**self._common(seat), store=store, terms=TERMS, boot=f"boot{seat.generation}", dice=self._dice(seat))

    def _limiter(self, seat: Seat) -> FactoryActor:
        return Limiter(**self._common(seat), store=LimitStore(self.database.typed), disk=Roomy(), settings=NewSettings(LIMITS))

    def _locks(self, seat: Seat) -> FactoryActor:
        return LockManager(**self._common(seat), store=TellingLocks(self.database, self.granted), sweep_every=H)

    def _gateway(self, seat: Seat) -> FactoryActor:
        return Gateway(**self._common(seat), link=cast("Any", SimLink(self.net, seat)), heartbeat=H)

    def _dispatcher(self, seat: Seat) -> FactoryActor:
        return Dispatcher(**self._common(seat), host=self.host, background=self._background(seat), heartbeat=H)

    def _delivery(self, seat: Seat) -> FactoryActor:
        database = self.database.typed
        return Delivery(
            **self._common(seat), repositories=SimRepositories(self.remote), pulls=SimForge(self.remote, PullRequestRows(database)),
            host=self.host, outbox=OutboxStore(database), locks=LockStore(database), mirrors=MirrorStore(database),
            background=self._background(seat), settings=DELIVERY, results=self.results, dice=self._dice(seat),
        )  # fmt: skip

    def _worker(self, work: Work, seat: Seat) -> FactoryActor:
        terms = WorkerTerms(
            endpoint="tcp://gateway", server_key="s" * 40, lease=TERMS, iteration_timeout=600.0, stuck_after=3, stop_grace=1.0,
            results=self.results, logs=self.folder / "logs",
        )  # fmt: skip
        return WorkerActor(**self._common(seat), host=self.host, work=work, terms=terms, background=self._background(seat))


class TellingLocks(LockStore):
    """Says which locks were granted to whom."""

    def __init__(self, database: MemoryDatabase, granted: Granted) -> None:
        super().__init__(database.typed)
        self._granted = granted

    def acquire(self, lease: Lease, repo: str, files: Sequence[str]) -> tuple[str, ...] | None:
        holders = super().acquire(lease, repo, files)
        if holders == ():
            self._granted(lease, repo, files)
        return holders


class Operator(Lane):
    """Somebody outside who asks the factory, and does not always hear the answer."""

    def __init__(self, kernel: Kernel, post: Post) -> None:
        super().__init__("operator")
        self._kernel, self._post = kernel, post

    def ask(self, address: str, mail: object) -> object | None:
        self.lag = 0.0
        try:
            return self._post.ask(self, address, mail, 5.0)
        except ActorUnavailable:
            return None
        finally:
            self.lag = 0.0
