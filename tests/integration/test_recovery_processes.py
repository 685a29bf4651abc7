"""Recovery with real processes: what is stopped, frozen or suspended for a while costs nothing that it need not cost."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from factory.domain.ids import parse_worker_id
from factory.protocol.commands import Steer
from tests.real_factory import HEARTBEAT, SETTLED, RealFactory, check_item, left_over, real_factory
from tests.waiting import eventually


@pytest.fixture(scope="module")
def factory() -> Iterator[RealFactory]:
    with real_factory() as factory:
        yield factory
        factory.down()


@pytest.fixture(scope="module")
def remote(factory: RealFactory) -> Path:
    return factory.remote("sample")


def with_children(pids: Iterable[int]) -> list[int]:
    found: dict[int, None] = {}
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
                found[process.pid] = None
    return list(found)


@contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """Stopped, with all that they started, until the end of the block."""
    stopped = with_children(pids)
    _send(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(stopped, signal.SIGCONT)


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def lasts(heartbeats: float) -> None:
    """A fault has a length, which nothing can be asked for while all is frozen."""
    end = time.monotonic() + heartbeats * HEARTBEAT
    eventually(lambda: time.monotonic() >= end, 2 * heartbeats * HEARTBEAT)


def workers(factory: RealFactory) -> list[int]:
    return [pid for name, pid in factory.agents().items() if parse_worker_id(name)]


def everything(factory: RealFactory) -> list[int]:
    return [*factory.pids().values(), *factory.agents().values()]


def at_work(factory: RealFactory, remote: Path) -> str:
    """An item whose worker has made its first commit and goes on once `first_commit` is released."""
    factory.ensure_up()
    factory.forget_holds()
    item = factory.submit(remote, engine=f"command:{slow_agent(factory)}")
    eventually(lambda: factory.item(item)["status"] == "running", SETTLED, lambda: f"{item} runs; {factory.log()}")
    return item


def slow_agent(factory: RealFactory) -> Path:
    """Takes three heartbeats for each task."""
    path = factory.folder / "slow.sh"
    path.write_text(factory.agent.read_text().replace("set -e\n", f"set -e\nsleep {3 * HEARTBEAT}\n"))
    path.chmod(0o755)
    return path


def ended(factory: RealFactory, item: str, remote: Path) -> list[tuple[int, str]]:
    """Waits for the item's one pull request, and returns the attempts that it took."""
    factory.settled(item)
    check_item(factory, item, remote)
    eventually(lambda: not left_over(factory, item), 30, lambda: f"nothing is left over, there is {left_over(factory, item)}")
    rows = factory.rows("SELECT epoch, outcome FROM attempts WHERE item = %s ORDER BY epoch", item)
    return [(row["epoch"], row["outcome"]) for row in rows]


@pytest.mark.faults
def test_a_short_pause_of_a_worker_costs_nothing(factory: RealFactory, remote: Path) -> None:
    item = at_work(factory, remote)
    with frozen(workers(factory)):
        lasts(2)

    assert ended(factory, item, remote) == [(1, "done")]


def test_a_zombie_is_gone_and_its_item_is_done_once_by_another_worker(factory: RealFactory, remote: Path) -> None:
    item = at_work(factory, remote)
    zombies = with_children(workers(factory))
    with frozen(zombies):
        lasts(10)

    eventually(lambda: not any(map(psutil.pid_exists, zombies)), 60, "the zombie is gone")
    assert ended(factory, item, remote) == [(1, "infra"), (2, "done")]


def test_a_suspend_of_everything_costs_nothing(factory: RealFactory, remote: Path) -> None:
    item = at_work(factory, remote)
    with frozen(everything(factory)):
        lasts(20)

    assert ended(factory, item, remote) == [(1, "done")]


@pytest.mark.faults
def test_a_database_that_is_frozen_costs_no_lease(factory: RealFactory, remote: Path) -> None:
    item = at_work(factory, remote)
    with frozen([factory.pids()["postgres"]]):
        lasts(20)

    assert ended(factory, item, remote) == [(1, "done")]


def test_a_factory_that_is_killed_and_comes_back_late_takes_its_worker_over(factory: RealFactory, remote: Path) -> None:
    item = at_work(factory, remote)
    pids = [pid for name, pid in factory.pids().items() if name not in {"root", "postgres"}]
    assert factory.root is not None
    factory.root.kill()
    factory.root.wait(timeout=60)
    eventually(lambda: not any(map(_lives, pids)), 60, "its processes have left with it")
    lasts(20)
    factory.up()

    assert ended(factory, item, remote) == [(1, "done")]


def _lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_worker_that_is_killed_while_it_does_not_answer_is_shown_so_until_it_is_gone(factory: RealFactory, remote: Path) -> None:
    item = at_work(factory, remote)
    epoch = factory.item(item)["epoch"]
    actor = next(pid for name, pid in factory.pids().items() if name.startswith("worker-"))
    with frozen(workers(factory)), frozen([actor]):
        assert factory.ask(Steer(f"kill-{item}", "cancel", item, "ann")).code == "ok"

        (shown,) = (row for row in factory.view("workers")["workers"] if row["item"] == item)
        assert (shown["status"], shown["epoch"]) == ("killing", epoch)
        assert shown["reason"] == "cancelled by ann"

    eventually(lambda: not left_over(factory, item), 30, lambda: f"nothing is left over, there is {left_over(factory, item)}")
    assert factory.rows("SELECT 1 FROM pull_requests WHERE item = %s", item) == []
    assert factory.item(item)["status"] == "cancelled"
