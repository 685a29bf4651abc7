"""What can happen to the factory's own processes while workers work: F08 to F12."""

import contextlib
import time

import psutil
import pytest

from factory.domain.events import item_stream
from factory.errors import FactoryUnreachable
from tests.faults import effects
from tests.faults.driver import Trial
from tests.faults.evidence import Evidence
from tests.faults.grounds import H
from tests.waiting import eventually

CORE = ("queue", "limiter", "locks", "gateway", "dispatcher", "journal")
HUB = (*CORE, "delivery", "learner")
TASKS = 24
LONG_SPEC = "# Say hello often\n\n" + "".join(f"- [ ] number {number}\n" for number in range(TASKS))


def back(trial: Trial, name: str, before: int) -> bool:
    """Whether another process of that name runs."""
    with contextlib.suppress(AssertionError, OSError, FactoryUnreachable):
        nodes = {node["name"]: node for node in trial.site.view("tree")["tree"]}
        return bool(nodes[name]["pid"]) and nodes[name]["pid"] != before and nodes[name]["state"] == "running"
    return False


def pids_now(trial: Trial) -> dict[str, int]:
    """Empty while nobody answers."""
    with contextlib.suppress(AssertionError, OSError, FactoryUnreachable):
        return trial.site.pids()
    return {}


def heard_since(trial: Trial, item: str, moment: float) -> bool:
    """Whether a beat of its present worker is younger than that moment of our clock."""
    rows = trial.site.rows(
        "SELECT extract(epoch FROM clock_timestamp() - last_heartbeat)::float8 AS age FROM workers AS worker"
        " JOIN work_items AS item ON item.id = worker.work_item_id AND item.epoch = worker.epoch WHERE item.id = %s", item,
    )  # fmt: skip
    return any(row["age"] is not None and row["age"] < time.monotonic() - moment for row in rows)


def agents_events(trial: Trial, item: str) -> list[tuple[int, int]]:
    """Epoch and number of each event that an agent told, as stored."""
    events = Evidence(trial.site, [item], trial.site.rows).events(item_stream(item))
    return [(event.new.epoch or 0, event.new.number) for event in events if event.new.number is not None]


def whole(numbers: list[tuple[int, int]]) -> bool:
    """Each number once and none missing, in every epoch."""
    epochs = {epoch for epoch, _ in numbers}
    return all([n for e, n in numbers if e == epoch] == list(range(1, sum(e == epoch for e, _ in numbers) + 1)) for epoch in epochs)


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F08", "all actors are killed while agents tell much", bound=3)
def test_no_event_is_lost_or_doubled_when_the_hub_is_killed(trial: Trial) -> None:
    items = [trial.begin(spec=LONG_SPEC) for _ in range(3)]
    workers = [trial.worker(item) for item in items]
    gateway = trial.actor("gateway")
    trial.stop([gateway], "gateway, so that a backlog grows")
    trial.site.unsay("wait")
    trial.pause(1.5, 2.5)

    trial.kill([pid for name, pid in trial.site.pids().items() if name in HUB or name.startswith("worker-")], "the hub")
    killed = time.monotonic()
    eventually(lambda: all(heard_since(trial, item, killed) or trial.site.item(item)["completed_at"] for item in items), 30)
    trial.took_since_fault()

    trial.settle()
    told = [agents_events(trial, item) for item in items]
    assert all(whole(numbers) for numbers in told), "events are lost or doubled"
    assert [trial.site.item(item)["epoch"] for item in items] == [1, 1, 1], f"a worker was killed: {workers}"
    trial.remark = f"{sum(map(len, told))} events of {len(items)} agents; a backlog of 10,000 is simulated"


@pytest.mark.faults
@pytest.mark.timeout(200)
@pytest.mark.scenario("F09", "an actor of the hub is killed every 2H")
def test_all_items_finish_while_the_hub_is_killed_again_and_again(trial: Trial) -> None:
    items = [trial.submit() for _ in range(3)]
    deadline = time.monotonic() + 60 * H
    kills = 0
    while time.monotonic() < deadline:
        trial.site.ensure_up()
        with contextlib.suppress(AssertionError, OSError, FactoryUnreachable):
            victim = trial.rng.choice(HUB)
            trial.kill(trial.actor(victim), victim)
            kills += 1
        if kills % 3 == 0:
            items.append(trial.submit())
        trial.pause(1.8, 2.2)

    trial.site.ensure_up()
    trial.settle(*items)
    trial.took(0)
    trial.remark = f"{kills} kills in 60 H, {len(items)} items"


@pytest.mark.faults
@pytest.mark.timeout(200)
@pytest.mark.alone
@pytest.mark.scenario("F10", "each actor of the core is killed in turn", bound=1)
def test_an_actor_of_the_core_is_back_at_once_and_the_others_stay(trial: Trial) -> None:
    item = trial.begin()
    for name in (*CORE, "delivery", "learner"):
        before = eventually(lambda: pids_now(trial), 10, "the factory answers")
        trial.kill(before[name], name)
        eventually(lambda name=name, before=before: back(trial, name, before[name]), 30, f"{name} is back")  # type: ignore[misc]
        trial.took_since_fault()
        after = eventually(lambda: pids_now(trial), 10, "the factory answers")
        assert {other for other in CORE if other != name and before[other] != after[other]} == set(), "others were restarted too"
        trial.pause(1.1, 1.3)  # a death right after a start is a strike, which is another scenario

    trial.settle()
    assert trial.site.item(item)["epoch"] == 1


@pytest.mark.faults
@pytest.mark.scenario("F10", "the limiter is killed with its budget spent", settings={"FACTORY_DAILY_ITERATIONS": "5"}, spends=True)
def test_a_limiter_that_was_killed_does_not_forget_what_was_spent(trial: Trial) -> None:
    site = trial.site
    spent = "SELECT count(*)::int AS n FROM events WHERE type = 'ATTEMPT.ITERATION.STARTED'"
    eventually(lambda: site.rows(spent)[0]["n"] >= 3, 30, "the first item spends three")
    first = trial.submit()
    trial.settle(first)
    later = trial.submit()
    trial.kill(trial.actor("limiter"), "limiter")
    trial.pause(4)

    assert site.item(later)["status"] == "queued", "more was begun than the budget of the day"
    assert site.rows(spent)[0]["n"] <= 6
    assert trial.steer("cancel", later).code == "ok"
    trial.settle(later, status="cancelled")


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F11", "the root is killed", bound=3)
def test_workers_outlive_the_root_and_are_adopted(trial: Trial) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(2)]
    workers = [trial.worker(item) for item in items]
    actors = [pid for name, pid in site.pids().items() if name != "postgres"]

    trial.kill(trial.actor("root"), "root")
    killed = time.monotonic()
    eventually(lambda: not any(effects.lives(pid) for pid in actors), 10, "the actors follow the root")
    gone = time.monotonic() - killed
    assert gone <= 1.0, f"the actors followed the root after {gone:.2f} s"
    assert all(effects.lives(pid) for pid in workers), "workers live on"
    site.up()
    eventually(lambda: all(heard_since(trial, item, site.started_at) for item in items), 30, "the workers are heard again")
    trial.took(time.monotonic() - site.started_at)

    assert [trial.worker(item) for item in items] == workers
    trial.settle()
    assert [site.item(item)["epoch"] for item in items] == [1, 1]
    trial.remark = f"actors gone after {gone:.2f} s, {len(items)} workers adopted"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F12", "power cut: every process at once", bound=5)
def test_after_a_power_cut_each_item_is_worked_on_again(trial: Trial) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(2)]
    outside = site.surroundings()
    everything = [process.pid for process in site.processes() if process.pid not in outside]

    trial.kill(sorted(everything, key=lambda pid: pid != site.postmaster()), "everything")
    trial.pause(0.1, 2)
    site.up()
    trial.starts()
    for item in items:
        trial.recovered(item)

    trial.settle()
    assert all(site.item(item)["epoch"] == 2 for item in items), "each is begun once more"
    assert not psutil.pid_exists(everything[0])
