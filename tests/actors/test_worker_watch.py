"""How a worker is, is asked beside its actor's turns: a host that does not answer keeps nobody from the agent."""

from pathlib import Path

import pytest

from actors.worker_watch import KEY
from factory.errors import Broken
from factory.protocol.attempt_mail import Finish, Renew
from factory.protocol.worker import Ping, Pong
from tests.actors.worker_site import DONE, LEASE, NAME, Site


@pytest.fixture
def working(tmp_path: Path) -> Site:
    return Site(tmp_path).working()


def looks(site: Site) -> int:
    """Under way."""
    return [key for key, _ in site.copies.jobs].count(KEY)


def test_a_host_that_hangs_holds_up_no_turn_and_is_asked_once(working: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(name: str) -> None:
        raise AssertionError(f"{name} was asked for in a turn")

    working.slow = True
    with monkeypatch.context() as patched:
        patched.setattr(working.host, "poll", hangs)
        working.ticks(20, beating=Ping("running"))
        working.copies.jobs = [job for job in working.copies.jobs if job[0] == KEY]

    assert looks(working) == 1
    assert len(working.said(Pong)) == len(working.to_queue(Renew)) == 40
    assert working.finishes() == []


def test_what_it_says_in_the_end_is_still_heard(working: Site) -> None:
    working.slow = True
    working.ticks(1, beating=Ping("running"))
    working.host.ends(NAME, -9, "It was killed.")

    working.slow = False
    working.copies_end()

    assert working.finishes() == [Finish(LEASE, 0, "infra", "the worker ended with status -9: It was killed.")]


def test_an_engine_that_is_away_is_told_of_once_and_costs_nothing(working: Site, caplog: pytest.LogCaptureFixture) -> None:
    working.host.away = True
    working.ticks(5, beating=Ping("running"))
    working.host.away = False
    working.ticks(2, beating=Ping("running"))
    working.host.away = True
    working.ticks(2, beating=Ping("running"))

    assert caplog.text.count("cannot be looked at now: The engine does not answer.") == 2
    assert working.finishes() == []


def test_an_end_that_is_told_while_a_result_is_copied_is_none(working: Site) -> None:
    """The look began before the agent said DONE, and comes to its end after the agent has gone."""
    working.slow = True
    working.ticks(0.5)
    assert looks(working) == 1
    working.host.leaves(NAME, DONE.bundle, b"bundle")
    working.host.ends(NAME, 0)
    look = working.copies.jobs.pop(0)
    working.hears(DONE, seq=9)
    working.copies.jobs, copying = [look], working.copies.jobs

    working.copies_end()
    assert working.finishes() == []
    working.copies.jobs = copying
    working.copies_end()

    assert [finish.outcome for finish in working.finishes()] == ["agent"], "the bundle is not the one that was announced"


def test_another_error_is_no_silence(working: Site) -> None:
    working.slow = True
    working.ticks(0.5)

    with pytest.raises(Broken):
        working.actor._looked(working.actor._watch.taken(Broken("The record is damaged.")))
