"""Orders for workers without a network, as the machine that is given them carries them out."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from factory.domain.way_out import secret_for
from factory.protocol.host import HostOrder
from factory.protocol.way_out import FILE, WayOutFile
from factory.worker_host.home import Home
from factory.worker_host.orders import Hands
from factory.worker_ports import Isolation
from tests.fakes.worker_host import FakeWorkerHost

NAME = "0123456789-1"
TOLD = WayOutFile("", NAME, "", {"ANTHROPIC_BASE_URL": "{way_out}/anthropic"})
ORDER = HostOrder("s", "1", "start", NAME, files={FILE: msgspec.json.encode(TOLD)}, alone=True)


class NoSources:
    """For workers that clone nothing."""

    def path(self, key: str) -> Path:
        raise AssertionError(key)

    def holds(self, key: str, commits: Sequence[str]) -> bool:
        raise AssertionError((key, commits))

    def haves(self, key: str) -> tuple[str, ...]:
        raise AssertionError(key)

    def take(self, key: str, bundle: Path, commits: Sequence[str]) -> None:
        raise AssertionError((key, bundle, commits))

    def used(self, key: str) -> None:
        raise AssertionError(key)


class Site:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.usual, self.lonely = FakeWorkerHost(), FakeWorkerHost(isolation=Isolation.CONFINED)
        self.hands = Hands(self.home, self.usual, NoSources(), lonely=self.lonely, environment=(("CLAUDE_BIN", "/opt/claude"),))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_worker_without_a_network_is_made_by_the_host_that_can_and_others_by_the_usual_one(site: Site) -> None:
    site.hands.start(ORDER)
    site.hands.start(msgspec.structs.replace(ORDER, worker="0123456789-2", files={}, alone=False))

    assert (list(site.lonely.workers), list(site.usual.workers)) == ([NAME], ["0123456789-2"])
    assert dict(site.usual.workers["0123456789-2"].order.environment)["CLAUDE_BIN"] == "/opt/claude"


def test_where_none_can_none_is_made(site: Site) -> None:
    done = Hands(site.home, site.usual, NoSources()).start(ORDER)

    assert (done.trouble, done.reason) == ("unavailable", "This machine cannot keep workers from the network.")
    assert site.usual.workers == {}


def test_it_is_told_the_socket_of_this_machine_and_what_shows_it_here(site: Site) -> None:
    site.hands.start(ORDER)

    order = site.lonely.workers[NAME].order
    told = msgspec.json.decode(order.files[FILE], type=WayOutFile)
    socket = site.home.way_out(NAME)
    assert told == msgspec.structs.replace(TOLD, socket=str(socket), token=secret_for(site.home.out_key(), NAME))
    assert socket.parent in order.readable
    assert socket.parent.stat().st_mode & 0o777 == 0o755
    assert site.home.accounts not in order.readable
    assert (site.home.data / "out.key").stat().st_mode & 0o777 == 0o600


def test_one_that_is_not_let_out_has_no_socket(site: Site) -> None:
    site.hands.start(msgspec.structs.replace(ORDER, files={}))

    order = site.lonely.workers[NAME].order
    assert FILE not in order.files
    assert not site.home.way_out(NAME).parent.exists()


def test_the_folder_of_its_way_goes_with_it(site: Site) -> None:
    site.hands.start(ORDER)
    site.home.way_out(NAME).touch()
    site.lonely.ends(NAME, 0)

    assert site.hands.remove(msgspec.structs.replace(ORDER, verb="remove")).trouble == ""

    assert list(site.home.out.iterdir()) == []
    assert site.hands.remove(msgspec.structs.replace(ORDER, verb="remove")).trouble == ""
