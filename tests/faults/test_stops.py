"""Wishes to stop: F18. While work is under way, twice, while it drains, with workers left behind, and at any point of a start."""

import signal
import time
from contextlib import closing

import psutil
import pytest

from factory.protocol.limiter_mail import RoomChanged
from factory.protocol.mailbox import Shutdown
from factory.protocol.supervisor_mail import StopMode
from factory.transport.mailbox_link import MailboxClient
from tests.faults import effects
from tests.faults.driver import Trial
from tests.faults.grounds import Site
from tests.faults.surroundings import heard_again
from tests.waiting import eventually

STARTS = 5


def order(site: Site, mode: StopMode) -> None:
    """What `factory down` says."""
    with closing(MailboxClient(site.paths.run)) as mailbox:
        mailbox.ask("supervisor", Shutdown(mode), 5.0)
        if mode == "drain":
            mailbox.tell("dispatcher", RoomChanged())


def root_of(trial: Trial) -> psutil.Process:
    assert trial.site.root is not None
    return psutil.Process(trial.site.root.pid)


def ended(trial: Trial) -> int:
    """Waits for the factory's end; returns its exit code."""
    root = trial.site.root
    assert root is not None
    return eventually(lambda: (root.poll(),) if root.poll() is not None else None, 60, trial.site.log)[0] or 0


def left(site: Site) -> list[str]:
    """Processes of the factory that are still there."""
    outside = site.surroundings()
    return [f"{process.pid} {process.name()}" for process in site.processes() if process.pid not in outside and effects.lives(process.pid)]


def claims_since(site: Site, moment: float, until: float) -> int:
    """Claims between two moments of the wall clock, in seconds since 1970."""
    (row,) = site.rows(
        "SELECT count(*)::int AS n FROM events WHERE type = 'WORK_ITEM.CLAIM.SUCCESS' AND extract(epoch FROM at) BETWEEN %s AND %s",
        moment, until,
    )  # fmt: skip
    return int(row["n"])


def wall(site: Site) -> float:
    """Seconds since 1970, as the store sees them."""
    (row,) = site.rows("SELECT extract(epoch FROM clock_timestamp())::float8 AS now")
    return float(row["now"])


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F18", "SIGTERM while work is under way", bound=2)
def test_a_stop_gives_work_back_unburnt_claims_nothing_more_and_leaves_nothing(trial: Trial) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(3)]
    waiting = [trial.submit() for _ in range(3)]
    moment = wall(site)

    trial.terminate([root_of(trial).pid])
    assert ended(trial) == 0
    trial.took_since_fault()
    assert left(site) == []

    site.up()
    assert claims_since(site, moment + 1.0, root_of(trial).create_time()) == 0, "something was claimed during the stop"
    trial.settle(*items, *waiting)
    assert all(site.item(item)["setbacks"] == 0 for item in items), "a stop counts as a setback"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F18", "SIGTERM twice", bound=2)
def test_a_second_wish_ends_all_at_once_and_the_next_start_finds_its_way(trial: Trial) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(2)]
    root = root_of(trial).pid

    trial.terminate([root])
    trial.pause(0.0, 0.2)
    trial.terminate([pid for pid in [root] if effects.lives(pid)])
    assert ended(trial) in {0, 1}
    trial.took_since_fault()

    site.up()
    trial.settle(*items)


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F18", "the factory is drained", bound=2)
def test_a_drain_waits_for_what_runs_and_starts_nothing_more(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    order(site, "drain")
    trial.did("it drains", lambda: site.view("tree")["stopping"] == "drain")
    trial.pause(1)
    later = trial.submit()
    trial.pause(2.5, 3)
    assert site.item(later)["epoch"] == 0, "something was begun while it drained"
    assert site.runs(), "it did not wait"

    site.unsay("wait")
    eventually(lambda: site.git.ledger() and any(item in push.ref for push in site.git.ledger()), 30, "the result is published")
    trial.fault_ends("the last work is done")
    assert ended(trial) == 0
    trial.took_since_fault()
    assert left(site) == []

    site.up()
    trial.settle(item, later)
    assert [site.item(one)["epoch"] for one in (item, later)] == [1, 1]


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F18", "the factory is stopped and leaves its workers", bound=2)
def test_workers_that_were_left_go_on_and_are_adopted(trial: Trial) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(2)]
    workers = [trial.worker(item) for item in items]

    asked = time.monotonic()
    order(site, "detach")
    trial.did("it ends", lambda: not site.runs())
    trial.took(time.monotonic() - asked)
    assert all(effects.lives(pid) for pid in workers), "workers were ended"
    site.up()
    heard_again(trial, *items)

    assert [trial.worker(item) for item in items] == workers
    trial.settle()
    assert [site.item(item)["epoch"] for item in items] == [1, 1]


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.scenario("F18", "SIGTERM at random points of a start", bound=2)
def test_a_start_that_is_stopped_anywhere_leaves_nothing_and_can_be_repeated(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    site.down()
    codes = []
    for _ in range(STARTS):
        site.start()
        trial.pause(0, 2.5)
        trial.terminate([root_of(trial).pid], trial.rng.choice([signal.SIGTERM, signal.SIGINT]))
        codes.append(ended(trial))
        trial.took_since_fault()
        assert codes[-1] in {0, -signal.SIGTERM, -signal.SIGINT, 130}, site.log()
        eventually(lambda: not left(site), 2, lambda: f"left of a start that ended with {codes[-1]}: {left(site)}")

    site.up()
    trial.settle(item)
    trial.remark = f"{STARTS} points a seed, exit codes {sorted(set(codes))}"
