"""What can happen to actors from within: F13, F14, F17."""

import shutil
import time

import pytest

from factory.transport.mailbox_link import mailbox_path
from tests.faults import effects, plants
from tests.faults.driver import Trial
from tests.faults.grounds import Site
from tests.faults.surroundings import node, processor_seconds, tree
from tests.waiting import eventually

RAISED = ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "RuntimeError")


def occupied(site: Site, name: str) -> None:
    """The address of an actor is taken by something that is no socket: its process ends at once, each time it is started."""
    path = mailbox_path(site.paths.run, name)
    path.unlink(missing_ok=True)
    (path / "in the way").mkdir(parents=True)


def vacated(site: Site, name: str) -> None:
    shutil.rmtree(mailbox_path(site.paths.run, name))


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F13", "an actor of the edge ends at once, each time", bound=12, spends=True)
def test_a_child_that_cannot_live_is_given_up_after_three_restarts_and_costs_nothing(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    others = {name: pid for name, pid in site.pids().items() if name != "learner"}
    before, restarts = processor_seconds(site), node(site, "learner")["restarts"]
    began = time.monotonic()

    occupied(site, "learner")
    trial.kill(trial.actor("learner"), "learner, whose address is taken now")
    eventually(lambda: node(site, "learner")["state"] == "gave up", 30, lambda: f"it is given up: {node(site, 'learner')}")
    trial.took_since_fault()
    share = (processor_seconds(site) - before) / (time.monotonic() - began)

    seen = node(site, "learner")
    assert seen["restarts"] - restarts == 1 + 3, f"one for the kill and three for those that could not live: {seen}"
    assert "learner" in seen["reason"], f"the reason is told: {seen}"
    assert share < 0.10, f"the storm took {share:.0%} of a processor"
    assert {name: pid for name, pid in site.pids().items() if name in others} == others, "others were restarted too"
    vacated(site, "learner")
    trial.settle(item)
    trial.remark = f"{seen['restarts'] - restarts} restarts, {share:.1%} of a processor for the whole factory; then tried anew each minute"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F13", "an actor of the core ends at once, each time", bound=12)
def test_a_core_child_that_cannot_live_ends_the_factory_with_its_reason_and_work_goes_on_after_the_mend(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    root = site.root
    assert root is not None

    occupied(site, "limiter")
    trial.kill(trial.actor("limiter"), "limiter, whose address is taken now")
    eventually(lambda: "factory.gives_up" in site.log(), 30, lambda: f"the factory gives up: {node(site, 'limiter')}")
    trial.took_since_fault()
    assert root.wait(30) == 1
    said = (site.folder / "up.log").read_text()
    assert 'reason="limiter ended 4 times soon after its start, the last: IsADirectoryError' in said, said[-1000:]

    vacated(site, "limiter")
    site.up()
    trial.settle(item)
    assert site.item(item)["setbacks"] <= 1


@pytest.mark.faults
@pytest.mark.scenario("F14", "an actor does not get through its start", bound=20, settings={**plants.PLANTS, "FACTORY_HEARTBEAT": "5s"})
def test_a_blocked_start_is_ended_and_neither_harms_who_was_before_nor_starts_who_comes_after(trial: Trial) -> None:
    site = trial.site
    site.down()
    plants.block_start(site, "LockManager")
    site.start()
    trial.did("the start of the lock manager is blocked", lambda: plants.blocked(site), 60)
    first = tree(site)
    victim = first["locks"]["pid"]

    eventually(lambda: not effects.lives(victim), 30, "the blocked process is ended")
    trial.took_since_fault()
    plants.let_start(site, "LockManager")

    later = ("gateway", "dispatcher", "journal", "delivery", "learner")
    assert {first[name]["state"] for name in later} == {"planned"}, "later siblings were started"
    eventually(site.answers, 60, "the factory is up")
    last = tree(site)
    before = ("database", "queue", "limiter")
    assert [last[name]["pid"] for name in before] == [first[name]["pid"] for name in before], "earlier siblings were restarted"
    assert "not ready within" in last["locks"]["reason"], last["locks"]
    trial.settle(trial.submit())
    trial.remark = "at the usual heartbeat of 5 s, since the bound of a start is 12 s whatever the heartbeat is: 4 H are 20 s"


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.scenario("F17", "one actor's code raises what ends a program", bound=1, settings=plants.PLANTS)
def test_an_actor_that_raises_to_end_its_program_ends_alone_and_is_replaced(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    victims = {"limiter": "Limiter", "locks": "LockManager", "gateway": "Gateway", "dispatcher": "Dispatcher", "queue": "WorkQueue",
               "journal": "Journal"}  # fmt: skip
    for name, error in zip(trial.rng.sample(sorted(victims), len(RAISED)), RAISED, strict=True):
        before = site.pids()
        plants.raise_in(site, victims[name], error)
        trial.did(f"{error} in {name}", lambda name=name: plants.raised(site, victims[name]))  # type: ignore[misc]
        eventually(lambda name=name, before=before: replaced(site, name, before[name]), 30, f"{name} is back")  # type: ignore[misc]
        trial.took_since_fault()
        after = site.pids()
        assert {other for other in before if other != name and before[other] != after.get(other)} == set(), "others were restarted too"
        assert error in node(site, name)["reason"], node(site, name)
        trial.pause(1.1, 1.3)  # a death right after a start is a strike, which is another scenario

    trial.settle()
    assert site.item(item)["epoch"] == 1


def replaced(site: Site, name: str, before: int) -> bool:
    seen = tree(site).get(name, {"pid": None, "state": ""})
    return bool(seen["pid"]) and seen["pid"] != before and seen["state"] == "running"
