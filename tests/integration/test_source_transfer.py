"""Sources on their way to another machine: only what it lacks, in pieces, over breaks."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.clock import SystemClock
from factory.errors import HostUnavailable, RepositoryUnavailable
from factory.host_ports import Place
from factory.integrations.git_mirror import Mirrors
from factory.integrations.git_parcels import GitParcels
from factory.integrations.remote_host import RemoteHost, repository_key
from factory.integrations.source_cache import SourceCache
from factory.worker_ports import Life, WorkerOrder
from tests.fakes.host_store import FakeHostStore
from tests.fakes.worker_host import FakeWorkerHost
from tests.hub import hub as hubs
from tests.machine import Machine, machine, remote_host
from tests.waiting import eventually

_SECONDS = 30.0


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


class Upstream:
    """A remote, and its mirror as delivery keeps it."""

    def __init__(self, folder: Path) -> None:
        self.work, self.repo = folder / "work", str(folder / "remote.git")
        self.work.mkdir()
        git(folder, "init", "-q", "--bare", "-b", "main", self.repo)
        git(self.work, "init", "-q", "-b", "main")
        self.mirrors = Mirrors(folder / "mirrors")
        self.parcels = GitParcels(self.mirrors, folder / "parcels", SystemClock())

    def commit(self, name: str, content: bytes) -> str:
        (self.work / name).write_bytes(content)
        git(self.work, "add", ".")
        git(self.work, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", name)
        git(self.work, "push", "-q", "--force", self.repo, "main")
        return self.mirrors.refresh(self.repo, "main")[1]


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path)


@pytest.fixture
def big() -> bytes:
    # Nothing that could be packed: two and a half windows.
    return random.randbytes(10 * 1024 * 1024)


def test_a_second_bundle_holds_the_difference_only(upstream: Upstream, tmp_path: Path, big: bytes) -> None:
    cache, key = SourceCache(tmp_path / "cache"), repository_key(upstream.repo)
    first = upstream.commit("big", big)
    parcel = upstream.parcels.pack(upstream.repo, [first], cache.haves(key))
    cache.take(key, parcel.path, [first])
    second = upstream.commit("small", b"one line\n")

    lesser = upstream.parcels.pack(upstream.repo, [second], cache.haves(key))
    cache.take(key, lesser.path, [second])

    assert parcel.size > len(big)
    assert lesser.size < 2_000
    assert cache.holds(key, [first, second])
    assert git(cache.path(key), "cat-file", "-p", f"{second}:small") == "one line"


def test_the_same_question_finds_the_same_file(upstream: Upstream) -> None:
    commit = upstream.commit("a", b"a")

    assert upstream.parcels.pack(upstream.repo, [commit], []) == upstream.parcels.pack(upstream.repo, [commit], [])


def test_what_a_killed_packer_left_keeps_no_other_from_beginning(upstream: Upstream, tmp_path: Path) -> None:
    parcel = upstream.parcels.pack(upstream.repo, [upstream.commit("a", b"a")], ())
    draft, old = (parcel.path.parent / f"{parcel.path.stem}.{name}" for name in ("draft", "old"))
    for folder in (draft, old):
        (folder / "names.git").mkdir(parents=True)
    os.utime(old, (0, 0))

    upstream.parcels.tidy()

    assert (draft.exists(), old.exists(), parcel.path.exists()) == (True, False, True)


def test_a_commit_that_no_branch_has_any_more_is_still_to_be_had(upstream: Upstream, tmp_path: Path) -> None:
    old = upstream.commit("a", b"a")
    git(upstream.work, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--amend", "-m", "another history")
    new = upstream.commit("b", b"b")
    cache, key = SourceCache(tmp_path / "cache"), repository_key(upstream.repo)

    cache.take(key, upstream.parcels.pack(upstream.repo, [new, old], []).path, [new, old])

    assert cache.holds(key, [old, new])


def test_what_a_host_claims_to_have_and_nobody_knows_changes_nothing(upstream: Upstream) -> None:
    commit = upstream.commit("a", b"a")

    assert upstream.parcels.pack(upstream.repo, [commit], ["0" * 40]).size > 0


def test_a_commit_that_is_not_there_is_refused(upstream: Upstream) -> None:
    upstream.commit("a", b"a")

    with pytest.raises(RepositoryUnavailable):
        upstream.parcels.pack(upstream.repo, ["1" * 40], [])


def test_a_bundle_that_is_broken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(b"# v2 git bundle\n\nnot a pack")

    with pytest.raises(HostUnavailable):
        SourceCache(tmp_path / "cache").take("0" * 32, tmp_path / "bundle", ["1" * 40])


# -- over the link ----------------------------------------------------------------------------------------------------


class Site:
    """A hub with one machine whose workers are none: what is looked at is what they are given."""

    def __init__(self, upstream: Upstream, there: Machine, host: FakeWorkerHost, store: FakeHostStore, remote: RemoteHost) -> None:
        self.upstream, self.machine, self.host, self.store, self.remote = upstream, there, host, store, remote


@pytest.fixture
def site(upstream: Upstream, tmp_path: Path) -> Iterator[Site]:
    store, host = FakeHostStore(), FakeWorkerHost()
    with hubs(tmp_path, store, upstream.parcels) as hub, machine(hub, tmp_path / "there", "anvil", host) as there:
        yield Site(upstream, there, host, store, remote_host(hub, "anvil"))


def order(upstream: Upstream, name: str, *commits: str) -> WorkerOrder:
    return WorkerOrder(name, ("run",), {"link.json": b'{"endpoint": "x"}'}, repo=upstream.repo, commits=commits)


def test_a_worker_waits_for_its_source_and_is_made_when_it_is_there(site: Site, big: bytes) -> None:
    commit = site.upstream.commit("big", big)
    site.store.places["item-1"] = Place("anvil", True, site.upstream.repo, True)
    remote = site.remote

    started = remote.start(order(site.upstream, "item-1", commit))
    assert (started.life, started.waits) == (Life.RUNNING, True)
    eventually(lambda: "item-1" in site.host.workers, _SECONDS, "the worker is made")
    eventually(lambda: not remote.poll("item-1").waits, _SECONDS, "it waits no more")

    cache = site.machine.home.sources / f"{repository_key(site.upstream.repo)}.git"
    assert git(cache, "cat-file", "-t", commit) == "commit"
    given = site.host.workers["item-1"].order
    assert str(cache).encode() in given.files["link.json"]
    assert cache in given.readable
    assert list(site.machine.home.incoming.iterdir()) == []
    assert list(site.machine.home.waiting.iterdir()) == []


def test_a_host_gets_no_repository_but_those_of_its_own_workers(site: Site) -> None:
    """S11, A8: it names a worker of another host, or one that is over."""
    commit = site.upstream.commit("a", b"a")
    site.store.places["item-1"] = Place("other", True, site.upstream.repo, True)

    site.remote.start(order(site.upstream, "item-1", commit))

    eventually(lambda: site.remote.poll("item-1").life is Life.EXITED, _SECONDS, "it is refused")
    assert "no worker of this host" in site.remote.poll("item-1").reason
    assert "item-1" not in site.host.workers


def test_a_host_that_is_killed_meanwhile_goes_on_from_where_it_was(site: Site, big: bytes) -> None:
    commit = site.upstream.commit("big", big)
    site.store.places["item-1"] = Place("anvil", True, site.upstream.repo, True)

    site.remote.start(order(site.upstream, "item-1", commit))
    site.machine.stop()
    site.machine.start()

    eventually(lambda: "item-1" in site.host.workers, _SECONDS, "the worker is made by the one that came after")


def test_a_worker_that_is_stopped_while_it_waits_is_never_made(site: Site) -> None:
    commit = site.upstream.commit("a", b"a")
    # Not yet noted as this host's: its source is refused, or comes too late.
    site.remote.start(order(site.upstream, "item-1", commit))

    site.remote.stop("item-1", 0)
    site.remote.remove("item-1")

    assert site.remote.poll("item-1").life is Life.GONE
    assert list(site.machine.home.waiting.iterdir()) == []


@pytest.fixture
def small_disk(site: Site) -> Iterator[None]:
    """Two megabytes for what comes in."""
    folder = str(site.machine.home.incoming)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, check=False, timeout=30)
    if done.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield
    subprocess.run(["umount", folder], check=True, timeout=30)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_over_there_fails_that_attempt_only_and_gets_its_room_back(site: Site, big: bytes) -> None:
    """F36: a full disk over there fails that attempt only; its room is given back."""
    commit = site.upstream.commit("big", big)
    site.store.places["item-1"] = Place("anvil", True, site.upstream.repo, True)

    site.remote.start(order(site.upstream, "item-1", commit))

    eventually(lambda: site.remote.poll("item-1").life is Life.EXITED, _SECONDS, "it is over")
    assert "the disk of its host is full" in site.remote.poll("item-1").reason
    assert list(site.machine.home.incoming.iterdir()) == []
    site.remote.start(WorkerOrder("item-2", ("run",), {}))
    assert site.remote.poll("item-2").life is Life.RUNNING
