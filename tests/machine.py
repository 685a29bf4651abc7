"""The other side of remote workers in a thread: a machine that has joined, with the host of workers that a test gives it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factory.clock import SystemClock
from factory.integrations.remote_host import RemoteHost
from factory.integrations.source_cache import SourceCache
from factory.ports import Clock
from factory.protocol.host import Facts
from factory.protocol.host_mail import HostList, Hosts
from factory.transport.host_line import Door
from factory.worker_host.daemon import Daemon
from factory.worker_host.home import Home
from factory.worker_host.joining import join
from factory.worker_host.orders import Hands
from factory.worker_host.ways_out import Outlets
from factory.worker_ports import Meter, WorkerHost
from tests.hub import Hub
from tests.waiting import eventually

FACTS = Facts(("command",), 4, 8192, 3, "confined", "test")
_SECONDS = 20.0


class Machine:
    """`start` and `stop` it as often as a test wants; what is on its disk stays."""

    def __init__(
        self, folder: Path, host: WorkerHost, facts: Facts = FACTS, clock: Clock | None = None, outlets: Outlets | None = None
    ) -> None:  # fmt: skip
        self.meter: Meter | None = None
        self.is_full = False
        self._outlets = outlets
        self.home, self._host, self._facts, self._clock = Home(folder), host, facts, clock or SystemClock()
        self._leaves = threading.Event()
        self._thread: threading.Thread | None = None
        self.daemon: Daemon | None = None

    def join(self, hub: Hub, name: str, *labels: str) -> None:
        join(self.home, *hub.join_words(name, *labels), self._facts)

    def start(self) -> None:
        self._make()
        assert self.daemon is not None
        self._thread = threading.Thread(target=self.daemon.run, name="machine", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Until it ends by itself."""
        self._make()
        assert self.daemon is not None
        self.daemon.run()

    def _make(self) -> None:
        self.home.prepare()
        identity = self.home.identity()
        hands = Hands(self.home, self._host, SourceCache(self.home.sources), meter=self.meter)
        self._leaves.clear()
        door = Door(identity.endpoint, identity.server_key)
        self.daemon = Daemon(self.home, door, self._facts, hands, self._clock, self._leaves.is_set, outlets=self._outlets)
        self.daemon.is_full = lambda: self.is_full

    def stop(self) -> None:
        self._leaves.set()
        if self._thread is not None:
            self._thread.join(_SECONDS)
            self._thread = None


@contextmanager
def machine(
    hub: Hub, folder: Path, name: str, host: WorkerHost, meter: Meter | None = None, *, facts: Facts = FACTS, outlets: Outlets | None = None
) -> Iterator[Machine]:  # fmt: skip
    """One that has joined and is here."""
    made = Machine(folder, host, facts, outlets=outlets)
    made.meter = meter
    made.join(hub, name)
    made.start()
    try:
        eventually(lambda: is_here(hub, name), _SECONDS, f"{name} is here")
        yield made
    finally:
        made.stop()


def is_here(hub: Hub, name: str) -> bool:
    answer = hub.ask("hosts", HostList(), _SECONDS)
    assert isinstance(answer, Hosts)
    return any(host.name == name and host.here for host in answer.hosts)


def remote_host(hub: Hub, name: str) -> RemoteHost:
    return RemoteHost(name, lambda: hub)
