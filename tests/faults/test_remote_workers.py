"""What can happen to workers on other machines and to the way between: F02, F08, F21, F22, F24, F25, F36, F49, F52, S13.

The other machine is a process with a folder of its own; what is between is a proxy that loses, stalls and cuts.
"""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from factory.domain.dispatch import ORPHAN_AGE
from factory.protocol.commands import Steer, SteerHost
from factory.storage.embedded import EmbeddedServer
from tests.faults.matrix import Matrix
from tests.faults.remote_ground import SECONDS, Ground, H, end, remote_ground
from tests.faults.surroundings import forget
from tests.real_factory import check_item, left_over
from tests.remote_worker import RemoteWorker, is_here, join_line
from tests.small_disk import disk, fill, needs_mounts
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(300)]


@pytest.fixture
def ground() -> Iterator[Ground]:
    with remote_ground() as made:
        yield made


def test_a_host_process_that_is_killed_is_replaced_and_its_worker_goes_on(ground: Ground) -> None:
    """F02, without the machine: `factory-worker` is killed, the agent is not, and the next one adopts it."""
    item = ground.at_work()
    epoch = ground.epoch(item)
    agent = Path(ground.factory.folder / "agent-pid").read_text()

    ground.worker.kill()
    ground.worker.start()
    ground.hears()

    assert Path(ground.factory.folder / "agent-pid").read_text() == agent
    ground.settle(item)
    assert ground.epoch(item) == epoch


def test_a_factory_that_is_killed_finds_its_remote_worker_again(ground: Ground, matrix: Matrix) -> None:
    """F08, F11: all of the factory dies; the remote worker goes on, and its host and its agent come back by themselves."""
    item = ground.at_work()
    epoch = ground.epoch(item)

    end(ground.factory)
    began = time.monotonic()
    ground.factory.up()
    ground.hears()
    matrix.held("F12", "all of this machine is killed, its worker on another one is not", time.monotonic() - began, bound=5)

    ground.settle(item)
    assert ground.epoch(item) == epoch


def test_the_whole_machine_dies_and_the_item_is_worked_on_again(ground: Ground, matrix: Matrix) -> None:
    """F02: one requeue and one attempt more; nothing is left over when the machine is back."""
    item = ground.at_work()
    epoch = ground.epoch(item)

    ground.between.stall()
    died = time.monotonic()
    ground.worker.kill()
    agent = int(Path(ground.factory.folder / "agent-pid").read_text())
    for process in (psutil.Process(agent), *psutil.Process(agent).parents()):
        if "worker_agent" in " ".join(process.cmdline()) or process.pid == agent:
            process.kill()
    eventually(lambda: ground.factory.item(item)["status"] == "queued", SECONDS, "it is queued again")
    matrix.held("F02", "another machine is gone with all that ran there", time.monotonic() - died, bound=5)
    ground.between.reset()
    ground.between.heal()
    ground.worker.start()
    ground.settle(item)
    assert ground.epoch(item) == epoch + 1, ground.factory.view("item", item)["attempts"]


def test_a_short_partition_costs_nothing(ground: Ground) -> None:
    """F21: nothing is lost. Two heartbeats without a way: no attempt is burnt, and the same attempt goes on."""
    item = ground.at_work()
    epoch = ground.epoch(item)

    ground.between.stall()
    before = ground.beats()
    eventually(lambda: ground.silence() > 2 * H, SECONDS, "two heartbeats passed")
    ground.between.heal()

    eventually(lambda: ground.beats() != before, SECONDS, "the worker is heard again")
    ground.settle(item)
    assert ground.epoch(item) == epoch


def test_after_a_long_partition_the_zombie_is_refused_and_removed(ground: Ground, matrix: Matrix) -> None:
    """F04. F22: the zombie is refused. Its lease runs out, it is stopped when the way is back, and the new one is published."""
    item = ground.at_work()
    epoch = ground.epoch(item)

    ground.between.stall()
    cut = time.monotonic()
    eventually(lambda: ground.factory.item(item)["status"] == "queued", SECONDS, "it is queued again")
    matrix.held("F22", "the way to another machine is cut", time.monotonic() - cut, bound=5)
    ground.between.heal()

    eventually(lambda: ground.epoch(item) > epoch, SECONDS, lambda: f"it is claimed again: {ground.factory.log()}")
    eventually(lambda: f"{item}-{epoch}" not in ground.worker.agents(), SECONDS, lambda: f"the old one is stopped: {ground.worker.log()}")
    ground.settle(item)
    assert ground.epoch(item) == epoch + 1


def test_an_item_that_is_killed_while_its_host_is_away_is_gone_when_it_is_back(ground: Ground, matrix: Matrix) -> None:
    """F52: the kill counts at once; gone after the heal. Until then it shows as `killing`; there is no pull request."""
    item = ground.at_work()

    ground.between.stall()
    assert ground.factory.ask(Steer("k", "cancel", item, "test")).code == "ok"
    assert ground.factory.item(item)["status"] == "cancelled"
    eventually(lambda: [row["status"] for row in ground.factory.view("workers")["workers"]] == ["killing"], SECONDS, "it shows as killing")
    ground.between.heal()
    healed = time.monotonic()

    eventually(lambda: not left_over(ground.factory, item), SECONDS, lambda: f"it is gone: {left_over(ground.factory, item)}")
    matrix.held("F52", "an operator kills a worker of a machine that is away", time.monotonic() - healed, bound=2)
    assert ground.worker.agents() == []
    assert ground.factory.rows("SELECT 1 FROM pull_requests WHERE item = %s", item) == []


def test_half_open_connections_do_not_lock_anybody_out(ground: Ground) -> None:
    """F25: nobody is locked out. The client's end is gone and the factory's end knows nothing of it."""
    item = ground.at_work()
    epoch = ground.epoch(item)

    assert ground.between.strand() > 0
    ground.hears()

    ground.settle(item)
    assert ground.epoch(item) == epoch


def test_a_worker_over_there_that_no_row_names_is_removed_and_no_living_one_with_it(ground: Ground, matrix: Matrix) -> None:
    """F55: orphans are removed after their time; no living worker with them."""
    forgotten, living = ground.at_work(), ground.at_work()
    epoch = ground.epoch(living)
    orphan = f"{forgotten}-{ground.epoch(forgotten)}"
    assert sorted(ground.worker.agents()) == sorted([orphan, f"{living}-{epoch}"])

    end(ground.factory)
    with EmbeddedServer(ground.factory.paths.postgres).hold():
        forget(ground.factory, forgotten)
    ground.factory.up()
    began = time.monotonic()

    eventually(lambda: orphan not in ground.worker.agents(), SECONDS, lambda: f"it is removed: {ground.worker.log()}")
    took = time.monotonic() - began
    # Its age is counted from when the factory, which was just started, has heard from its machine.
    matrix.held("F55", "a worker on another machine that no row names", took, remark="from the start of the factory, so without a bound")
    assert took > ORPHAN_AGE * H / 2, "a host that is slow to finish making it would lose it"
    ground.settle(living)
    assert ground.epoch(living) == epoch


def test_the_work_of_a_revoked_host_goes_to_another(ground: Ground) -> None:
    """S13: revoked with an open connection. What it worked on is queued again."""
    item = ground.at_work()
    epoch = ground.epoch(item)

    assert ground.factory.ask(SteerHost("r", "revoke", "anvil", "test")).code == "ok"
    eventually(lambda: ground.factory.item(item)["status"] == "queued", SECONDS, "it is queued again")
    other = RemoteWorker(ground.factory.folder, "other")
    assert other.join(*join_line(ground.factory, "other")).returncode == 0
    other.start()

    ground.sign.unlink()
    ground.factory.settled(item)
    check_item(ground.factory, item, ground.remote)
    assert ground.epoch(item) > epoch
    assert ground.factory.rows("SELECT host FROM workers WHERE work_item_id = %s ORDER BY epoch DESC LIMIT 1", item) == [{"host": "other"}]
    other.stop()


def test_a_machine_that_sleeps_wakes_to_its_work(ground: Ground) -> None:
    """F49: a machine that sleeps. `factory-worker` stands still for long; its agent has the same link when it goes on."""
    item = ground.at_work()
    assert ground.worker.process is not None

    ground.worker.process.send_signal(signal.SIGSTOP)
    eventually(lambda: ground.silence() > 2 * H, SECONDS, "two heartbeats passed")
    ground.worker.process.send_signal(signal.SIGCONT)
    ground.hears()

    ground.settle(item)


def test_a_slow_and_lossy_link_costs_no_attempt() -> None:
    """F24: a slow and lossy link. 200 ms with jitter, a megabit a second, a connection cut now and then, and the same attempt ends it."""
    # The usual heartbeat: delays are in seconds, whatever it is.
    with remote_ground(FACTORY_HEARTBEAT="5s") as ground:
        ground.between.delay(0.2, 0.15)
        ground.between.throttle(125_000)
        ground.between.reset_at_random(0.01)
        item = ground.at_work()
        epoch = ground.epoch(item)

        for _ in range(4):
            ground.hears()
        # By chance there was none, once in a while.
        if not ground.between.resets:
            ground.between.reset()
            ground.hears()

        ground.settle(item)
        assert ground.epoch(item) == epoch


@needs_mounts
def test_a_spool_of_results_without_room_costs_no_attempt_and_work_goes_on_when_there_is_some() -> None:
    """F36: a full disk while a result is on its way; work goes on when there is room. Of the whole path, with all its repeats."""
    with remote_ground(FACTORY_HEARTBEAT="250ms") as ground, disk(ground.factory.paths.results, "size=64k") as results:
        filler = fill(results)
        item = ground.factory.submit(ground.remote, engine=f"command:{ground.agent}")
        ended = eventually(
            lambda: ground.factory.rows("SELECT outcome, reason, epoch FROM attempts WHERE item = %s AND outcome IS NOT NULL", item),
            SECONDS,
            lambda: f"the attempt ends: {ground.factory.log()}",
        )[0]
        filler.unlink()

        assert ended["outcome"] == "no_space"
        assert ended["reason"] == f"The result of {item}-{ended['epoch']} cannot be stored: the disk is full."
        ground.settle(item)
        assert ground.factory.item(item)["attempts"] == 0


def test_the_gateway_and_the_actor_of_hosts_die_and_nobody_loses_anything(ground: Ground) -> None:
    """F10: each in turn; connections are made anew, sessions begin again, and the same attempt goes on."""
    item = ground.at_work()
    epoch = ground.epoch(item)

    for name in ("gateway", "hosts", "gateway"):
        before = ground.factory.pids()[name]
        os.kill(before, signal.SIGKILL)
        eventually(partial(_is_another, ground, name, before), SECONDS, f"another {name} runs")
        ground.hears()
    is_here(ground.factory, ground.worker)

    ground.settle(item)
    assert ground.epoch(item) == epoch


def _is_another(ground: Ground, name: str, before: int) -> bool:
    return ground.factory.pids().get(name, before) != before
