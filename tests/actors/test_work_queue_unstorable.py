"""The queue's actor and mail that no form of the store takes: it ends the attempt it came from at most, never the queue."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from factory.errors import InvalidInput
from factory.protocol.attempt_mail import Accepted, Finish, Happened, Recorded, Renew, Renewed, Starting, WorkerGone
from factory.protocol.delivery_mail import Rejected
from factory.protocol.lease_mail import LeaseEnded
from factory.protocol.mailbox import Lease, Refused, Stale
from factory.queue_ports import QueueRound
from factory.storage.database import Database
from factory.storage.work_items import WorkItems
from tests.actors.queue_site import Queue, status
from tests.work import TERMS, order, running


class Choosy:
    """A store that refuses whatever speaks of the leases it is told to refuse."""

    def __init__(self, items: WorkItems) -> None:
        self._items = items
        self.refuses: set[Lease] = set()

    @contextmanager
    def round(self) -> Iterator[QueueRound]:
        with self._items.round() as round_:
            yield cast("QueueRound", _Choosy(round_, self.refuses))


class _Choosy:
    def __init__(self, round_: QueueRound, refuses: set[Lease]) -> None:
        self._round, self._refuses = round_, refuses

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._round, name)

        def looked_at(*arguments: Any) -> Any:
            if self._refuses & set(_leases(arguments)):
                raise InvalidInput("The database says: no.")
            return method(*arguments)

        return looked_at


def _leases(arguments: Sequence[Any]) -> Iterator[Lease]:
    for argument in arguments:
        match argument:
            case Lease():
                yield argument
            case list() | tuple():
                yield from _leases(argument)
            case _ if isinstance(lease := getattr(argument, "lease", None), Lease):
                yield lease


@pytest.fixture
def choosy(items: WorkItems) -> Choosy:
    return Choosy(items)


@pytest.fixture
def queue(choosy: Choosy) -> Queue:
    return Queue(choosy)


@pytest.mark.parametrize(
    "make",
    [
        lambda lease: Happened(lease, 3, 1, "ATTEMPT.X.Y", {}),
        lambda lease: Accepted(lease, 3),
        lambda lease: Finish(lease, 3, "agent", "x"),
    ],
    ids=["event", "acceptance", "end"],
)
def test_the_agent_hears_that_its_attempt_is_over_and_the_mail_beside_it_is_stored(
    queue: Queue, choosy: Choosy, items: WorkItems, make: Callable[[Lease], object]
) -> None:
    bad, good = running(items), running(items)
    choosy.refuses = {bad}

    answers = queue.on_batch([make(bad), Happened(good, 1, 1, "ATTEMPT.X.Y", {}), order()])

    assert answers[2].code == "ok"
    assert queue.mail.to(f"worker-{bad.worker}", Recorded) == [Recorded(bad, 3, "stale")]
    assert queue.mail.to(f"worker-{good.worker}", Recorded) == [Recorded(good, 1, "ok", 1)]


def test_whoever_asks_gets_an_answer(queue: Queue, choosy: Choosy, items: WorkItems) -> None:
    lease = running(items)
    choosy.refuses = {lease}

    starting, rejected, gone = queue.on_batch(
        [Starting(lease, "k" * 40, "local", "unconfined", ""), Rejected(lease, "gate", "red"), WorkerGone(lease, "x")]
    )

    assert isinstance(starting, Stale)
    assert isinstance(rejected, Refused)
    assert isinstance(gone, Refused)


def test_a_beat_that_cannot_be_stored_ends_its_own_lease_only(queue: Queue, choosy: Choosy, items: WorkItems, database: Database) -> None:
    bad, good = running(items), running(items)
    choosy.refuses = {bad}
    queue.on_batch([Renew(bad, "running"), Renew(good, "running")])

    queue.on_tick()
    queue.on_tick()

    assert queue.mail.to(f"worker-{bad.worker}", LeaseEnded) == [LeaseEnded(bad, "The database says: no.")]
    assert queue.mail.to(f"worker-{good.worker}", Renewed) == [Renewed(good, TERMS.lease.lease)]
    assert status(database, good.item) == "running"


def test_an_end_whose_numbers_are_none_is_not_the_queues_end(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    queue.on_batch([Finish(lease, 3, "infra", "a\0b", retry_after=float("nan"))])

    assert [mail.seq for mail in queue.mail.to(f"worker-{lease.worker}", Recorded)] == [3]
