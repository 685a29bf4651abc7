"""What can happen to a worker: F01 to F07, F15, F19, F36."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from factory.domain.events import worker_stream
from factory.protocol.worker import Done, Lock, LockAnswer
from tests.faults import effects
from tests.faults.agents import FAILING, FORKING, IDLE
from tests.faults.driver import Trial
from tests.faults.grounds import Site
from tests.faults.threads import frozen_main_thread
from tests.faults.zombie import Identity, Returned
from tests.waiting import eventually

PAUSES = 4
FINISHED = 60
OTHERS = 60
"""A few more than the share of them needs: what each start takes is the machine's, and differs where others have it too."""


@pytest.mark.alone
@pytest.mark.scenario("F01", "the agent's process dies", bound=2)
def test_an_agent_that_dies_is_noticed_by_its_end(trial: Trial) -> None:
    item = trial.begin()

    trial.kill(trial.worker(item), "worker")
    trial.recovered(item)

    trial.settle()
    ends = trial.site.view("item", item)["attempts"]
    assert "silent" not in ends[0]["reason"], "its end was seen, not waited out"


@pytest.mark.faults
@pytest.mark.scenario("F03", "a short pause of a worker", bound=0)
def test_a_pause_of_two_heartbeats_is_no_death(trial: Trial) -> None:
    item = trial.begin()
    worker = effects.family(trial.worker(item))

    for _ in range(PAUSES):
        trial.stop(worker, "worker")
        trial.pause(1.8, 2.0)
        trial.resume(worker, "worker")
        trial.pause(0.2, 1.0)

    trial.settle()
    assert trial.site.item(item)["epoch"] == 1, "a living worker was declared lost"
    trial.took(0)
    trial.remark = f"{PAUSES} pauses a seed; the thousand are simulated"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F04", "a worker that was given up comes back", bound=5)
def test_a_zombie_with_its_own_key_changes_nothing(trial: Trial) -> None:
    item = trial.begin()
    site = trial.site
    name = trial.name(item)
    identity = Identity(site.paths.workers / name, site.folder / f"zombie-{item}")
    worker = effects.family(trial.worker(item))
    trial.stop(worker, "worker")
    trial.given_up(item)
    trial.pause(5, 6)
    trial.resume([pid for pid in worker if effects.lives(pid)], "worker")
    eventually(lambda: not any(effects.lives(pid) for pid in worker), 2, "the zombie is removed within 2H")

    zombie = Returned(identity)
    try:
        zombie.says(Lock("again", ("app.py",)), Done("result.bundle", "0" * 64, 10, "c" * 40, 1, 1, 1, 1, 0))
        heard = zombie.hears(3)
    finally:
        zombie.close()

    assert not [body for body in heard if isinstance(body, LockAnswer) and body.granted], "a lock was granted to it"
    assert site.rows("SELECT 1 FROM file_locks WHERE item = %s AND epoch = 1", item) == []
    trial.settle()
    (accepted,) = site.rows("SELECT epoch FROM attempts WHERE item = %s AND outcome = 'done'", item)
    assert accepted["epoch"] == 2


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F05", "a worker's main thread hangs while its link lives", bound=5)
def test_a_hung_main_thread_loses_the_lease_although_the_link_is_up(trial: Trial) -> None:
    item = trial.begin()
    frozen = frozen_main_thread(trial.worker(item))
    try:
        trial.did("the main thread is frozen, the link thread runs", frozen.proof)
        trial.given_up(item)
    finally:
        frozen.release()

    trial.settle()


@pytest.mark.faults
@pytest.mark.scenario(
    "F06", "beats without progress", bound=12, settings={"FACTORY_STALLED_AFTER": "10s", "FACTORY_ITERATION_TIMEOUT": "15s"}
)
def test_a_worker_that_does_not_move_is_shown_as_stalled_and_is_not_running_for_ever(trial: Trial) -> None:
    site = trial.site
    idle = site.program("idle.sh", IDLE)
    item = trial.begin(engine=f"command:{idle}", max_iterations=1)
    trial.did("the agent waits at a prompt", lambda: trial.engines(item))
    stalled = "SELECT 1 FROM events WHERE type = 'WORKER.PROGRESS.STALLED' AND stream = %s"

    eventually(lambda: site.rows(stalled, worker_stream(trial.name(item))), 20, "a person is told that it does not move")
    trial.took_since_fault()
    ended = "SELECT reason FROM attempts WHERE item = %s AND epoch = 1 AND ended_at IS NOT NULL"
    eventually(lambda: site.rows(ended, item), 30, "the attempt is not running for ever")

    assert trial.steer("cancel", item).code == "ok"
    trial.settle(status="cancelled", attempts=None)
    trial.remark = "S = 10 H"


@pytest.mark.faults
@pytest.mark.scenario("F07", "a worker never says HELLO", bound=13, link=True)
def test_a_worker_that_never_speaks_is_removed_after_its_time(trial: Trial) -> None:
    link = trial.site.link_proxy
    assert link is not None
    link.refuse()
    item = trial.submit()
    site = trial.site
    row = eventually(lambda: site.rows("SELECT id FROM workers WHERE work_item_id = %s AND epoch = 1", item), 30, "it is being started")
    trial.did("the worker cannot reach the gateway", lambda: link.refused)
    reason = eventually(lambda: site.rows("SELECT reason FROM attempts WHERE item = %s AND epoch = 1 AND ended_at IS NOT NULL", item), 30)

    trial.took_since_fault()
    assert "HELLO" in reason[0]["reason"], reason
    eventually(lambda: not (site.paths.workers / row[0]["id"]).exists(), 5, "the worker is removed")
    link.heal()
    trial.settle()
    assert site.item(item)["setbacks"] >= 1


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.scenario("F15", "an item whose agent always fails, beside others")
def test_an_item_that_always_fails_is_given_up_with_its_evidence_and_takes_little_from_the_others(trial: Trial) -> None:
    site = trial.site
    poison = trial.submit(engine=f"command:{site.program('failing.sh', FAILING)}", priority=0)
    others = [trial.submit() for _ in range(OTHERS)]
    trial.did("its attempts fail", lambda: site.rows("SELECT epoch, reason FROM attempts WHERE item = %s AND burnt", poison), 60)

    trial.settle(*others)
    trial.settle(poison, status="stuck", attempts=3)
    attempts = site.rows("SELECT burnt, evidence FROM attempts WHERE item = %s ORDER BY epoch", poison)
    assert [(one["burnt"], "it does not work" in one["evidence"]) for one in attempts] == [(True, True)] * 3, attempts
    # Of the time that workers had, not of the clock's: how fast all of them are is the machine's.
    seconds = "SELECT sum(extract(epoch FROM ended_at - started_at))::float8 AS spent FROM attempts WHERE item = ANY(%s)"
    poisoned, all_of_it = (site.rows(seconds, items)[0]["spent"] for items in ([poison], trial.items))
    assert poisoned <= 0.1 * all_of_it, f"it took {poisoned:.1f} of {all_of_it:.1f} worker seconds"
    trial.remark = f"the worst took {poisoned / all_of_it:.0%} of the workers' time beside {OTHERS} others"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F19", "five hundred descendants in sessions of their own", bound=2)
def test_all_descendants_of_a_worker_end_with_it(trial: Trial) -> None:
    site = trial.site
    forking = site.program("forking.sh", FORKING, count=170)
    item = trial.begin(engine=f"command:{forking}")
    eventually((site.signs / "forked").exists, 60, "the descendants are there")
    mark = str(site.paths.workers / trial.name(item))

    def left() -> int:
        return sum(any(mark in value for value in effects.environment(process).values()) for process in site.processes())

    there = eventually(lambda: left() if left() > 500 else 0, 60, "they are all there")
    trial.kill(trial.worker(item), f"worker with {there} descendants")
    eventually(lambda: not left(), 30, lambda: f"all descendants are gone, {left()} are left")
    trial.took_since_fault()

    (site.signs / "forked").unlink()
    trial.settle()


@pytest.mark.faults
@pytest.mark.scenario("F02", "a worker's host is gone for good", bound=5, link=True)
def test_a_worker_whose_host_is_gone_costs_one_requeue(trial: Trial) -> None:
    link = trial.site.link_proxy
    assert link is not None
    item = trial.begin()
    worker = effects.family(trial.worker(item))

    trial.did("the link is down", lambda: link.connections)
    link.stall()
    trial.kill(worker, "everything of the worker")
    trial.given_up(item)
    link.strand()
    link.heal()

    trial.settle()
    assert trial.site.item(item)["setbacks"] == 1
    trial.remark = "a worker of this machine, its link cut for good"


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.scenario("F36", "many finished items leave the disk as it was", settings={"FACTORY_MAX_WORKERS": "6"})
def test_many_finished_items_leave_the_disk_as_it_was(trial: Trial) -> None:
    """F36: finished items leave nothing. The audit trail, which keeps what they were, is the database's."""
    site = trial.site
    trial.settle(*(trial.submit() for _ in range(6)))
    before = eventually(lambda: _settled_bytes(site), 60, "nobody is at work any more")

    items = [trial.submit() for _ in range(FINISHED)]
    trial.settle(*items)
    trial.did("all of them have ended", lambda: all(site.item(item)["status"] == "completed" for item in items), 60)

    allowed = before * 1.05
    eventually(lambda: 0 < _settled_bytes(site) <= allowed, 60, lambda: f"{_settled_bytes(site)} bytes, and {allowed:.0f} are allowed")
    trial.remark = f"{FINISHED} items, not 200: {_settled_bytes(site) / before - 1:+.0%}"


def _settled_bytes(site: Site) -> int:
    """On disk, but for the database, the log and copies of remotes, which have grown, once no worker is left; 0 before."""
    if any(path.name != ".meta" for path in site.paths.workers.iterdir()):
        return 0
    kept = (site.paths.postgres, site.paths.logs, site.paths.mirrors)
    used = 0
    # What is removed meanwhile counts no more; walk leaves such folders out by itself.
    for folder, below, files in os.walk(site.paths.data):
        below[:] = [name for name in below if Path(folder, name) not in kept]
        for name in (*below, *files):
            with suppress(FileNotFoundError):
                used += Path(folder, name).lstat().st_blocks * 512
    return used
