"""What a worker's actor makes of outages, suspends and zombies."""

from pathlib import Path

import msgspec
import pytest

from factory.protocol.attempt_mail import Finish, Recorded, Renew, WorkerGone
from factory.protocol.lease_mail import LeaseEnded
from factory.protocol.mailbox import Stale
from factory.protocol.worker import Ack, Hello, Lock, Ping, Stop
from factory.worker_ports import Life
from tests.actors.worker_site import DONE, LEASE, NAME, PREPARED, WORK, H, Site

RUNNING = msgspec.structs.replace(WORK, status="running", base_commit="b" * 40)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def working(site: Site) -> Site:
    return site.working()


def test_a_store_that_is_away_while_a_worker_is_to_be_made_costs_no_attempt(site: Site) -> None:
    site.actor.on_start()
    answer = site.mail.answers.pop("queue")
    site.actor.on_mail(PREPARED)
    site.ticks(40)
    assert site.finishes() == []
    assert NAME not in site.host.workers

    site.mail.answers["queue"] = answer
    site.ticks(0.5)
    assert site.life is Life.RUNNING
    site.ticks(11)
    assert site.finishes() == []


def test_an_adopted_worker_that_beats_burns_nothing_and_is_not_made_again(working: Site) -> None:
    working.new_actor(RUNNING).on_start()
    working.hears(Hello("1.0", "boot", "running"))

    working.ticks(50, beating=Ping("running"))

    assert working.finishes() == []
    assert working.to_queue(WorkerGone) == []
    assert len(working.to_queue(Renew)) == 100


def test_an_adopted_worker_that_never_reports_is_given_its_silence_and_no_more(working: Site) -> None:
    working.new_actor(RUNNING).on_start()

    working.ticks(4)
    assert working.finishes() == []
    working.ticks(1)
    assert [finish.outcome for finish in working.finishes()] == ["infra"]


def test_a_suspend_of_this_machine_ends_no_worker(working: Site) -> None:
    working.ticks(3, beating=Ping("running"))
    working.clock.advance(100 * H)

    working.actor.on_tick()
    working.ticks(3)
    working.ticks(5, beating=Ping("running"))

    assert working.finishes() == []


def test_a_zombie_is_told_to_stop_for_whatever_it_says_and_is_gone_at_once(working: Site) -> None:
    working.actor.on_mail(LeaseEnded(LEASE, "the lease ran out"))
    assert working.life is Life.GONE
    assert working.to_queue(WorkerGone) == [WorkerGone(LEASE, "the lease ran out")]
    assert working.left

    for seq, body in ((20, DONE), (21, Lock("l1", ("b.py",)))):
        working.hears(body, seq=seq)
    assert [(ack.seq, ack.result) for ack in working.said(Ack)] == [(20, "stale"), (21, "stale")]
    assert working.finishes() == []


def test_a_worker_that_asks_for_a_lock_after_its_lease_is_told_that_it_is_stale(working: Site) -> None:
    working.mail.answers["locks"] = lambda _: Stale(LEASE, "the lease is over")

    working.hears(Lock("l1", ("b.py",)), seq=4)

    assert [(ack.seq, ack.result) for ack in working.said(Ack)] == [(4, "stale")]


def test_a_result_that_comes_after_the_lease_is_told_that_it_is_stale_and_its_worker_removed(working: Site) -> None:
    working.finishing()
    (finish,) = working.finishes()

    working.actor.on_mail(Recorded(LEASE, finish.seq, "stale"))

    assert working.said(Ack)[-1].result == "stale"
    assert working.said(Stop) != []
    assert working.host.poll(NAME).life is Life.GONE
    assert not working.spooled.exists()


def test_a_report_that_the_store_cannot_take_is_repeated_until_it_is_there_again(working: Site) -> None:
    working.host.ends(NAME, 1)
    working.ticks(20)

    said = working.finishes()
    assert len(said) >= 9
    assert {finish.outcome for finish in said} == {"infra"}
    assert NAME in working.host.workers
    working.actor.on_mail(Recorded(LEASE, 0, "ok"))
    assert working.life is Life.GONE


def test_a_report_stands_while_an_adopted_worker_is_ended(working: Site) -> None:
    working.new_actor(RUNNING).on_start()
    working.actor.on_stop()

    assert working.finishes() == [Finish(LEASE, 0, "given_back", "the factory was stopped")]
    assert working.life is Life.GONE


def test_a_host_that_is_away_says_nothing_about_its_worker_which_is_kept(working: Site) -> None:
    working.host.away = True
    working.ticks(20, beating=Ping("running"))
    assert working.finishes() == []

    working.host.away = False
    working.host.ends(NAME, -9, "It was killed.")
    working.ticks(1)
    assert [(finish.outcome, finish.reason) for finish in working.finishes()] == [
        ("infra", "the worker ended with status -9: It was killed.")
    ]


def test_an_actor_that_starts_while_the_host_is_away_adopts_what_may_be_there(working: Site) -> None:
    working.host.away = True

    working.new_actor(RUNNING).on_start()
    working.hears(Hello("1.0", "boot", "running"))
    working.ticks(20, beating=Ping("running"))

    assert working.finishes() == []
