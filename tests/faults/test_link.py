"""What can happen to the link between workers and the gateway: F21 to F25, F29."""

import time

import pytest

from factory.domain.events import item_stream
from tests.faults import effects
from tests.faults.driver import Trial
from tests.faults.evidence import Evidence
from tests.faults.grounds import LinkProxy
from tests.faults.proxy import Direction
from tests.faults.test_hub import LONG_SPEC, agents_events, heard_since, whole
from tests.waiting import eventually


def link_of(trial: Trial) -> LinkProxy:
    assert trial.site.link_proxy is not None
    assert trial.site.link_proxy.in_place()
    return trial.site.link_proxy


def told(trial: Trial, item: str) -> list[str]:
    """What the agent told of its work, without what differs from run to run."""
    events = Evidence(trial.site, [item], trial.site.rows).events(item_stream(item))
    return [event.new.type for event in events if event.new.number is not None]


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F21", "the link is down for 2H", bound=1, link=True)
def test_a_short_partition_costs_nothing_and_loses_nothing(trial: Trial) -> None:
    link = link_of(trial)
    item = trial.begin(spec=LONG_SPEC)
    link.stall()
    trial.did("the link is down", lambda: link.connections)
    trial.site.unsay("wait")
    trial.pause(1.8, 2.0)
    link.heal()
    trial.fault_ends("the link is up")
    healed = time.monotonic()
    eventually(lambda: heard_since(trial, item, healed) or trial.site.item(item)["completed_at"], 30, "it is heard again")
    trial.took_since_fault()

    trial.settle()
    assert trial.site.item(item)["epoch"] == 1, "a living worker was declared lost"
    assert whole(agents_events(trial, item))


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F22", "the link is down for 10H", bound=5, link=True)
def test_after_a_long_partition_only_the_new_attempt_counts(trial: Trial) -> None:
    link = link_of(trial)
    item = trial.begin()
    worker = trial.worker(item)
    link.stall()
    trial.did("the link is down", lambda: link.connections)
    began = time.monotonic()
    trial.given_up(item)
    trial.pause(max(0.0, 10 - (time.monotonic() - began)))
    link.heal()
    trial.fault_ends("the link is up")
    eventually(lambda: not effects.lives(worker), 2, "the old worker is gone within 2H")

    trial.settle()
    (accepted,) = trial.site.rows("SELECT epoch FROM attempts WHERE item = %s AND outcome = 'done'", item)
    assert accepted["epoch"] >= 2


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F23", "nothing passes from a worker to the gateway", bound=5, link=True)
def test_a_worker_that_cannot_be_heard_is_given_up(trial: Trial) -> None:
    given_up_by_both(trial, "up")


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F23", "nothing passes from the gateway to a worker", bound=6, link=True)
def test_a_worker_that_cannot_hear_is_given_up_too(trial: Trial) -> None:
    given_up_by_both(trial, "down")
    trial.remark = "it learns of it by the first beat that has no answer, a heartbeat later than of the other direction"


def given_up_by_both(trial: Trial, direction: Direction) -> None:
    link = link_of(trial)
    item = trial.begin()
    worker = trial.worker(item)
    link.stall((direction,))
    trial.did(f"nothing passes {direction}", lambda: link.connections)
    try:
        trial.given_up(item)
    finally:
        link.heal()
    eventually(lambda: not effects.lives(worker), 5, "the worker that is lost to one end is gone")

    trial.settle()
    (accepted,) = trial.site.rows("SELECT epoch FROM attempts WHERE item = %s AND outcome = 'done'", item)
    assert accepted["epoch"] >= 2


@pytest.mark.faults
@pytest.mark.scenario("F24", "a slow link that loses connections", link=True, settings={"FACTORY_HEARTBEAT": "5s"})
def test_a_slow_and_lossy_link_declares_nobody_lost(trial: Trial) -> None:
    link = link_of(trial)
    items = [trial.begin(spec=LONG_SPEC) for _ in range(2)]
    link.delay(0.2, 0.15)
    link.throttle(125_000)
    link.reset_at_random(0.01)
    before = link.resets
    trial.did("the link is slow and lossy", lambda: link.held_back)
    trial.site.unsay("wait")
    trial.pause(20, 25)
    if link.resets == before:
        # By chance there was none, once in a while.
        trial.did("it loses all connections", link.reset)

    trial.settle()
    assert [trial.site.item(item)["epoch"] for item in items] == [1, 1], "a living worker was declared lost"
    assert all(whole(agents_events(trial, item)) for item in items)
    trial.remark = (
        f"{link.resets - before} resets, at the usual heartbeat of 5 s since delays are in seconds; 60 minutes and more are simulated"
    )


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F25", "the gateway holds a half-open link", bound=2, link=True)
def test_a_worker_that_reconnects_is_not_locked_out_by_its_old_link(trial: Trial) -> None:
    link = link_of(trial)
    item = trial.begin()
    accepted = link.accepted

    link.strand()
    trial.did("the worker sees an end, the gateway sees nothing, and it connects again", lambda: link.accepted > accepted)
    since = time.monotonic()
    eventually(lambda: heard_since(trial, item, since), 30, "it is heard on its new link")
    trial.took_since_fault()

    trial.settle()
    assert trial.site.item(item)["epoch"] == 1


@pytest.mark.faults
@pytest.mark.scenario("F29", "messages are said again after lost answers", link=True)
def test_repeats_lead_to_the_same_events_as_an_undisturbed_run(trial: Trial) -> None:
    link = link_of(trial)
    clean = trial.submit(spec=LONG_SPEC)
    trial.settle(clean)
    disturbed = trial.submit(spec=LONG_SPEC)
    trial.running(disturbed)
    cuts = 0
    while trial.site.item(disturbed)["status"] == "running" and cuts < 40:
        # What was on its way down is an acknowledgement that never comes, so it is said again.
        link.stall(("down",))
        trial.pause(0.05, 0.2)
        cuts += link.reset()
        link.heal()
        trial.pause(0.2, 0.5)
    trial.did("links are cut with answers under way", lambda: cuts)

    trial.settle(disturbed)
    assert told(trial, disturbed) == told(trial, clean)
    assert whole(agents_events(trial, disturbed))
    trial.remark = f"{cuts} cuts; reordering of messages is simulated"
