"""F40 over real sockets: a machine of the version before works for this factory, and this machine for a factory of that one."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from factory.host_ports import Place
from factory.integrations.remote_host import repository_key
from factory.protocol.codec import encode
from factory.protocol.host import HostBeat, HostHello, HostReject, HostWelcome
from factory.protocol.host_mail import HostOutbound
from factory.transport.curve import KeyPair
from factory.transport.host_line import Door, HostLine, ask_once
from factory.worker_host import daemon
from factory.worker_host.talk import NotWanted
from factory.worker_ports import Life, WorkerOrder
from tests.fakes.host_store import FakeHostStore
from tests.fakes.worker_host import FakeWorkerHost
from tests.hub import Hub
from tests.hub import hub as hubs
from tests.integration.test_hosts import said
from tests.integration.test_source_transfer import Upstream, order
from tests.machine import Machine, is_here, machine, remote_host
from tests.older import OlderLine, older_factory
from tests.waiting import eventually

SECONDS = 60.0


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path)


@pytest.fixture
def hub(tmp_path: Path, upstream: Upstream) -> Iterator[Hub]:
    with hubs(tmp_path, FakeHostStore(), upstream.parcels) as made:
        yield made


@pytest.fixture
def workers() -> FakeWorkerHost:
    return FakeWorkerHost()


def work_through(hub: Hub, upstream: Upstream, there: Machine, workers: FakeWorkerHost, folder: Path) -> None:
    """All that is ever said in a session: a source on its way, a worker's life, a result, and a host that comes back."""
    commit, store, remote = upstream.commit("a", b"a"), hub.store, remote_host(hub, "anvil")
    assert isinstance(store, FakeHostStore)
    store.places["item-1"] = Place("anvil", True, upstream.repo, True)
    remote.start(order(upstream, "item-1", commit))
    eventually(lambda: "item-1" in workers.workers, SECONDS, "its source came")
    assert (there.home.sources / f"{repository_key(upstream.repo)}.git" / "HEAD").is_file()

    workers.leaves("item-1", "result", b"done")
    assert remote.collect("item-1", "result", folder / "got", 100) == 4
    there.stop()
    there.start()
    eventually(lambda: is_here(hub, "anvil"), SECONDS, "it is back")
    assert remote.poll("item-1").life is Life.RUNNING
    assert remote.stop("item-1", 1).life is Life.EXITED
    remote.remove("item-1")
    assert remote.poll("item-1").life is Life.GONE


def test_a_machine_of_the_version_before_works_for_this_factory(
    hub: Hub, upstream: Upstream, workers: FakeWorkerHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F40: a version before this one is served."""
    monkeypatch.setattr(daemon, "HostLine", OlderLine)
    with machine(hub, tmp_path / "there", "anvil", workers) as there:
        work_through(hub, upstream, there, workers, tmp_path)


def test_this_machine_works_for_a_factory_of_the_version_before(
    hub: Hub, upstream: Upstream, workers: FakeWorkerHost, tmp_path: Path
) -> None:
    """F40: a newer minor version is served. That is this one, by a factory that was not upgraded yet."""
    hub.passes = older_factory
    with machine(hub, tmp_path / "there", "anvil", workers) as there:
        work_through(hub, upstream, there, workers, tmp_path)


def test_words_that_only_a_later_version_has_end_nothing_on_either_side(
    hub: Hub, workers: FakeWorkerHost, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F40: what is new and unknown is passed over."""
    with machine(hub, tmp_path / "there", "anvil", workers) as there:
        there.stop()
        line = HostLine(Door(hub.link.listening, hub.keys.public), there.home.keys())
        welcome = said(line, HostHello("boot"))
        assert isinstance(welcome, HostWelcome)
        assert said(line, {"t": "telemetry", "sid": welcome.sid, "v": "1.9", "load": [1, 2]}) is None
        assert said(line, HostBeat(welcome.sid, 1)) is not None, "the session goes on"
        line.close()
        there.start()
        boot = there.daemon._talk.boot if there.daemon else ""
        eventually(lambda: hub.hosts._sessions["anvil"].boot == boot, SECONDS, "it is here, and not what spoke in its name")

        route = hub.hosts._sessions["anvil"].route
        hub.tell("gateway", HostOutbound("anvil", route, encode({"t": "reboot", "sid": "x", "when": 3})))
        eventually(lambda: "the factory sent what is no message" in caplog.text, SECONDS, "it was heard")
        assert remote_host(hub, "anvil").start(WorkerOrder("item-1", ("run",), {})).life is Life.RUNNING


# -- another major version --------------------------------------------------------------------------------------------


def test_a_host_whose_words_cannot_even_be_read_is_told_why(hub: Hub, workers: FakeWorkerHost, tmp_path: Path) -> None:
    """F40: another major version is refused."""
    with machine(hub, tmp_path / "there", "anvil", workers) as there:
        there.stop()
        line = HostLine(Door(hub.link.listening, hub.keys.public), there.home.keys())

        told = said(line, {"t": "hello", "v": "2.0", "boot": 17, "facts": ["other"]})

        assert told == HostReject("version", "This factory speaks version 1.1 and not 2.0: install the same version on both.")
        line.close()


def test_a_machine_whose_request_to_join_cannot_be_read_is_told_why(hub: Hub) -> None:
    """F40: another major version is refused."""
    address, _ = hub.join_words("anvil")

    answer = ask_once(Door(address, hub.keys.public), KeyPair.generate(), encode({"t": "join", "v": "2.0", "token": 5}), SECONDS)

    assert answer is not None
    assert "version 1.1 and not 2.0: install the same version on both" in msgspec.msgpack.decode(answer)["reason"]


@pytest.mark.parametrize(
    "greeting", [{"sid": "s", "heartbeat": 0.2, "expires_in": 9.0}, {"sid": ["s"], "beat": 3}], ids=["readable", "unreadable"]
)
def test_a_machine_does_not_work_for_a_factory_of_another_major_version(
    hub: Hub, workers: FakeWorkerHost, tmp_path: Path, greeting: dict[str, object]
) -> None:
    """F40: another major version is refused. By the machine as well, with a sentence."""
    there = Machine(tmp_path / "there", workers)
    there.join(hub, "anvil")
    hub.passes = lambda mail: (
        msgspec.structs.replace(mail, frame=encode({"t": "welcome", "v": "2.0", **greeting})) if isinstance(mail, HostOutbound) else mail
    )

    with pytest.raises(NotWanted, match=r"^This machine speaks version 1\.1 and its factory 2\.0: install the same version on both\.$"):
        there.run()


def test_a_machine_that_is_refused_ends_with_the_factory_s_sentence(hub: Hub, workers: FakeWorkerHost, tmp_path: Path) -> None:
    """F40: another major version is refused."""
    there = Machine(tmp_path / "there", workers)
    there.join(hub, "anvil")
    hub.passes = lambda mail: (
        msgspec.structs.replace(mail, frame=encode(HostReject("version", "Install 2.0 here."))) if isinstance(mail, HostOutbound) else mail
    )

    with pytest.raises(NotWanted, match=r"^Install 2\.0 here\.$"):
        there.run()
