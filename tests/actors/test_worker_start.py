"""A worker whose host takes its time over making it: the lease is kept meanwhile, and whatever happens then leaves nothing behind."""

from pathlib import Path

import pytest

from actors.worker_start import LIMIT
from factory.domain.lease import LeaseTerms
from factory.protocol.attempt_mail import Finish, Recorded, Renew, Starting, WorkerGone
from factory.protocol.lease_mail import LeaseEnded
from factory.protocol.worker import Hello, Welcome
from factory.worker_ports import Life, Observed
from tests.actors.worker_site import LEASE, NAME, PREPARED, H, Site

START = LeaseTerms(H).start / H


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A worker that is being made."""
    site = Site(tmp_path)
    site.slow = True
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    assert (site.life, len(site.copies.jobs)) == (Life.GONE, 1)
    return site


def test_its_lease_is_kept_at_each_tick_and_it_is_made_once(site: Site) -> None:
    for _ in range(20):
        site.mail.take()
        site.ticks(1)
        assert site.to_queue(Renew), "the lease is kept at each heartbeat"

    assert (site.finishes(), len(site.copies.jobs), site.asked(Starting)[1:]) == ([], 1, [])


def test_the_time_for_its_first_word_begins_when_it_is_made(site: Site) -> None:
    site.ticks(START + 2)
    site.copies_end()
    site.ticks(START - 1)
    assert (site.life, site.finishes()) == (Life.RUNNING, [])

    site.ticks(2)

    assert [finish.reason for finish in site.finishes()[:1]] == ["the worker never said HELLO"]


def test_an_agent_that_speaks_before_the_host_has_answered_is_heard(site: Site) -> None:
    site.ticks(1)
    site.hears(Hello("1.0", "boot", "idle"))
    site.ticks(START + 2)
    site.copies_end()

    assert len(site.said(Welcome)) == 1
    assert site.life is Life.RUNNING


def test_a_lease_that_ends_meanwhile_has_its_worker_ended_once_it_is_there(site: Site) -> None:
    site.actor.on_mail(LeaseEnded(LEASE, "cancelled"))
    site.ticks(2)
    assert (site.left, site.to_queue(WorkerGone)) == (False, [])

    site.copies_end()

    assert (site.life, site.left) == (Life.GONE, True)
    assert site.to_queue(WorkerGone) == [WorkerGone(LEASE, "cancelled")]


def test_a_host_that_refuses_after_the_lease_has_ended_leaves_nothing_to_wait_for(site: Site) -> None:
    site.host.full = True
    site.actor.on_mail(LeaseEnded(LEASE, "cancelled"))

    site.copies_end()

    assert (site.life, site.left, site.finishes()) == (Life.GONE, True, [])


def test_a_host_that_never_answers_is_infrastructure_in_the_end(site: Site) -> None:
    site.ticks(LIMIT - 1)
    assert site.finishes() == []

    site.ticks(2)
    assert site.finishes()[0] == Finish(LEASE, 0, "infra", f"the worker could not be made: it was not made within {LIMIT * H:.0f} s")
    site.actor.on_mail(Recorded(LEASE, 0, "ok"))

    assert site.left


def test_nobody_waits_for_ever_for_a_host_that_never_answers_after_the_lease_has_ended(site: Site) -> None:
    site.actor.on_mail(LeaseEnded(LEASE, "cancelled"))
    site.ticks(LIMIT - 1)
    assert not site.left

    site.ticks(2)

    assert site.left


def test_a_factory_that_stops_meanwhile_ends_what_was_made(site: Site) -> None:
    site.actor.on_stop()

    assert (site.life, [finish.outcome for finish in site.finishes()]) == (Life.GONE, ["given_back"])
    assert site.to_queue(WorkerGone)


def test_a_factory_that_stops_after_the_lease_has_ended_ends_what_was_made_too(site: Site) -> None:
    site.actor.on_mail(LeaseEnded(LEASE, "cancelled"))

    site.actor.on_stop()

    assert (site.life, site.to_queue(WorkerGone)) == (Life.GONE, [WorkerGone(LEASE, "cancelled")])


def test_what_no_host_may_say_ends_the_actor(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> Observed:
        raise OSError("no descriptors are left")

    site.copies.jobs = [(site.copies.jobs[0][0], lambda: full(NAME))]

    with pytest.raises(OSError, match="no descriptors"):
        site.copies_end()
