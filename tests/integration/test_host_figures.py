"""What workers use on another machine, with the beats of that machine: nobody waits for it, and who cannot say it works as before."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.domain.meter import Counts, Figures, between
from factory.errors import HostUnavailable
from factory.integrations.remote_host import RemoteHost
from factory.worker_host import daemon
from factory.worker_ports import Life, WorkerOrder
from tests.fakes.host_store import FakeHostStore
from tests.fakes.worker_host import FakeWorkerHost
from tests.hub import Hub
from tests.hub import hub as hubs
from tests.machine import Machine, is_here, machine, remote_host
from tests.older import OlderLine
from tests.waiting import eventually

SECONDS = 60.0


class Engine:
    """Counts one and a half processors, by a clock that ticks with each reading; says nothing while it hangs."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False
        self.goes_on = threading.Event()
        self.goes_on.set()

    def counts(self, name: str) -> Counts | None:
        assert self.goes_on.wait(SECONDS)
        if self.away:
            raise HostUnavailable("The engine does not answer.")
        self.reads += 1
        return Counts(10.0 * self.reads, 15.0 * self.reads, 4096, 1_000_000, 7) if name == "item-1" else None


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with hubs(tmp_path, FakeHostStore()) as made:
        yield made


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.goes_on.set()


@pytest.fixture
def anvil(hub: Hub, engine: Engine, tmp_path: Path) -> Iterator[Machine]:
    with machine(hub, tmp_path / "anvil", "anvil", FakeWorkerHost(), engine) as made:
        yield made


def at_work(hub: Hub) -> RemoteHost:
    remote = remote_host(hub, "anvil")
    for name in ("item-1", "item-2"):
        remote.start(WorkerOrder(name, ("run",), {}))
    return remote


@pytest.mark.usefixtures("anvil")
def test_two_readings_of_another_machine_make_figures(hub: Hub) -> None:
    remote = at_work(hub)
    first = eventually(lambda: remote.counts("item-1"), SECONDS, "it was counted")
    second = eventually(lambda: again if (again := remote.counts("item-1")) != first else None, SECONDS, "and again")

    assert between(first, second) == Figures(1.5, 4096, 1_000_000, 7)
    assert remote.counts("item-2") is None
    assert remote.counts("item-3") is None


@pytest.mark.usefixtures("anvil")
def test_an_engine_that_hangs_holds_up_no_beat_of_its_machine(hub: Hub, engine: Engine) -> None:
    engine.goes_on.clear()
    remote = at_work(hub)
    for _ in range(3):
        heard = hub.hosts._sessions["anvil"].heard
        eventually(lambda: hub.hosts._sessions["anvil"].heard > heard, SECONDS, "it beats on")  # noqa: B023 - called here
    assert is_here(hub, "anvil")
    assert (remote.poll("item-1").life, remote.counts("item-1")) == (Life.RUNNING, None)


@pytest.mark.usefixtures("anvil")
def test_an_engine_that_is_away_has_no_old_figures(hub: Hub, engine: Engine) -> None:
    remote = at_work(hub)
    eventually(lambda: remote.counts("item-1"), SECONDS, "it was counted")

    engine.away = True

    eventually(lambda: remote.counts("item-1") is None, SECONDS, "nothing is known")
    assert remote.poll("item-1").life is Life.RUNNING


def test_of_a_host_that_is_away_nothing_is_known(hub: Hub, anvil: Machine) -> None:
    remote = at_work(hub)
    anvil.stop()
    eventually(lambda: not is_here(hub, "anvil"), SECONDS, "it is away")

    with pytest.raises(HostUnavailable, match="on the host anvil is not known"):
        remote.counts("item-1")


def test_a_machine_of_the_version_before_tells_none(hub: Hub, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F40: a version before this one is served."""
    monkeypatch.setattr(daemon, "HostLine", OlderLine)
    with machine(hub, tmp_path / "anvil", "anvil", FakeWorkerHost(), engine):
        remote = at_work(hub)
        heard = hub.hosts._sessions["anvil"].heard

        eventually(lambda: engine.reads > 3 and hub.hosts._sessions["anvil"].heard > heard, SECONDS, "it counts, and beats")
        assert (remote.poll("item-1").life, remote.counts("item-1")) == (Life.RUNNING, None)
