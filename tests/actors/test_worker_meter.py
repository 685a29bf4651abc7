"""What a worker uses reaches the queue with its signs of life, and whether it can be read is of no consequence."""

from pathlib import Path

import pytest

from actors.worker_meter import KEY
from factory.domain.meter import Counts, Figures
from factory.errors import HostUnavailable
from factory.protocol.attempt_mail import Renew
from factory.protocol.worker import Ping
from tests.actors.worker_site import LEASE, H, Site
from tests.fakes.clock import ManualClock


class Engine:
    """Counts one and a half processors, and a page more with each reading."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.reads = clock, 0
        self.away = self.ended = False

    def counts(self, name: str) -> Counts | None:
        assert name == LEASE.worker
        self.reads += 1
        if self.away:
            raise HostUnavailable("The engine does not answer.")
        now = self.clock.monotonic()
        return None if self.ended else Counts(now, 1.5 * now, 4096 * self.reads, 1_000_000, 7)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def engine(site: Site) -> Engine:
    engine = Engine(site.clock)
    site.meter = engine
    site.new_actor(site.work)
    site.working()
    return engine


def beats(site: Site, heartbeats: float) -> list[Figures | None]:
    """What the signs of life of so long a time said of it."""
    site.mail.take()
    site.ticks(heartbeats, beating=Ping("running"))
    return [renew.figures for renew in site.to_queue(Renew)]


def test_two_readings_make_figures_which_go_with_each_beat(site: Site, engine: Engine) -> None:
    told = beats(site, 6)

    assert told[0] is None
    assert told[-1] == Figures(1.5, 4096 * engine.reads, 1_000_000, 7)


def test_it_is_read_each_second_heartbeat_and_no_oftener(site: Site, engine: Engine) -> None:
    beats(site, 20)

    assert engine.reads == 10


def test_an_engine_that_is_away_costs_nothing_but_the_figures(site: Site, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    beats(site, 6)
    engine.away = True
    with caplog.at_level("INFO"):
        told = beats(site, 12)
    engine.away = False

    assert told[-1] is None
    assert (len(told), site.finishes()) == (24, [])
    assert caplog.text.count("is not known now: The engine does not answer.") == 1
    assert beats(site, 8)[-1] is not None


def test_a_reading_that_hangs_holds_up_nobody_and_is_the_only_one(site: Site, engine: Engine) -> None:
    site.slow = True
    told = beats(site, 20)

    assert told == [None] * 40
    assert [key for key, _ in site.copies.jobs].count(KEY) == 1
    assert site.clock.monotonic() > 20 * H


def test_a_reading_that_comes_again_says_what_it_said(site: Site, engine: Engine) -> None:
    """Of another machine, which makes them in its own time: that there is none since says nothing new."""
    first, second, third = (Counts(at, 1.5 * at, 4096, 1_000_000, 7) for at in (10.0, 20.0, 30.0))
    told = []
    for counts in (first, second, second, third):
        site.actor._meter.taken(counts)
        told.append(site.actor.figures)

    assert told == [None, *[Figures(1.5, 4096, 1_000_000, 7)] * 3]


def test_a_worker_that_has_ended_has_no_figures(site: Site, engine: Engine) -> None:
    beats(site, 6)
    engine.ended = True

    assert beats(site, 6)[-1] is None


def test_a_host_that_counts_nothing_is_never_asked(site: Site) -> None:
    site.working()

    assert set(beats(site, 6)) == {None}
    assert [key for key, _ in site.copies.jobs] == []
