"""The dispatcher's actor: when it gives credit, when it takes it back, and how it lets the factory run out."""

from collections.abc import Iterator

import pytest

from factory.protocol.attempt_mail import Finish
from factory.protocol.lease_mail import Claimed, Credit, LeaseEnded, NoneMade, Outstanding, Survey
from factory.protocol.limiter_mail import RoomChanged
from factory.protocol.mailbox import Shutdown
from tests.actors.dispatcher_site import BOOT, NO_CREDIT, A, B, Factory, work


@pytest.fixture
def factory() -> Iterator[Factory]:
    factory = Factory()
    yield factory
    factory.actor.on_stop()


def test_it_begins_by_taking_back_what_the_one_before_gave_and_asking_what_there_is(factory: Factory) -> None:
    factory.actor.on_start()

    assert factory.mail.told == [("queue", NO_CREDIT), ("queue", Survey(1))]


def test_it_asks_again_on_each_tick_until_it_is_answered(factory: Factory) -> None:
    factory.actor.on_start()
    factory.actor.on_tick()

    assert factory.surveys() == [1, 2]
    assert factory.credits() == [NO_CREDIT]


def test_claims_before_the_first_reconciliation_bring_no_credit(factory: Factory) -> None:
    factory.actor.on_start()

    factory.hears(Claimed(BOOT, 1, work(A)))

    assert factory.credits()[1:] == [Credit(BOOT, 1, 0)]
    assert factory.started() == [A.worker]


def test_an_answer_to_an_earlier_question_is_no_reconciliation(factory: Factory) -> None:
    factory.makes(B)
    factory.actor.on_start()
    factory.actor.on_tick()

    for _ in range(3):
        factory.hears(Outstanding(BOOT, 0, (), (), (), survey=1))

    assert {credit.free for credit in factory.credits()} == {0}
    assert factory.background.asked == []


def test_while_the_host_cannot_be_listed_nothing_is_claimed(factory: Factory) -> None:
    factory.begins()
    factory.host.away = True
    factory.reconciles()
    assert factory.credits()[-1] == Credit(BOOT, 0, 0)

    factory.host.away = False
    factory.reconciles()
    assert factory.credits()[-1] == Credit(BOOT, 0, 3)


def test_a_worker_s_word_that_none_can_be_made_takes_the_credit_back_at_once(factory: Factory) -> None:
    """Not at the next sweep: until then each item that is given back would be claimed again."""
    factory.begins(A)
    factory.host.away = True

    factory.hears(NoneMade())

    assert (factory.credits()[-1].free, factory.told_away) == (0, "The engine does not answer.")
    assert factory.surveys() == [2]


def test_while_no_worker_could_be_made_nothing_is_claimed_and_whoever_asks_is_told_why(factory: Factory) -> None:
    factory.begins()
    factory.host.empty = True
    factory.reconciles()
    assert (factory.credits()[-1].free, factory.told_away) == (0, "The engine has no image.")

    factory.host.empty, factory.host.away = False, True
    factory.reconciles()
    assert (factory.credits()[-1].free, factory.told_away) == (0, "The engine does not answer.")

    factory.host.away = False
    factory.reconciles()
    assert (factory.credits()[-1].free, factory.told_away) == (3, "")


def test_while_the_supervisor_does_not_answer_nothing_is_claimed_after_a_start(factory: Factory) -> None:
    del factory.mail.answers["supervisor"]

    factory.begins()
    factory.reconciles()

    assert factory.credits()[-1] == Credit(BOOT, 0, 0)


def test_credit_is_what_the_limiter_allows_beside_the_leases_there_are(factory: Factory) -> None:
    factory.actor.on_start()
    factory.answers(A, made=7)

    assert factory.credits() == [NO_CREDIT, Credit(BOOT, 7, 2)]


def test_a_limiter_that_does_not_answer_means_no_credit(factory: Factory) -> None:
    del factory.mail.answers["limiter"]

    factory.actor.on_start()
    factory.answers(made=7)

    assert factory.credits() == [NO_CREDIT, Credit(BOOT, 7, 0)]


def test_claims_use_credit_and_ended_leases_give_it_back(factory: Factory) -> None:
    factory.begins()

    factory.hears(Claimed(BOOT, 2, work(A, B)), LeaseEnded(A, "done"), LeaseEnded(A, "done"))

    assert factory.credits() == [Credit(BOOT, 2, 1), Credit(BOOT, 2, 2), Credit(BOOT, 2, 2)]


def test_each_tick_gives_credit_again_since_the_last_may_be_lost(factory: Factory) -> None:
    factory.begins()

    factory.actor.on_tick()
    factory.actor.on_tick()

    assert factory.credits() == [Credit(BOOT, 0, 3)] * 2


def test_a_new_queue_is_given_credit_in_its_own_count(factory: Factory) -> None:
    factory.begins(A, made=9)

    factory.hears(Outstanding("q.2", 0, (A, B), work(A, B)))

    assert factory.credits()[-1] == Credit("q.2", 0, 1)


def test_the_parts_of_a_large_survey_all_say_the_same_of_the_leases(factory: Factory) -> None:
    factory.actor.on_start()
    parts = (Outstanding(BOOT, 2, (A, B), work(one), survey=1) for one in (A, B))

    factory.hears(*parts)

    assert [credit.free for credit in factory.credits()[1:]] == [1, 1]
    assert factory.started() == [A.worker, B.worker]


def test_credit_is_taken_back_as_soon_as_the_limiter_says_that_it_changed(factory: Factory) -> None:
    factory.reconciles()
    factory.free = lambda _active: 0

    factory.hears(RoomChanged())

    assert factory.credits()[-1].free == 0


# -- drain ------------------------------------------------------------------------------------------------------------


def stops(factory: Factory) -> list[Shutdown]:
    return factory.mail.to("supervisor", Shutdown)


def drained(factory: Factory) -> Factory:
    factory.begins(A)
    factory.actors.add(A.worker)
    factory.stopping = "drain"
    factory.hears(RoomChanged())
    return factory


def test_a_drain_takes_the_credit_back_before_it_asks_what_is_under_way(factory: Factory) -> None:
    drained(factory)

    assert [mail for _, mail in factory.mail.told] == [Credit(BOOT, 0, 0), Survey(2), Credit(BOOT, 0, 0)]
    assert factory.drains, "the limiter tells everyone why nothing starts"


def test_a_drain_is_noticed_without_being_told(factory: Factory) -> None:
    factory.begins()
    factory.stopping = "drain"

    factory.reconciles()

    assert factory.credits()[-1].free == 0


def test_what_runs_is_waited_for_and_then_the_factory_is_stopped(factory: Factory) -> None:
    drained(factory)
    factory.answers(A)
    factory.reconciles(unleased=(A,))
    factory.actors.clear()
    factory.reconciles(unleased=(A,))
    factory.actor.on_tick()
    factory.answers(publishing=1)
    assert stops(factory) == []

    factory.actor.on_tick()
    factory.answers()
    assert stops(factory) == [Shutdown("now")]


def test_an_answer_from_before_the_credit_was_taken_back_does_not_end_the_drain(factory: Factory) -> None:
    factory.begins()
    factory.stopping = "drain"
    factory.hears(RoomChanged(), Outstanding(BOOT, 0, (), (), (), survey=1))
    assert stops(factory) == []

    factory.answers()
    assert stops(factory) == [Shutdown("now")]


def test_a_drain_that_another_word_replaced_is_over(factory: Factory) -> None:
    drained(factory).stopping = ""
    factory.reconciles(A)

    assert factory.credits()[-1].free == 2
    factory.reconciles()
    assert stops(factory) == []


@pytest.mark.parametrize("mode", ["now", "detach"])
def test_what_was_claimed_while_the_factory_stops_goes_back_and_nothing_more_is_claimed(factory: Factory, mode: str) -> None:
    factory.begins()
    factory.stopping = mode

    factory.hears(Claimed(BOOT, 1, work(A)), LeaseEnded(A, "given back"))

    assert factory.mail.to("queue", Finish) == [Finish(A, 0, "given_back", "the factory was stopped")]
    assert {credit.free for credit in factory.credits()} == {0}


def test_a_lease_that_a_survey_finds_while_the_factory_stops_is_left_to_the_next_one(factory: Factory) -> None:
    factory.begins()
    factory.stopping = "detach"

    factory.reconciles(A)

    assert factory.mail.to("queue", Finish) == []
