"""Guards removed one at a time, as changes of the real code or of the statements: the simulation must find each within 100 seeds."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from msgspec import structs

from actors import dispatcher, verification
from actors.lock_manager import LockManager
from actors.publication import Rejection
from actors.queue_credit import CreditLine
from actors.work_queue import WorkQueue
from actors.worker import WorkerActor
from actors.worker_conversation import Conversation
from factory.delivery_ports import Publication
from factory.domain.dispatch import Board
from factory.domain.lease import ExpiryGuard, LeaseTerms
from factory.protocol.attempt_mail import Finish
from factory.protocol.mailbox import Lease
from factory.protocol.worker import Event
from factory.queue_ports import QueueRound
from factory.storage import work_items as storage
from factory.storage.attempts import AttemptRound
from factory.storage.locks import LockStore
from tests.simulation.memory import endings, work_items
from tests.simulation.memory.database import Row, Transaction
from tests.simulation.remote import SimForge, SimRepositories
from tests.simulation.run import Outcome, run
from tests.simulation.world import World

SEEDS = 100
"""Within which each must be found."""

Bound = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is removed, and how.

    Attributes:
        around: patches of the code, made anew for each run.
        change: of the world, such as another statement.
        shown_by: a seed below `SEEDS` that showed it, where the first ones do not: to be tried before them.
    """

    name: str
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    change: Callable[[World], object] = lambda _: None
    shown_by: int = 0


def found_by(mutation: Mutation, seeds: Iterable[int] = range(SEEDS)) -> Outcome | None:
    """The first run in which something breaks that holds without the mutation."""
    for seed in seeds:
        outcome = run(seed, mutation.change, mutation.around())
        if outcome.breach:
            return outcome
    return None


def _statement(name: str, mutated: Callable[[Transaction, Bound], list[Row]]) -> Callable[[World], object]:
    return lambda world: world.watch({name: mutated})


def _any_epoch(statement: Callable[[Transaction, Bound], list[Row]]) -> Callable[[Transaction, Bound], list[Row]]:
    """The statement without its fence: whatever the epoch that is said, the item that is there is meant."""

    def run_unfenced(tx: Transaction, bound: Bound) -> list[Row]:
        def leased(tx: Transaction, item: str, _: int) -> Row | None:
            row = tx.tables.items.get(item)
            return row if row is not None and row["status"] in work_items.LEASED else None

        with mock.patch.object(work_items, "leased_under", leased), mock.patch.object(endings, "leased_under", leased):
            return statement(tx, bound)

    return run_unfenced


def _finish_for_any(self: AttemptRound, mail: Finish, jitter: float) -> Any:
    """Whoever says that an attempt is over ends the one that is there."""
    row = self.tx.locked(mail.lease.item)
    if row is not None and row["holder"] is not None:
        mail = structs.replace(mail, lease=Lease(mail.lease.item, row["epoch"]))
    return _FINISH(self, mail, jitter)


_FINISH = AttemptRound.finish


def _claim_in_place(tx: Transaction, bound: Bound) -> list[Row]:
    """A claim that keeps the epoch of the attempt before."""
    claimed = work_items.claim_work_items(tx, bound)
    return [tx.change_item(row, epoch=max(row["epoch"] - 1, 1), holder=f"{row['id']}-{max(row['epoch'] - 1, 1)}") for row in claimed]


def _any_result(tx: Transaction, bound: Bound) -> list[Row]:
    with mock.patch.object(endings, "all_stored", return_value=True):
        return endings.accept_results(tx, bound)


def _all_of_it(self: CreditLine) -> int:
    return self._credit.free if self._credit.boot == self.boot else 0


def _all_later(last: int, given: Collection[int]) -> list[int]:
    return sorted(number for number in given if number > last)


def _push_by_force(self: SimRepositories, repo: str, _imported: object, commit: Any, branch: str, _expected: object) -> None:
    self._remote.move((repo, branch), commit)


def _always_create(self: SimForge, order: Any) -> Any:
    return self._create(order)


def _sweep_at_once(board: Board, on_host: frozenset[str], cared_for: frozenset[str], *_: float) -> tuple[Board, frozenset[str]]:
    """Kills what has no actor, at the first sighting and whatever its lease says."""
    return replace(board, reconciled=True), on_host - cared_for


def _grant_what_is_free(self: LockStore, lease: Lease, repo: str, files: Any) -> Any:
    answer = _ACQUIRE(self, lease, repo, files)
    return () if answer else answer


_ACQUIRE = LockStore.acquire


def _no_boot_grace(self: ExpiryGuard, now: float, terms: LeaseTerms, store_now: float | None = None) -> ExpiryGuard:
    return ExpiryGuard(now, now, store_now) if self.last_store is None else _TICK(self, now, terms, store_now)


_TICK = ExpiryGuard.tick


def _no_gap(self: ExpiryGuard, now: float, _: LeaseTerms, store_now: float | None = None) -> ExpiryGuard:
    return ExpiryGuard(now, self.quiet_until, store_now)


def _ack_at_once(self: Conversation, seq: int, event: Event) -> None:
    _NOTE(self, seq, event)
    self._ack(seq, "ok")


_NOTE = Conversation._note


def _start_over(self: WorkerActor) -> None:
    """Begins anew instead of adopting the worker that is there."""
    self._host.stop(self._name, 0.0)
    self._host.remove(self._name)
    self._carry_out(self._begin)


def _red(_: str, sentence: str, evidence: str = "") -> Rejection:
    return Rejection("gate", sentence, evidence)


@contextmanager
def _same_incarnation(self: WorkQueue) -> Iterator[QueueRound]:
    with self._store.round() as round_:
        yield round_


def _nothing(*_: object, **__: object) -> list[Row]:
    return []


NUMBERS_NOT_LOOKED_AT = Mutation(
    "event numbers are not looked at",
    lambda: mock.patch.object(storage, "continuing", lambda _, given: sorted(given)),
    _statement("known_numbers", _nothing),
)

MUTATIONS: tuple[Mutation, ...] = (
    Mutation("no fence in renew", change=_statement("renew_leases", _any_epoch(work_items.renew_leases))),
    Mutation("no fence in starting", change=_statement("worker_starting", _any_epoch(work_items.worker_starting)), shown_by=16),
    Mutation("no fence in accept", change=_statement("start_work_items", _any_epoch(work_items.start_work_items)), shown_by=2),
    Mutation("no fence in take_results", change=_statement("accept_results", _any_epoch(endings.accept_results)), shown_by=35),
    Mutation("a claim keeps the epoch", change=_statement("claim_work_items", _claim_in_place)),
    Mutation("results before their events", change=_statement("accept_results", _any_result), shown_by=6),
    NUMBERS_NOT_LOOKED_AT,
    Mutation("events are taken before those that were lost", lambda: mock.patch.object(storage, "continuing", _all_later)),
    Mutation("no find-or-create", lambda: mock.patch.object(SimForge, "open", _always_create), shown_by=8),
    Mutation("a branch per attempt", lambda: mock.patch.object(Publication, "branch", property(lambda row: f"factory/{row.name}"))),
    Mutation("push by force", lambda: mock.patch.object(SimRepositories, "push", _push_by_force)),
    Mutation("credit without what it knew of", lambda: mock.patch.object(CreditLine, "free", property(_all_of_it)), shown_by=6),
    Mutation("no boot grace", lambda: mock.patch.object(ExpiryGuard, "tick", _no_boot_grace), shown_by=2),
    Mutation("no quiet time after a gap", lambda: mock.patch.object(ExpiryGuard, "tick", _no_gap)),
    Mutation("sweep before adoption", lambda: mock.patch.object(dispatcher, "sweep", _sweep_at_once)),
    Mutation("no fence in finish", lambda: mock.patch.object(AttemptRound, "finish", _finish_for_any), shown_by=4),
    Mutation("events acknowledged before they are stored", lambda: mock.patch.object(Conversation, "_note", _ack_at_once)),
    Mutation("no adoption", lambda: mock.patch.object(WorkerActor, "on_start", _start_over)),
    Mutation("the same credit after a lost commit", lambda: mock.patch.object(WorkQueue, "_durable_round", _same_incarnation), shown_by=9),
    Mutation("locks are not released", lambda: mock.patch.object(LockManager, "_release", _nothing), _statement("sweep_locks", _nothing)),
    Mutation("a clock set back is not made up for", change=_statement("shift_times", _nothing), shown_by=5),
    Mutation("a silent verifier is a red gate", lambda: mock.patch.object(verification, "Rejection", _red), shown_by=6),
    Mutation("a part of the locks is enough", lambda: mock.patch.object(LockStore, "acquire", _grant_what_is_free)),
)
