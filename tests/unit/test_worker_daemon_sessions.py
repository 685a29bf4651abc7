"""In which session a host's loop speaks of ways out, when several words of the factory are there at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.clock import SystemClock
from factory.integrations.outlet_process import OutletProcesses
from factory.integrations.source_cache import SourceCache
from factory.protocol.host import Facts, FromHost, HostLetOut, HostWelcome, ToHost, WantTerms
from factory.transport.curve import KeyPair
from factory.transport.host_line import Door
from factory.worker_host.daemon import Daemon
from factory.worker_host.home import Home, Identity
from factory.worker_host.orders import Hands
from tests.fakes.worker_host import FakeWorkerHost

NAME = "0123456789-1"


class Site:
    """A host of which nothing reaches the factory: what it would say is in `said`."""

    def __init__(self, folder: Path) -> None:
        home = Home(folder)
        home.prepare()
        door = Door(f"ipc://{folder}/nobody", KeyPair.generate().public)
        home.join(Identity("anvil", door.endpoint, door.server_key), KeyPair.generate())
        self.said: list[FromHost] = []
        hands = Hands(home, FakeWorkerHost(), SourceCache(home.sources))
        self.daemon = Daemon(home, door, Facts(), hands, SystemClock(), outlets=OutletProcesses(home))
        assert self.daemon._ways_out is not None
        self.daemon._ways_out.say = self._say

    def hears(self, *said: ToHost) -> None:
        """All of it before its next turn."""
        for one in said:
            self.daemon._hear(one)

    def _say(self, said: FromHost) -> bool:
        self.said.append(said)
        return True

    def close(self) -> None:
        self.daemon._lines.close()
        self.daemon.lanes.close(wait=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def test_a_worker_that_is_let_out_right_behind_a_welcome_has_its_terms_asked_for_in_that_session(site: Site) -> None:
    for sid in ("first", "second"):
        site.hears(HostWelcome(sid, 5.0, 3_600.0), HostLetOut(sid, NAME, 300.0, "t"))

    assert site.said == [WantTerms("first", NAME, "t"), WantTerms("second", NAME, "t")]


def test_a_factory_that_knows_no_ways_out_is_told_of_none(site: Site) -> None:
    ways_out = site.daemon._ways_out
    assert ways_out is not None
    site.hears(HostWelcome("new", 5.0, 3_600.0))
    site.hears(HostWelcome("s", 5.0, 3_600.0, "1.0"))

    assert ways_out.sid == ""
