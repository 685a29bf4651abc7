"""The dispatcher's actor with a host without processes: claims, credit, reconciliation."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import pytest

from actors.background import Background, Job
from actors.dispatcher import Dispatcher
from factory.errors import HostUnavailable
from factory.ports import Life, Observed, WorkerOrder
from factory.protocol import mailbox as mail
from factory.protocol.limiter_mail import RoomChanged
from factory.protocol.mailbox import (
    Capacity,
    Child,
    Claimed,
    Credit,
    Lease,
    LeaseEnded,
    Outstanding,
    Room,
    StartWorkerActor,
    Survey,
    Tree,
    Work,
    WorkerGone,
)
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.fakes.worker_host import FakeWorkerHost
from tests.waiting import eventually

A, B, C = (Lease(letter * 10, 1) for letter in "abc")
BOOT = "q.1"


def work(*leases: Lease) -> tuple[Work, ...]:
    return tuple(Work(lease, "/repo", "main", "t", "s", "command:true", "operator", "assigned") for lease in leases)


class Troubled(FakeWorkerHost):
    """A host that cannot always end a worker."""

    trouble = False

    def stop(self, name: str, grace: float) -> Observed:
        if self.trouble:
            raise HostUnavailable("Something survives SIGKILL.")
        return super().stop(name, grace)


class Pool(Background):
    """Remembers what it was asked to do."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked: list[Hashable] = []

    def submit(self, key: Hashable, job: Job) -> bool:
        self.asked.append(key)
        return super().submit(key, job)


class Factory:
    """A dispatcher, with supervisor, limiter and host as a test wants them."""

    def __init__(self) -> None:
        self.host, self.mail = Troubled(), RecordingMailbox()
        self.background = Pool()
        self.free: Callable[[int], int] = lambda active: max(3 - active, 0)
        self.actors: set[str] = set()
        self.mail.answers["limiter"] = self._limit
        self.mail.answers["supervisor"] = self._supervise
        self.actor = Dispatcher(mailbox=self.mail, clock=ManualClock(), host=self.host, background=self.background, heartbeat=5.0)

    def _limit(self, asked: Capacity) -> Room:
        return Room(self.free(asked.active))

    def _supervise(self, asked: object) -> object:
        if isinstance(asked, StartWorkerActor):
            self.actors.add(asked.work.lease.worker)
            return mail.Ok()
        nodes = [Child(f"worker-{name}", "workers", 1, "running", 0, 1.0) for name in sorted(self.actors)]
        return Tree((Child("queue", "core", 7, "running", 0, 1.0), *nodes))

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

    def reconciles(self, *leases: Lease, unleased: tuple[Lease, ...] = (), made: int = 0) -> None:
        """A survey, answered at once: these are the leases there are."""
        for _ in range(4):
            self.actor.on_tick()
        self.hears(Outstanding(BOOT, made, leases, work(*leases), unleased))

    def waits_until_removed(self, lease: Lease) -> None:
        eventually(lambda: self.host.poll(lease.worker).life is Life.GONE, what=f"{lease.worker} is gone")


@pytest.fixture
def factory() -> Iterator[Factory]:
    factory = Factory()
    yield factory
    factory.actor.on_stop()


# -- credit -----------------------------------------------------------------------------------------------------------


def test_it_begins_by_asking_what_there_is(factory: Factory) -> None:
    factory.actor.on_start()

    assert factory.mail.told == [("queue", Survey())]


def test_until_it_knows_the_queue_it_gives_no_credit(factory: Factory) -> None:
    factory.actor.on_tick()

    assert factory.mail.told == [("queue", Survey())]
    assert factory.mail.asked == []


def test_credit_is_what_the_limiter_allows_beside_the_leases_there_are(factory: Factory) -> None:
    factory.hears(Outstanding(BOOT, 7, (A,), work(A)))

    assert factory.credits() == [Credit(BOOT, 7, 2)]


def test_a_limiter_that_does_not_answer_means_no_credit(factory: Factory) -> None:
    del factory.mail.answers["limiter"]

    factory.hears(Outstanding(BOOT, 7, (), ()))

    assert factory.credits() == [Credit(BOOT, 7, 0)]


def test_claims_use_credit_and_ended_leases_give_it_back(factory: Factory) -> None:
    factory.hears(Outstanding(BOOT, 0, (), ()), Claimed(BOOT, 2, work(A, B)), LeaseEnded(A, "done"), LeaseEnded(A, "done"))

    assert factory.credits() == [Credit(BOOT, 0, 3), Credit(BOOT, 2, 1), Credit(BOOT, 2, 2), Credit(BOOT, 2, 2)]


def test_each_tick_gives_credit_again_since_the_last_may_be_lost(factory: Factory) -> None:
    factory.hears(Outstanding(BOOT, 0, (), ()))

    factory.actor.on_tick()
    factory.actor.on_tick()

    assert factory.credits() == [Credit(BOOT, 0, 3)] * 3


def test_a_new_queue_is_given_credit_in_its_own_count(factory: Factory) -> None:
    factory.hears(Outstanding(BOOT, 9, (A,), work(A)), Outstanding("q.2", 0, (A, B), work(A, B)))

    assert factory.credits()[-1] == Credit("q.2", 0, 1)


def test_the_parts_of_a_large_survey_all_say_the_same_of_the_leases(factory: Factory) -> None:
    factory.hears(Outstanding(BOOT, 2, (A, B), work(A)), Outstanding(BOOT, 2, (A, B), work(B)))

    assert [credit.free for credit in factory.credits()] == [1, 1]
    assert factory.started() == [A.worker, B.worker]


# -- actors -----------------------------------------------------------------------------------------------------------


def test_each_claim_gets_its_actor_once(factory: Factory) -> None:
    factory.hears(Outstanding(BOOT, 0, (), ()), Claimed(BOOT, 2, work(A, B)))
    factory.reconciles(A, B, made=2)

    assert factory.started() == [A.worker, B.worker]


def test_a_lease_whose_actor_died_gets_a_new_one(factory: Factory) -> None:
    factory.hears(Claimed(BOOT, 2, work(A, B)))
    factory.actors.discard(A.worker)

    factory.reconciles(A, B, made=2)

    assert factory.started() == [A.worker, B.worker, A.worker]


def test_an_actor_whose_process_is_gone_does_not_look_after_its_worker(factory: Factory) -> None:
    factory.mail.answers["supervisor"] = lambda _: Tree((Child(f"worker-{A.worker}", "workers", None, "gave up", 3, 0.0),))

    factory.reconciles(A)

    assert factory.started() == [A.worker]


def test_while_the_supervisor_does_not_answer_nothing_is_placed_or_killed(factory: Factory) -> None:
    answer = factory.mail.answers.pop("supervisor")
    factory.makes(B)
    for _ in range(3):
        factory.reconciles(A, unleased=(B,))
    assert (factory.started(), factory.background.asked) == ([], [])

    factory.mail.answers["supervisor"] = answer
    factory.reconciles(A)
    assert factory.started() == [A.worker]


def test_a_claim_that_could_not_be_placed_is_placed_at_the_next_survey(factory: Factory) -> None:
    answer = factory.mail.answers.pop("supervisor")
    factory.hears(Claimed(BOOT, 1, work(A)))
    factory.mail.answers["supervisor"] = answer

    factory.reconciles(A, made=1)

    assert factory.actors == {A.worker}


# -- orphans ----------------------------------------------------------------------------------------------------------


def test_a_worker_without_lease_and_actor_is_killed_at_the_second_sweep(factory: Factory) -> None:
    factory.makes(A, B)

    factory.reconciles(A)
    assert factory.background.asked == []

    factory.reconciles(A)
    factory.waits_until_removed(B)
    assert factory.host.poll(A.worker).life is Life.RUNNING


def test_a_worker_whose_claim_is_on_its_way_is_left_alone(factory: Factory) -> None:
    factory.makes(A)
    factory.reconciles()
    factory.hears(Claimed(BOOT, 1, work(A)))

    factory.reconciles(A, made=1)
    factory.reconciles(A, made=1)

    assert factory.background.asked == []
    assert factory.host.poll(A.worker).life is Life.RUNNING


def test_several_answers_to_one_look_at_the_host_are_one_sighting(factory: Factory) -> None:
    factory.makes(A)

    factory.reconciles()
    factory.hears(Outstanding(BOOT, 0, (), ()), Outstanding(BOOT, 0, (), ()))

    assert factory.background.asked == []
    assert factory.host.poll(A.worker).life is Life.RUNNING


def test_workers_that_verify_results_belong_to_delivery(factory: Factory) -> None:
    factory.host.start(WorkerOrder(f"verify-{A.worker}", (), {}))

    for _ in range(3):
        factory.reconciles()

    assert factory.background.asked == []
    assert factory.host.poll(f"verify-{A.worker}").life is Life.RUNNING


def test_a_worker_whose_lease_is_over_is_removed_at_once_and_then_reported_gone(factory: Factory) -> None:
    factory.makes(A)

    factory.reconciles(unleased=(A,))
    factory.waits_until_removed(A)
    assert factory.mail.to("queue", WorkerGone) == []

    factory.reconciles(unleased=(A,))
    assert factory.mail.to("queue", WorkerGone) == [WorkerGone(A, "its lease was over")]


def test_a_worker_that_never_was_is_reported_gone(factory: Factory) -> None:
    factory.reconciles(unleased=(A,))

    assert factory.mail.to("queue", WorkerGone) == [WorkerGone(A, "its lease was over")]


def test_a_worker_that_its_actor_is_ending_is_left_to_it(factory: Factory) -> None:
    factory.makes(A)
    factory.actors.add(A.worker)

    for _ in range(3):
        factory.reconciles(unleased=(A,))

    assert factory.background.asked == []
    assert factory.mail.to("queue", WorkerGone) == []


def test_a_worker_that_cannot_be_ended_now_is_ended_by_a_later_sweep(factory: Factory) -> None:
    factory.makes(A)
    factory.host.trouble = True
    factory.reconciles(unleased=(A,))
    eventually(lambda: factory.background.pollable() and _has_ended(factory), what="the first try has failed")

    factory.host.trouble = False
    factory.reconciles(unleased=(A,))

    factory.waits_until_removed(A)


def test_a_worker_that_is_just_being_made_is_not_reported_gone(factory: Factory) -> None:
    factory.makes(A)
    factory.host.workers[A.worker].observed = Observed(A.worker, Life.RUNNING, reason="It is being started.")
    factory.host.trouble = True

    factory.reconciles(unleased=(A,))

    assert factory.mail.to("queue", WorkerGone) == []


def _has_ended(factory: Factory) -> bool:
    ended = factory.background.drain()
    assert all(isinstance(result, HostUnavailable) for _, result in ended)
    return bool(ended)


def test_credit_is_taken_back_as_soon_as_the_limiter_says_that_it_changed(factory: Factory) -> None:
    factory.reconciles()
    factory.free = lambda _active: 0

    factory.hears(RoomChanged())

    assert factory.credits()[-1].free == 0
