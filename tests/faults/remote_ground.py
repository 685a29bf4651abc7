"""A factory without workers of its own, a machine elsewhere, and what is between them: what the scenarios of remote workers begin with."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from factory.storage.embedded import EmbeddedServer
from tests.faults import effects
from tests.faults.agents import STEADY
from tests.faults.proxy import Proxy
from tests.real_factory import RealFactory, check_item, left_over, real_factory
from tests.remote_worker import RemoteWorker, free_port, is_here, join_line, remote_settings
from tests.waiting import eventually

H = 1
"""Seconds: what is tried is a way that is away, not a machine that is slow."""

SECONDS = 60.0


class Ground:
    """A factory without workers of its own, a machine elsewhere, and what is between them."""

    def __init__(self, factory: RealFactory, port: int) -> None:
        self.factory = factory
        self.between = Proxy(("127.0.0.1", 0), ("127.0.0.1", port))
        self.worker = RemoteWorker(factory.folder, "anvil")
        self.sign = factory.folder / "wait"
        self.agent = factory._program("steady.sh", STEADY.format(folder=factory.folder))
        self.remote = factory.remote("repo")

    def begin(self) -> None:
        """The machine has joined, and reaches the factory through the proxy."""
        done = self.worker.join(*join_line(self.factory, "anvil"))
        assert done.returncode == 0, done.stderr
        identity = self.worker.data / "host.json"
        address = self.between.address
        assert isinstance(address, tuple)
        told = self.worker.data.joinpath("host.json").read_text()
        identity.write_text(told.replace(told.split("tcp://")[1].split('"')[0], f"{address[0]}:{address[1]}"))
        self.worker.start()
        is_here(self.factory, self.worker)

    def at_work(self) -> str:
        """An item whose agent stands still, and whose worker was heard."""
        self.sign.touch()
        (self.factory.folder / "agent-pid").unlink(missing_ok=True)
        item = self.factory.submit(self.remote, engine=f"command:{self.agent}")
        eventually(
            (self.factory.folder / "agent-pid").exists, SECONDS, lambda: f"the agent works: {self.worker.log()} {self.factory.log()}"
        )
        self.hears()
        return item

    def settle(self, item: str) -> None:
        self.sign.unlink(missing_ok=True)
        self.factory.settled(item)
        check_item(self.factory, item, self.remote)
        eventually(lambda: not left_over(self.factory, item), SECONDS, lambda: f"nothing is left but {left_over(self.factory, item)}")
        eventually(lambda: not any((self.worker.data / "workers").glob("*-*")), SECONDS, "nothing is left over there")

    def epoch(self, item: str) -> int:
        return int(self.factory.item(item)["epoch"])

    def beats(self) -> dict[str, float]:
        """Worker → when it was last heard, by the database's clock."""
        rows = self.factory.rows(
            "SELECT id, extract(epoch FROM last_heartbeat)::float8 AS at FROM workers WHERE last_heartbeat IS NOT NULL"
        )
        return {row["id"]: row["at"] for row in rows}

    def hears(self) -> None:
        """Waits for a beat that is written down after this moment."""
        before = self.beats()
        # Not a later one: the clock that says when may have been set back.
        eventually(lambda: self.beats() != before, SECONDS, lambda: f"a worker is heard: {self.worker.log()} {self.factory.log()}")

    def silence(self) -> float:
        """Seconds since any worker was heard."""
        row = self.factory.rows("SELECT extract(epoch FROM clock_timestamp() - max(last_heartbeat))::float8 AS age FROM workers")[0]
        return float(row["age"])


@contextmanager
def remote_ground(prepare: Callable[[RealFactory], None] = RealFactory.up, /, **settings: str) -> Iterator[Ground]:
    """Up, with its machine at hand. Everything ends with it.

    Args:
        prepare: starts the factory.
        settings: further ones of it.
    """
    port = free_port()
    with real_factory(remote_settings(port, **{"FACTORY_HEARTBEAT": f"{H}s", **settings})) as factory:
        prepare(factory)
        made = Ground(factory, port)
        made.begin()
        try:
            yield made
        finally:
            made.between.close()
            made.worker.end()
            factory.down()


def processes_of(factory: RealFactory) -> list[int]:
    """Its tree and its server, and nothing of the machine that works for it."""
    server = EmbeddedServer(factory.paths.postgres).postmaster_pid()
    assert factory.root is not None
    assert server is not None
    return [process.pid for first in (factory.root.pid, server) for process in _family(first)]


def _family(pid: int) -> list[psutil.Process]:
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def end(factory: RealFactory) -> None:
    """All of it, at once."""
    victims = processes_of(factory)
    effects.send(victims, signal.SIGKILL)
    assert factory.root is not None
    factory.root.wait(timeout=SECONDS)
    eventually(lambda: not any(effects.lives(pid) for pid in victims), SECONDS, "all of them are dead")
