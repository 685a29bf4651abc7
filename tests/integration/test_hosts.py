"""Hosts over real sockets: who is let in, who is not, and what goes on after either side was away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.clock import SystemClock
from factory.domain.hosts import KEY_SECONDS
from factory.errors import HostUnavailable, Refused
from factory.host_ports import Place
from factory.integrations.remote_host import EveryHost
from factory.protocol.codec import Decoder, encode
from factory.protocol.commands import SteerHost
from factory.protocol.host import Facts, HostBeat, HostHello, HostReject, HostWelcome, Join, ToHost, WorkerState
from factory.protocol.host_mail import HostList, Hosts
from factory.transport.curve import KeyPair
from factory.transport.enrol_desk import BURST
from factory.transport.host_line import Door, HostLine, ask_once
from factory.transport.join_line import join_word, new_token, read_join_word
from factory.worker_host.joining import join
from factory.worker_ports import Life, WorkerOrder
from tests.fakes.host_store import FakeHostStore
from tests.fakes.worker_host import FakeWorkerHost
from tests.hub import Hub
from tests.hub import hub as hubs
from tests.machine import Machine, is_here, machine, remote_host
from tests.waiting import eventually

SECONDS = 20.0
_decode: Decoder[ToHost] = Decoder(ToHost)


@pytest.fixture
def store() -> FakeHostStore:
    return FakeHostStore()


@pytest.fixture
def hub(tmp_path: Path, store: FakeHostStore) -> Iterator[Hub]:
    with hubs(tmp_path, store) as made:
        yield made


@pytest.fixture
def workers() -> FakeWorkerHost:
    return FakeWorkerHost()


@pytest.fixture
def anvil(hub: Hub, workers: FakeWorkerHost, tmp_path: Path) -> Iterator[Machine]:
    with machine(hub, tmp_path / "anvil", "anvil", workers) as made:
        yield made


def steer(hub: Hub, verb: str, host: str = "anvil") -> None:
    reply = hub.ask("hosts", SteerHost("c", verb, host, "test"), SECONDS)  # type: ignore[arg-type]
    assert getattr(reply, "code", "") == "ok", reply


def answer(line: HostLine) -> ToHost | None:
    """What the factory says within a second; None where it says nothing."""
    frame = line.receive() if line.pollable().poll(1_000) else None
    return None if frame is None else _decode(frame)


def said(line: HostLine, message: object) -> ToHost | None:
    eventually(lambda: line.send(encode(message)), SECONDS, "it can be said")
    return answer(line)


# -- who is let in ----------------------------------------------------------------------------------------------------


def test_the_key_pair_of_a_machine_is_its_own_and_readable_by_nobody_else(anvil: Machine, store: FakeHostStore) -> None:
    key = anvil.home.data / "host.key"

    assert key.stat().st_mode & 0o777 == 0o600
    assert (anvil.home.data / "host.json").stat().st_mode & 0o777 == 0o600
    assert store.known()[0].key == KeyPair.load(key).public


def test_a_factory_with_another_key_is_not_spoken_to(hub: Hub, tmp_path: Path) -> None:
    """X4 in the middle: whoever answers there without the key of the join line learns no token."""
    address, word = hub.join_words("anvil")
    token = read_join_word(word).token

    assert ask_once(Door(address, KeyPair.generate().public), KeyPair.generate(), encode(Join(token)), 1.0) is None
    assert hub.desk.dropped == 0
    assert ask_once(Door(address, hub.keys.public), KeyPair.generate(), encode(Join(token)), SECONDS) is not None


def test_a_key_that_nobody_enrolled_is_not_heard(hub: Hub) -> None:
    """S12: no key and unknown keys. Nothing that it says arrives."""
    line = HostLine(Door(hub.link.listening, hub.keys.public), KeyPair.generate())

    assert not line.send(encode(HostHello("boot")))
    eventually(lambda: hub.link.turned_away > 0, SECONDS, "it was turned away")
    assert answer(line) is None
    line.close()


def test_nothing_but_a_join_is_taken_where_machines_enrol_and_only_one(hub: Hub) -> None:
    address, _ = hub.join_words("anvil")
    line = HostLine(Door(address, hub.keys.public), KeyPair.generate())

    eventually(lambda: line.send(encode(HostHello("boot"))), SECONDS, "it can be said")
    eventually(lambda: line.send(encode(Join("x"))), SECONDS, "it can be said again")
    eventually(lambda: hub.desk.dropped == 1, SECONDS, "the second was dropped")
    line.close()


def test_few_may_try_to_join(hub: Hub) -> None:
    address, _ = hub.join_words("anvil")
    door = Door(address, hub.keys.public)
    for _ in range(BURST):
        assert ask_once(door, KeyPair.generate(), encode(Join(new_token())), SECONDS) is not None

    assert ask_once(door, KeyPair.generate(), encode(Join(new_token())), 1.0) is None
    assert hub.desk.dropped == 1


def test_joining_again_with_the_same_line_after_a_lost_answer_works(hub: Hub, tmp_path: Path, workers: FakeWorkerHost) -> None:
    address, word = hub.join_words("anvil")
    told = read_join_word(word)
    keys = KeyPair.generate()
    for _ in range(2):
        assert ask_once(Door(address, told.server_key), keys, encode(Join(told.token, Facts())), SECONDS) is not None


def test_a_host_of_another_major_version_is_refused_with_a_sentence(hub: Hub, anvil: Machine) -> None:
    """F40: another major version is refused."""
    anvil.stop()
    line = HostLine(Door(hub.link.listening, hub.keys.public), anvil.home.keys())

    told = said(line, HostHello("boot", Facts(), "2.0"))

    assert isinstance(told, HostReject)
    assert (told.code, "same version" in told.reason) == ("version", True)
    line.close()


def test_what_a_newer_minor_version_adds_is_passed_over(hub: Hub, anvil: Machine) -> None:
    """F40: a newer minor version is served."""
    anvil.stop()
    line = HostLine(Door(hub.link.listening, hub.keys.public), anvil.home.keys())

    told = said(line, {"t": "hello", "boot": "b", "v": "1.9", "news": [1], "facts": {"capacity": 2, "more": True}})

    assert isinstance(told, HostWelcome)
    line.close()


# -- who is not any more ----------------------------------------------------------------------------------------------


def test_a_revoked_key_is_worth_nothing_on_an_open_connection(hub: Hub, anvil: Machine) -> None:
    """S13: revoked with an open connection."""
    anvil.stop()
    line = HostLine(Door(hub.link.listening, hub.keys.public), anvil.home.keys())
    welcome = said(line, HostHello("boot"))
    assert isinstance(welcome, HostWelcome)

    steer(hub, "revoke")
    refused = hub.link.refused

    assert said(line, HostBeat(welcome.sid, 1)) is None
    assert hub.link.refused > refused
    line.close()


def test_what_was_said_in_another_session_or_before_is_dropped(hub: Hub, anvil: Machine) -> None:
    """S14: a replayed beat is dropped. So is one of a session that is over."""
    anvil.stop()
    line = HostLine(Door(hub.link.listening, hub.keys.public), anvil.home.keys())
    welcome = said(line, HostHello("boot"))
    assert isinstance(welcome, HostWelcome)
    worker = WorkerState("item-1", "running", 7)

    assert said(line, HostBeat(welcome.sid, 2, (worker,))) is not None
    assert said(line, HostBeat(welcome.sid, 1, ())) is None
    assert said(line, HostBeat(welcome.sid, 2, ())) is None
    assert said(line, HostBeat("another", 9, ())) == HostReject("unknown_session")

    hosts = hub.ask("hosts", HostList(), SECONDS)
    assert isinstance(hosts, Hosts)
    assert hosts.hosts[0].workers == (worker,)
    line.close()


def test_a_host_speaks_for_its_own_workers_only(hub: Hub, anvil: Machine, tmp_path: Path) -> None:
    """S11: a worker of another host. What a host says of a worker is what is known of that worker on this host."""
    other = FakeWorkerHost()
    with machine(hub, tmp_path / "other", "other", other):
        remote_host(hub, "other").start(WorkerOrder("item-1", ("run",), {}))

        assert remote_host(hub, "anvil").poll("item-1").life is Life.GONE
        assert remote_host(hub, "other").poll("item-1").life is Life.RUNNING


def test_a_host_that_is_away_is_not_believed_dead_and_takes_no_worker(hub: Hub, anvil: Machine, workers: FakeWorkerHost) -> None:
    remote = remote_host(hub, "anvil")
    remote.start(WorkerOrder("item-1", ("run",), {}))
    anvil.stop()
    eventually(lambda: not is_here(hub, "anvil"), SECONDS, "it is away")

    assert remote.poll("item-1").life is Life.RUNNING
    with pytest.raises(HostUnavailable):
        remote.start(WorkerOrder("item-2", ("run",), {}))
    with pytest.raises(HostUnavailable):
        remote.stop("item-1", 0)

    anvil.start()
    eventually(lambda: is_here(hub, "anvil"), SECONDS, "it is back")
    assert remote.stop("item-1", 1).life is Life.EXITED


def test_the_workers_of_a_host_that_was_taken_back_are_gone(hub: Hub, anvil: Machine) -> None:
    remote = remote_host(hub, "anvil")
    remote.start(WorkerOrder("item-1", ("run",), {}))

    steer(hub, "revoke")

    assert remote.poll("item-1").life is Life.GONE


def test_a_factory_that_forgot_its_hosts_knows_them_again(hub: Hub, anvil: Machine, workers: FakeWorkerHost) -> None:
    """F26: all hosts are back. The sessions are gone, the workers are not."""
    remote = remote_host(hub, "anvil")
    remote.start(WorkerOrder("item-1", ("run",), {}))

    hub.forget()

    eventually(lambda: is_here(hub, "anvil"), SECONDS, "it is back")
    assert remote.poll("item-1").life is Life.RUNNING
    assert list(workers.workers) == ["item-1"]


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_renewed_over_the_link_at_half_its_life(hub: Hub, anvil: Machine, store: FakeHostStore) -> None:
    """S13: in-band rotation. The host goes on under another key, and the one before is worth nothing."""
    before = store.known()[0].key
    store.now += KEY_SECONDS / 2 + 60

    eventually(lambda: store.known()[0].key != before, SECONDS, "another key is in use")
    eventually(lambda: is_here(hub, "anvil"), SECONDS, "it is here")

    assert anvil.home.keys().public == store.known()[0].key
    assert not (anvil.home.data / "next.key").exists()
    assert hub.link.hosts.host(before) is None


def test_a_key_that_ran_out_is_worth_nothing(hub: Hub, anvil: Machine, store: FakeHostStore) -> None:
    """S13: expiry."""
    store.now += KEY_SECONDS + 1

    eventually(lambda: not is_here_at_all(hub), SECONDS, "it is nobody")
    assert hub.link.hosts.host(anvil.home.keys().public) is None


class DaysAhead(SystemClock):
    """The time of day of a machine whose clock was set wrong."""

    def now(self) -> float:
        return super().now() + 3 * 86_400


def test_a_machine_whose_clock_is_days_off_works_like_any_other(hub: Hub, workers: FakeWorkerHost, tmp_path: Path) -> None:
    """F51: a machine's clock that is off by days."""
    made = Machine(tmp_path / "m", workers, clock=DaysAhead())
    made.join(hub, "anvil")
    made.start()
    eventually(lambda: is_here(hub, "anvil"), SECONDS, "it is here")
    remote = remote_host(hub, "anvil")

    remote.start(WorkerOrder("item-1", ("run",), {}))
    workers.leaves("item-1", "result", b"done")

    assert remote.collect("item-1", "result", tmp_path / "got", 100) == 4
    assert remote.stop("item-1", 1).life is Life.EXITED
    made.stop()


def is_here_at_all(hub: Hub) -> bool:
    answer = hub.ask("hosts", HostList(), SECONDS)
    assert isinstance(answer, Hosts)
    return bool(answer.hosts)


def test_a_line_is_refused_with_the_factory_s_own_sentence(hub: Hub, tmp_path: Path, workers: FakeWorkerHost) -> None:
    address, _ = hub.join_words("anvil")
    made = Machine(tmp_path / "other", workers)
    with pytest.raises(Refused, match="not known"):
        join(made.home, address, join_word(new_token(), hub.keys.public), Facts())


def test_no_host_keeps_the_worker_of_another_alive_by_claiming_it(hub: Hub, anvil: Machine, store: FakeHostStore, tmp_path: Path) -> None:
    """S11: a worker of another host. Who ends workers goes by what the factory noted, and not by who says that it has one."""
    liar, here = FakeWorkerHost(), FakeWorkerHost()
    with machine(hub, tmp_path / "liar", "a-liar", liar):
        for name in ("anvil", "a-liar"):
            remote_host(hub, name).start(WorkerOrder("item-1", ("run",), {}))
        store.places["item-1"] = Place("anvil", True, "/repo", True)
        every = EveryHost(here, lambda: hub)

        every.stop("item-1", 0)
        every.remove("item-1")

        assert liar.workers["item-1"].observed.life is Life.RUNNING
        assert every.poll("item-1").life is Life.GONE


def test_a_machine_whose_disk_is_full_says_so_and_when_there_is_room_again(hub: Hub, anvil: Machine) -> None:
    anvil.is_full = True
    eventually(lambda: _says_that_it_is_full(hub), what="it says that it is full")

    anvil.is_full = False
    eventually(lambda: not _says_that_it_is_full(hub), what="it says that there is room again")


def _says_that_it_is_full(hub: Hub) -> bool:
    answer = hub.ask("hosts", HostList(), SECONDS)
    assert isinstance(answer, Hosts)
    return answer.hosts[0].full
