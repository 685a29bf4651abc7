"""A worker's actor and the learner: learnings go with the first assignment, and no work waits long for them."""

from pathlib import Path

import pytest

from factory.protocol.learner_mail import Recall, Recalled
from factory.protocol.lease_mail import LeaseEnded
from factory.protocol.worker import Assign, Hello
from tests.actors.worker_site import LEASE, WORK, Site

HELLO = Hello("1.0", "boot", "idle")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.mail.full = set()
    return site


def assigned(site: Site) -> list[tuple[str, ...]]:
    return [assign.learnings for assign in site.said(Assign)]


def test_the_learner_is_asked_while_the_repository_is_made_ready(site: Site) -> None:
    site.actor.on_start()

    (recall,) = site.mail.to("learner", Recall)
    assert (recall.lease, recall.repo, recall.text, recall.count) == (LEASE, WORK.repo, "Greet\nhello", 10)


def test_learnings_that_are_there_already_go_with_the_assignment(site: Site) -> None:
    site.launched()
    site.actor.on_mail(Recalled(LEASE, ("use make",)))

    site.hears(HELLO)

    assert assigned(site) == [("use make",)]


def test_an_assignment_waits_for_learnings_that_are_on_their_way(site: Site) -> None:
    site.launched().hears(HELLO)
    assert assigned(site) == []

    site.actor.on_mail(Recalled(LEASE, ("use make",)))

    assert assigned(site) == [("use make",)]


def test_a_learner_that_does_not_answer_costs_two_heartbeats_and_no_more(site: Site) -> None:
    site.launched().hears(HELLO)

    site.ticks(1.5)
    assert assigned(site) == []
    site.ticks(1)

    assert assigned(site) == [()]


def test_an_answer_that_comes_too_late_does_not_change_what_was_said(site: Site) -> None:
    site.launched().hears(HELLO)
    site.ticks(2.5)

    site.actor.on_mail(Recalled(LEASE, ("use make",)))
    site.ticks(2.5)

    assert set(assigned(site)) == {()}
    assert len(assigned(site)) == 2


def test_a_learner_that_is_away_costs_nothing(site: Site) -> None:
    site.mail.full = {"learner"}
    site.launched().hears(HELLO)

    assert assigned(site) == [()]


def test_a_learner_that_came_up_meanwhile_is_asked_again(site: Site) -> None:
    site.mail.full = {"learner"}
    site.launched()
    site.mail.full = set()

    site.hears(HELLO)
    assert len(site.mail.to("learner", Recall)) == 1
    site.actor.on_mail(Recalled(LEASE, ("use make",)))

    assert assigned(site) == [("use make",)]


def test_learnings_for_a_lease_that_ended_assign_nothing(site: Site) -> None:
    site.launched().hears(HELLO)
    site.actor.on_mail(LeaseEnded(LEASE, "cancelled"))

    site.actor.on_mail(Recalled(LEASE, ("use make",)))

    assert assigned(site) == []
