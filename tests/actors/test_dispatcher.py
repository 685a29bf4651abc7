"""The dispatcher's actor: actors for leases, and what it does about workers that nobody looks after."""

from collections.abc import Iterator

import pytest

from factory.errors import HostUnavailable
from factory.protocol.attempt_mail import WorkerGone
from factory.protocol.lease_mail import Claimed, GiveBack, GivenBack, Outstanding
from factory.protocol.mailbox import Child, Tree
from factory.worker_ports import Life, Observed, WorkerOrder
from tests.actors.dispatcher_site import BOOT, A, B, C, Factory, H, work
from tests.waiting import eventually


@pytest.fixture
def factory() -> Iterator[Factory]:
    factory = Factory()
    yield factory
    factory.actor.on_stop()


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


def test_a_worker_that_nothing_is_known_of_is_left_alone_for_twelve_heartbeats_and_then_killed(factory: Factory) -> None:
    factory.makes(A, B)
    first = factory.clock.monotonic() + 2 * H

    while factory.clock.monotonic() < first + 10 * H:
        factory.reconciles(A)
        assert factory.background.asked == []

    factory.reconciles(A)
    factory.waits_until_removed(B)
    assert factory.host.poll(A.worker).life is Life.RUNNING


def test_a_worker_that_nothing_is_known_of_is_looked_at_as_soon_as_its_time_is_over(factory: Factory) -> None:
    factory.makes(A)
    factory.reconciles()
    factory.actor.on_tick()
    asked = len(factory.surveys())

    factory.clock.advance(12 * H)
    factory.actor.on_tick()
    factory.answers()

    assert len(factory.surveys()) == asked + 1, "it waited for the next survey"
    factory.waits_until_removed(A)


def test_the_tick_comes_when_a_workers_time_is_over_and_not_half_a_heartbeat_later(factory: Factory) -> None:
    factory.makes(A)
    factory.reconciles()
    paces = []
    for seconds in (11.8 * H, 0.2 * H):
        factory.clock.advance(seconds)
        factory.actor.on_tick()
        paces.append(factory.actor.tick_every)

    assert paces == [pytest.approx(0.2 * H), H / 2]


def test_a_worker_that_nothing_is_known_of_has_a_fifth_of_a_heartbeat_to_end(factory: Factory) -> None:
    factory.makes(A)
    factory.reconciles()
    factory.clock.advance(12 * H)
    factory.actor.on_tick()
    factory.answers()
    factory.waits_until_removed(A)

    assert factory.host.graces == [(A.worker, H / 5)]


def test_a_worker_whose_claim_is_on_its_way_is_left_alone(factory: Factory) -> None:
    factory.makes(A)
    factory.reconciles()
    factory.hears(Claimed(BOOT, 1, work(A)))

    for _ in range(10):
        factory.reconciles(A, made=1)

    assert factory.background.asked == []
    assert factory.host.poll(A.worker).life is Life.RUNNING


def test_several_answers_to_one_look_at_the_host_are_one_sighting(factory: Factory) -> None:
    factory.makes(A)

    factory.reconciles()
    factory.clock.advance(12 * H)
    factory.answers()
    factory.answers()

    assert factory.background.asked == []
    assert factory.host.poll(A.worker).life is Life.RUNNING


def test_workers_that_verify_results_belong_to_delivery(factory: Factory) -> None:
    factory.host.start(WorkerOrder(f"verify-{A.worker}", (), {}))

    for _ in range(10):
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


# -- the end of the factory -------------------------------------------------------------------------------------------


def test_at_the_end_of_the_factory_all_leases_go_back_and_their_workers_end(factory: Factory) -> None:
    """Also those of claims that it never heard of, and of actors that did not come to say so: killed, or not yet started."""
    factory.begins(A, B)
    factory.makes(A, B)
    factory.mail.answers["queue"] = lambda _: GivenBack((A, C))
    factory.actors.clear()
    factory.stopping = "now"

    factory.actor.on_stop()

    assert factory.mail.asked[-1] == ("queue", GiveBack("the factory was stopped"))
    assert list(factory.host.workers) == [B.worker]
    assert [gone.lease for gone in factory.mail.to("queue", WorkerGone)] == [A, C]


@pytest.mark.parametrize("stopping", ["", "drain", "detach"])
def test_a_dispatcher_that_ends_alone_or_leaves_the_work_running_gives_nothing_back(factory: Factory, stopping: str) -> None:
    factory.begins(A)
    factory.makes(A)
    factory.stopping = stopping

    factory.actor.on_stop()

    assert [mail for address, mail in factory.mail.asked if address == "queue"] == []
    assert list(factory.host.workers) == [A.worker]


def test_a_worker_that_cannot_be_ended_does_not_keep_the_dispatcher_from_its_end(factory: Factory) -> None:
    factory.begins(A, B)
    factory.makes(A, B)
    factory.mail.answers["queue"] = lambda _: GivenBack((A, B))
    factory.stopping, factory.host.trouble = "now", True

    factory.actor.on_stop()

    assert factory.mail.to("queue", WorkerGone) == []
