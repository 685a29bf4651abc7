"""A worker's actor whose worker is on another machine."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from factory.errors import HostUnavailable
from factory.protocol.attempt_mail import Starting, WorkerGone
from factory.protocol.gateway_mail import Revoke
from factory.protocol.lease_mail import LeaseEnded
from factory.worker_ports import Life, Observed
from tests.actors.worker_site import LEASE, NAME, PREPARED, WORK, H, Site

ELSEWHERE = msgspec.structs.replace(WORK, host="anvil")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, ELSEWHERE)


def away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> Observed:
        raise HostUnavailable("The host anvil cannot be reached.")

    monkeypatch.setattr(site.host, "stop", unreachable)


def test_the_queue_is_told_where_the_worker_is_made(site: Site) -> None:
    site.launched()

    assert [mail.host for _, mail in site.mail.told + site.mail.asked if isinstance(mail, Starting)] == ["anvil"]


def test_the_host_is_told_what_to_bring_there(site: Site) -> None:
    site.launched()

    order = site.host.workers[NAME].order
    assert (order.repo, order.commits) == ("/repo", (PREPARED.base_commit,))


def test_time_that_a_source_needs_on_its_way_is_none_that_the_agent_had(site: Site) -> None:
    site.launched()
    worker = site.host.workers[NAME]
    worker.observed = replace(worker.observed, waits=True)

    for _ in range(60):
        site.clock.advance(H)
        site.actor.on_tick()
        site.copies_end()
    assert site.finishes() == []

    worker.observed = replace(worker.observed, waits=False)
    for _ in range(14):
        site.clock.advance(H)
        site.actor.on_tick()
        site.copies_end()
    assert "never said HELLO" in site.finishes()[0].reason


def test_a_worker_that_its_host_has_no_room_for_is_no_attempt(site: Site) -> None:
    """F36: a full disk over there fails that attempt only. Its source came, and could not be unpacked."""
    site.launched()
    worker = site.host.workers[NAME]
    reason = "its source cannot be stored: the disk of its host is full"
    worker.observed = replace(worker.observed, life=Life.EXITED, pid=None, reason=reason, full=True)

    site.ticks(1)

    told = {(finish.outcome, finish.reason) for finish in site.finishes()}
    assert told == {("no_space", f"the worker cannot be made: {reason}")}


def test_a_worker_whose_host_is_away_at_its_end_is_left_to_the_sweep(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.working()
    away(site, monkeypatch)

    site.actor.on_mail(LeaseEnded(LEASE, "killed by me"))

    told = [mail for _, mail in site.mail.told]
    assert Revoke(LEASE) in told
    assert not [mail for mail in told if isinstance(mail, WorkerGone)]
    assert site.host.workers[NAME].observed.life is Life.RUNNING


def test_on_this_machine_a_worker_that_cannot_be_ended_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path).working()
    away(site, monkeypatch)

    with pytest.raises(HostUnavailable):
        site.actor.on_mail(LeaseEnded(LEASE, "killed by me"))
