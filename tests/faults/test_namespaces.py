"""Three machines in network namespaces, each with a cable to the factory: F02, F21, F22 and F23, on real interfaces."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.faults.agents import STEADY
from tests.real_factory import RealFactory, check_item, left_over, real_factory
from tests.remote_worker import RemoteWorker, free_port, is_here, join_line, remote_settings
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(400)]

H = 2
SECONDS = 90.0
_IP_SECONDS = 20


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=_IP_SECONDS)


class Cable:
    """A namespace and the way into it. `number` below 250 tells it from others of this machine."""

    def __init__(self, number: int) -> None:
        mark = f"{os.getpid() % 10_000}n{number}"
        self.space, self._near, self._far = f"ff{mark}", f"fa{mark}", f"fb{mark}"
        # Of the block for benchmarks of network devices: no network of anybody's.
        self.here, self._there = f"198.18.{number}.1", f"198.18.{number}.2"

    def lay(self) -> None:
        ip("netns", "add", self.space)
        ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.space)
        ip("addr", "add", f"{self.here}/24", "dev", self._near)
        ip("-n", self.space, "addr", "add", f"{self._there}/24", "dev", self._far)
        ip("-n", self.space, "link", "set", "lo", "up")
        ip("-n", self.space, "link", "set", self._far, "up")
        self.heal()

    def cut(self) -> None:
        ip("link", "set", self._near, "down")

    def heal(self) -> None:
        ip("link", "set", self._near, "up")

    def deafen(self) -> None:
        """The machine is heard and hears nothing: what is meant for it goes to a neighbour that is not there."""
        ip("neigh", "replace", self._there, "lladdr", "02:00:00:00:00:01", "dev", self._near, "nud", "permanent")

    def undeafen(self) -> None:
        ip("neigh", "del", self._there, "dev", self._near)

    def mute(self) -> None:
        """The other way round: it hears, and nobody hears it."""
        ip("-n", self.space, "neigh", "replace", self.here, "lladdr", "02:00:00:00:00:01", "dev", self._far, "nud", "permanent")

    def unmute(self) -> None:
        ip("-n", self.space, "neigh", "del", self.here, "dev", self._far)

    def end_all_inside(self) -> None:
        """Each process of that machine, at once."""
        found = subprocess.run(["ip", "netns", "pids", self.space], check=True, capture_output=True, text=True, timeout=_IP_SECONDS)
        for pid in found.stdout.split():
            # One that ended with another of them.
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def take_up(self) -> None:
        # First: with its namespace it would go a moment later, and the next one to be laid would find it.
        subprocess.run(["ip", "link", "del", self._near], check=False, capture_output=True, timeout=_IP_SECONDS)
        subprocess.run(["ip", "netns", "del", self.space], check=False, capture_output=True, timeout=_IP_SECONDS)

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.space)


@contextmanager
def laid(number: int) -> Iterator[Cable]:
    cable = Cable(number)
    try:
        cable.lay()
    except (OSError, subprocess.SubprocessError) as error:
        cable.take_up()
        pytest.skip(f"no network namespaces can be made here: {error}")
    try:
        yield cable
    finally:
        cable.take_up()


class Ground:
    """The factory, and three machines with one place each."""

    def __init__(self, factory: RealFactory, port: int, cables: list[Cable]) -> None:
        self.factory, self.cables = factory, cables
        self.sign = factory.folder / "wait"
        self.agent = factory._program("steady.sh", STEADY.format(folder=factory.folder))
        self.workers = [RemoteWorker(factory.folder, f"m{number}", cable.inside) for number, cable in enumerate(cables)]
        for cable, worker in zip(cables, self.workers, strict=True):
            _, token = join_line(factory, worker.name)
            done = worker.join(f"tcp://{cable.here}:{port + 1}", token)
            assert done.returncode == 0, done.stderr
            worker.start(capacity=1)
        for worker in self.workers:
            is_here(factory, worker)

    def at_work(self) -> list[tuple[str, Path]]:
        """An item on each machine, in the order of the machines."""
        self.sign.touch()
        items = {}
        for number in range(3):
            remote = self.factory.remote(f"repo{number}")
            items[self.factory.submit(remote, engine=f"command:{self.agent}")] = remote
        eventually(lambda: len(self._placed()) == len(items), SECONDS, lambda: f"each is on a machine of its own: {self._placed()}")
        return [(self._placed()[worker.name], items[self._placed()[worker.name]]) for worker in self.workers]

    def epoch(self, item: str) -> int:
        return int(self.factory.item(item)["epoch"])

    def is_queued(self, item: str) -> bool:
        return bool(self.factory.item(item)["status"] == "queued")

    def is_gone(self, item: str) -> bool:
        return not left_over(self.factory, item)

    def silence(self, item: str) -> float:
        """Seconds since the worker of an item was heard."""
        rows = self.factory.rows(
            "SELECT extract(epoch FROM clock_timestamp() - last_heartbeat)::float8 AS age FROM workers WHERE work_item_id = %s"
            " ORDER BY epoch DESC LIMIT 1", item,
        )  # fmt: skip
        return float(rows[0]["age"] or 0.0)

    def settle(self, placed: list[tuple[str, Path]]) -> None:
        """All go on, each becomes one pull request, and nothing is left anywhere."""
        self.sign.unlink()
        for item, remote in placed:
            self.factory.settled(item)
            check_item(self.factory, item, remote)
            eventually(partial(self.is_gone, item), SECONDS, "nothing is left of it")
        for worker in self.workers:
            eventually(partial(_is_idle, worker), SECONDS, "nothing runs over there")

    def _placed(self) -> dict[str, str]:
        rows = self.factory.rows("SELECT host, work_item_id FROM workers WHERE status = 'busy' AND last_heartbeat IS NOT NULL")
        return {row["host"]: row["work_item_id"] for row in rows}


@pytest.fixture
def ground() -> Iterator[Ground]:
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need root and iproute2")
    port = free_port()
    settings = remote_settings(port, FACTORY_HEARTBEAT=f"{H}s", FACTORY_WORKER_LISTEN=f"tcp://0.0.0.0:{port}")
    with ExitStack() as cables, real_factory(settings) as factory:
        laid_out = [cables.enter_context(laid(number)) for number in range(1, 4)]
        factory.up()
        made = Ground(factory, port, laid_out)
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.end()
            factory.down()


def test_three_machines_and_a_short_a_long_and_a_one_way_partition(ground: Ground) -> None:
    """F21: nothing is lost. F22: the zombie is refused. F23: from the factory to a host; both ends agree."""
    (short, _), (long, _), (one_way, _) = placed = ground.at_work()
    before = {item: ground.epoch(item) for item, _ in placed}

    for cable in ground.cables[:2]:
        cable.cut()
    ground.cables[2].deafen()
    eventually(lambda: ground.silence(short) > 2 * H, SECONDS, "two heartbeats passed")
    ground.cables[0].heal()
    eventually(lambda: ground.silence(short) < 2 * H, SECONDS, lambda: f"it is heard again: {ground.workers[0].log()}")
    for item in (long, one_way):
        eventually(partial(ground.is_queued, item), SECONDS, "it is queued again")
    ground.cables[1].heal()
    ground.cables[2].undeafen()

    ground.settle(placed)
    assert ground.epoch(short) == before[short]
    assert ground.epoch(long) > before[long]
    assert ground.epoch(one_way) > before[one_way]


def test_three_machines_of_which_one_is_not_heard_one_dies_and_one_goes_on(ground: Ground) -> None:
    """F02: one requeue and one attempt more. F23: from a host to the factory; both ends agree."""
    (unheard, _), (dead, _), (well, _) = placed = ground.at_work()
    before = {item: ground.epoch(item) for item, _ in placed}

    ground.cables[0].mute()
    ground.cables[1].cut()
    ground.cables[1].end_all_inside()
    for item in (unheard, dead):
        eventually(partial(ground.is_queued, item), SECONDS, "it is queued again")
    ground.cables[0].unmute()
    ground.cables[1].heal()
    ground.workers[1].end()
    ground.workers[1].start(capacity=1)

    ground.settle(placed)
    assert [ground.epoch(item) - before[item] for item in (unheard, dead, well)] == [1, 1, 0]


def _is_idle(worker: RemoteWorker) -> bool:
    return worker.agents() == []
