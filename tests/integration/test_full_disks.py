"""F36 on both sides of the link of hosts: each place in which a file of a remote worker is written has a disk of its own that is full.

What is asked of `errors.NoSpace`: the class that costs no attempt. Then there is room again, and the same call succeeds.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from factory.domain.hosts import KEY_SECONDS
from factory.errors import HostUnavailable, NoSpace
from factory.full_disk import unstored
from factory.host_ports import Place
from factory.integrations.git_mirror import Mirrors
from factory.integrations.process_host_files import copy_out
from factory.integrations.remote_host import RemoteHost, repository_key
from factory.integrations.source_cache import SourceCache
from factory.worker_ports import Life, WorkerOrder
from tests.fakes.host_store import FakeHostStore
from tests.fakes.worker_host import FakeWorkerHost
from tests.hub import Hub
from tests.hub import hub as hubs
from tests.integration.test_source_transfer import Upstream, order
from tests.machine import Machine, is_here, machine, remote_host
from tests.small_disk import ROOMY, disk, fill, needs_mounts, resize
from tests.waiting import eventually

pytestmark = [needs_mounts]

SECONDS = 60.0
TINY, LARGE = f"size={64 * 1024}", f"size={ROOMY}"
THERE, HERE = "the disk of the host anvil is full", "the disk of the factory is full"
RESULT = random.Random(36).randbytes(2 * 1024 * 1024)


class Storing(FakeWorkerHost):
    """Writes what it collects as the host of processes does."""

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        folder = target.parent.parent / "left" / name
        (folder / "out").mkdir(parents=True, exist_ok=True)
        (folder / "out" / file).write_bytes(self.workers[name].out[file] or b"")
        try:
            return copy_out(folder, file, target, limit)
        except OSError as error:
            raise unstored(f"The result of {name} cannot be stored", error) from error


class Site:
    """A factory and a machine, with small disks wherever a test wants them."""

    def __init__(self, folder: Path, upstream: Upstream, hub: Hub, there: Machine, host: FakeWorkerHost) -> None:
        self.folder, self.upstream, self.hub, self.machine, self.host = folder, upstream, hub, there, host
        self.results = folder / "results"
        self.results.mkdir()
        self.disks = ExitStack()

    @property
    def store(self) -> FakeHostStore:
        assert isinstance(self.hub.store, FakeHostStore)
        return self.hub.store

    @property
    def remote(self) -> RemoteHost:
        return remote_host(self.hub, "anvil")

    def small(self, folder: Path) -> Path:
        """From now on this folder is full very soon."""
        return self.disks.enter_context(disk(folder, TINY))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    upstream, host = Upstream(tmp_path), Storing()
    with hubs(tmp_path, FakeHostStore(), upstream.parcels) as hub, machine(hub, tmp_path / "there", "anvil", host) as there:
        made = Site(tmp_path, upstream, hub, there, host)
        with made.disks:
            yield made


# -- results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["outgoing", "incoming", "results"])
def test_a_result_that_finds_no_room_is_taken_when_there_is_some(site: Site, place: str) -> None:
    """F36: a full disk while a result is on its way; work goes on when there is room. On its host, at the factory, and in its spool."""
    full = site.small({"outgoing": site.machine.home.outgoing, "incoming": site.folder / "in", "results": site.results}[place])
    site.remote.start(WorkerOrder("item-1", ("run",), {}))
    site.host.leaves("item-1", "result.bundle", RESULT)
    whose = {"outgoing": THERE, "incoming": HERE, "results": "the disk is full"}[place]

    for _ in range(2):
        with pytest.raises(NoSpace) as caught:
            site.remote.collect("item-1", "result.bundle", site.results / "item-1.bundle", len(RESULT))
        assert str(caught.value) == f"The result of item-1 cannot be stored: {whose}."
        assert list(full.iterdir()) == [], "nothing of it is left to fill the disk for good"
    resize(full, LARGE)

    assert site.remote.collect("item-1", "result.bundle", site.results / "item-1.bundle", len(RESULT)) == len(RESULT)
    assert (site.results / "item-1.bundle").read_bytes() == RESULT


# -- sources ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["out", "incoming", "sources"])
def test_a_source_that_finds_no_room_fails_that_attempt_only(site: Site, place: str) -> None:
    """F36: a full disk over there fails that attempt only; work goes on when there is room. At the factory, on its way, and unpacked."""
    home = site.machine.home
    full = site.small({"out": site.folder / "parcels", "incoming": home.incoming, "sources": home.sources}[place])
    commit = site.upstream.commit("big", RESULT)
    for name in ("item-1", "item-2"):
        site.store.places[name] = Place("anvil", True, site.upstream.repo, True)

    site.remote.start(order(site.upstream, "item-1", commit))

    eventually(lambda: site.remote.poll("item-1").life is Life.EXITED, SECONDS, "it is over")
    seen = site.remote.poll("item-1")
    told = HERE if place == "out" else "its source cannot be stored: the disk of its host is full"
    assert (seen.full, seen.reason) == (True, told)
    resize(full, LARGE)
    site.remote.start(order(site.upstream, "item-2", commit))
    eventually(lambda: "item-2" in site.host.workers, SECONDS, "another one is made")


@pytest.mark.parametrize("options", [*(f"size={ROOMY},nr_inodes={count}" for count in (2, 3, 5, 8, 10, 12)), "size=1m"])
def test_wherever_the_disk_of_a_host_is_full_its_copy_can_be_made_later(tmp_path: Path, options: str) -> None:
    """F36: its room is given back. A half-made repository blocked every later one, and half a pack was never removed."""
    upstream = Upstream(tmp_path)
    commit, key = upstream.commit("big", random.randbytes(3 * 1024 * 1024)), repository_key(upstream.repo)
    bundle = upstream.parcels.pack(upstream.repo, [commit], ()).path

    with disk(tmp_path / "cache", options) as folder:
        cache = SourceCache(folder)
        with pytest.raises(NoSpace, match=r"^The sources cannot be stored: the disk is full\.$"):
            cache.take(key, bundle, [commit])
        assert [*folder.rglob("tmp_*"), *folder.glob("*.new-*")] == []

        resize(folder, f"size={ROOMY},nr_inodes=1000")
        cache.take(key, bundle, [commit])

        assert cache.holds(key, [commit])


def test_a_mirror_that_finds_no_room_for_what_is_new_leaves_no_half_of_it(tmp_path: Path) -> None:
    """F36: its room is given back. Of the factory's own copy."""
    upstream = Upstream(tmp_path)
    with disk(tmp_path / "small") as folder:
        mirrors = Mirrors(folder / "mirrors")
        upstream.commit("a", b"a")
        mirrors.refresh(upstream.repo, "main")
        newest = upstream.commit("big", RESULT)
        used = sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))
        resize(folder, f"size={used + 1024 * 1024}")

        with pytest.raises(Exception, match="the disk is full"):
            mirrors.refresh(upstream.repo, "main")
        assert list(folder.rglob("tmp_*")) == []

        resize(folder, LARGE)
        assert mirrors.refresh(upstream.repo, "main")[1] == newest


# -- the host itself --------------------------------------------------------------------------------------------------


def test_an_order_that_cannot_be_noted_is_no_attempt(site: Site) -> None:
    """F36: a full disk over there fails that attempt only."""
    commit = site.upstream.commit("a", b"a")
    site.store.places["item-1"] = Place("anvil", True, site.upstream.repo, True)
    full = site.small(site.machine.home.waiting)
    filler = fill(full)

    with pytest.raises(NoSpace, match=THERE):
        site.remote.start(order(site.upstream, "item-1", commit))

    assert [path.name for path in full.iterdir()] == [filler.name]
    filler.unlink()
    site.remote.start(order(site.upstream, "item-1", commit))
    eventually(lambda: "item-1" in site.host.workers, SECONDS, "it is made")


def test_a_host_without_room_for_its_next_key_goes_on_under_the_one_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F36: a full disk over there fails that attempt only. Agents reach the factory through the process that would end."""
    store, host = FakeHostStore(), FakeWorkerHost()
    with disk(tmp_path / "there") as folder, hubs(tmp_path, store) as hub, machine(hub, folder, "anvil", host) as there:
        before = there.home.keys().public
        resize(folder, TINY)
        filler = fill(folder)
        store.now += KEY_SECONDS / 2 + 60

        remote = remote_host(hub, "anvil")
        eventually(lambda: "the key that follows cannot be stored now" in caplog.text, SECONDS, "it could not store the next")
        assert is_here(hub, "anvil")
        remote.start(WorkerOrder("item-1", ("run",), {}))
        filler.unlink()

        eventually(lambda: store.known()[0].key != before, SECONDS, "with room there is another key")
        assert remote.poll("item-1").life is Life.RUNNING


def test_other_errors_are_told_as_they_are() -> None:
    assert not isinstance(unstored("It", PermissionError(13, "Permission denied")), NoSpace)
    assert isinstance(unstored("It", OSError(122, "Disk quota exceeded")), HostUnavailable)
