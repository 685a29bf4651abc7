"""Every process of the tree is killed at each of five points of an item's way. Each time one pull request comes of it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from factory.domain.ids import parse_worker_id
from tests.real_factory import RealFactory, check_item, left_over, real_factory
from tests.waiting import eventually

POINTS = ("claimed", "first_commit", "done_sent", "pushed", "pull_request_opened")
PROCESSES = (
    "database",
    "postgres",
    "queue",
    "limiter",
    "locks",
    "gateway",
    "dispatcher",
    "journal",
    "delivery",
    "worker actor",
    "worker",
    "root",
    "everything",
)

FAST = {("claimed", "queue"), ("first_commit", "worker"), ("first_commit", "root"), ("done_sent", "worker actor"), ("pushed", "delivery"),
        ("pull_request_opened", "everything")}  # fmt: skip
"""A kill for each point, of whoever matters most there: part of `make test`. The others run with `make faults`."""

CASES = [
    pytest.param(point, process, marks=() if (point, process) in FAST else pytest.mark.faults) for point in POINTS for process in PROCESSES
]


@pytest.fixture(scope="module")
def factory() -> Iterator[RealFactory]:
    with real_factory() as factory:
        yield factory


@pytest.fixture(scope="module")
def remote(factory: RealFactory) -> Path:
    return factory.remote("sample")


def victims(factory: RealFactory, process: str) -> list[int]:
    pids, agents = factory.pids(), factory.agents()
    match process:
        case "worker actor":
            return [pid for name, pid in pids.items() if name.startswith("worker-")]
        case "worker":
            return [pid for name, pid in agents.items() if parse_worker_id(name)]
        case "everything":
            return sorted({*pids.values(), *agents.values(), *(one.pid for one in factory.processes())})
        case _:
            return [pids[process]]


def kill(factory: RealFactory, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    if factory.root is not None and factory.root.pid in pids:
        # Its leading thread is a zombie a moment before the process is over.
        factory.root.wait(timeout=60)
    eventually(lambda: not any(_lives(pid) for pid in pids), 60, "the killed processes are gone")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(("point", "process"), CASES)
def test_an_item_ends_in_one_pull_request_whoever_is_killed(factory: RealFactory, remote: Path, point: str, process: str) -> None:
    factory.ensure_up()
    factory.forget_holds()
    factory.hold(point)
    item = factory.submit(remote)
    eventually(lambda: factory.held(point), 60, lambda: f"{point} is reached; {factory.log()}")

    kill(factory, victims(factory, process))
    factory.release(point)
    factory.ensure_up()
    factory.settled(item)

    check_item(factory, item, remote)
    eventually(lambda: not left_over(factory, item), 30, lambda: f"nothing is left over, there is {left_over(factory, item)}")


def test_nothing_is_left_when_the_factory_has_stopped(factory: RealFactory) -> None:
    factory.ensure_up()

    factory.down()

    eventually(lambda: not factory.processes(), 30, lambda: f"no process is left, there is {factory.processes()}")
