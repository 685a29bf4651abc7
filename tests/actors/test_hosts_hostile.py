"""Hosts that say what no host of ours says: the actor of hosts goes on, and so do the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.background import Background
from actors.complaints import EVERY_SECONDS
from actors.host_enrolment import Doors
from actors.hosts import HostsActor
from factory.domain.hosts import MOST
from factory.host_ports import Place
from factory.parcels import Arrivals
from factory.protocol.codec import Decoder, encode
from factory.protocol.host import (
    MAX_WORKERS,
    Chunk,
    DataHello,
    Facts,
    FromHost,
    HostBeat,
    HostDone,
    HostHello,
    HostWelcome,
    Join,
    ToHost,
    WantSource,
    WorkerState,
)
from factory.protocol.host_mail import HostAnswer, HostCall, HostInbound, HostList, HostLook, HostOutbound, Hosts, JoinAsked
from factory.transport.join_line import token_hash
from tests.fakes.clock import ManualClock
from tests.fakes.host_store import FakeHostStore
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.hub import NoSources

_decode: Decoder[ToHost] = Decoder(ToHost)
NOISELESS = Facts()


class Spool(NoSources):
    """Counts how often it was tidied."""

    tidied = 0

    def tidy(self) -> None:
        self.tidied += 1


class Ground:
    """The actor alone."""

    def __init__(self, folder: Path) -> None:
        self.store, self.mail, self.clock = FakeHostStore(), RecordingMailbox(), ManualClock()
        self.background, self.sources = Background(1), Spool()
        self.arrivals = Arrivals(folder)
        self.actor = HostsActor(
            mailbox=self.mail, clock=self.clock, store=self.store, sources=self.sources, arrivals=self.arrivals, background=self.background,
            doors=Doors("k" * 40, "tcp://here:7712", 7711), heartbeat=5.0,
        )  # fmt: skip

    def joins(self, name: str) -> str:
        key = name.ljust(40, "x")
        self.store.enroll(name, (), name, "ada")
        self.store.join(name, key, {})
        return key

    def begins(self) -> None:
        self.actor.on_start()

    def hears(self, host: str, said: FromHost) -> None:
        self.actor.on_mail(HostInbound(host, host.ljust(40, "x"), host.encode(), encode(said)))

    def is_welcome(self, host: str, facts: Facts = NOISELESS) -> str:
        self.hears(host, HostHello("boot", facts))
        sids = [_decode(mail.frame) for _, mail in self.mail.told if isinstance(mail, HostOutbound) and mail.host == host]
        return next(said.sid for said in reversed(sids) if isinstance(said, HostWelcome))

    def listed(self) -> Hosts:
        listed = self.actor.on_mail(HostList())
        assert isinstance(listed, Hosts)
        return listed


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(tmp_path / "in")
    yield made
    made.background.close()


NOISE = Facts(("\0",) * 2_000, 2**62, 2**62, 2**62, "\0" * 100, "\0" * 100_000)


def test_facts_that_no_database_takes_end_nothing(ground: Ground) -> None:
    ground.joins("anvil")
    ground.begins()
    ground.is_welcome("anvil", NOISE)

    ground.clock.advance(5.0)
    ground.actor.on_tick()

    assert ground.store.known()[0].facts["version"] == ""


def test_a_machine_that_joins_with_such_facts_ends_nothing(ground: Ground) -> None:
    ground.store.enroll("anvil", (), token_hash("a" * 64), "ada")
    ground.begins()

    ground.actor.on_mail(JoinAsked("k" * 40, b"r", encode(Join("a" * 64, NOISE))))

    assert [host.name for host in ground.listed().hosts] == ["anvil"]


def test_a_worker_whose_name_could_be_none_wants_no_source(ground: Ground) -> None:
    ground.joins("anvil")
    ground.begins()
    sid = ground.is_welcome("anvil")
    ground.hears("anvil", DataHello(sid))

    ground.hears("anvil", WantSource(sid, "item\0-1", ("a" * 40,)))

    assert ground.listed().hosts[0].name == "anvil"


def test_what_all_hosts_say_fits_into_an_answer_however_much_it_is(ground: Ground) -> None:
    names = [f"host-{number}".ljust(39, "x") for number in range(MOST)]
    for name in names:
        ground.joins(name)
    ground.begins()
    much = tuple(WorkerState(f"{number}".ljust(90, "x"), "exited", 2**62, 2**62, "\u2028\U0001f600" * 50) for number in range(MAX_WORKERS))
    for name in names:
        ground.hears(name, HostBeat(ground.is_welcome(name, Facts(("e" * 400,) * 900)), 1, much))

    assert len(encode(ground.listed())) > 0


def test_one_host_that_says_much_hides_no_worker_of_another(ground: Ground) -> None:
    for name in ("anvil", "other"):
        ground.joins(name)
    ground.begins()
    much = tuple(WorkerState(f"{number}", "running", reason="x" * 3_000) for number in range(MAX_WORKERS))
    ground.hears("anvil", HostBeat(ground.is_welcome("anvil"), 1, much))
    ground.hears("other", HostBeat(ground.is_welcome("other"), 1, (WorkerState("item-1", "running", 7),)))

    assert len(encode(ground.listed())) > 0
    assert ground.listed().hosts[1].workers == (WorkerState("item-1", "running", 7),)


def test_a_worker_of_another_host_is_what_that_host_says_it_is(ground: Ground) -> None:
    """S11: a worker of another host. Of one that was placed elsewhere no other host is believed."""
    for name in ("anvil", "other"):
        ground.joins(name)
    ground.store.places["item-1"] = Place("other", counts=True, repo="repo", alive=True)
    ground.begins()
    ground.hears("anvil", HostBeat(ground.is_welcome("anvil"), 1, (WorkerState("item-1", "exited", code=0),)))
    ground.hears("other", HostBeat(ground.is_welcome("other"), 1, (WorkerState("item-1", "running", 7),)))

    looked = ground.actor.on_mail(HostLook("item-1"))

    assert isinstance(looked, HostAnswer)
    assert (looked.host, looked.state) == ("other", WorkerState("item-1", "running", 7))


def test_a_start_that_was_refused_since_the_host_was_away_is_not_ordered_when_it_is_back(ground: Ground) -> None:
    ground.joins("anvil")
    ground.begins()

    answer = ground.actor.on_mail(HostCall("anvil", "1", "start", "item-1"))
    ground.is_welcome("anvil")
    ground.actor.on_tick()

    assert isinstance(answer, HostAnswer)
    assert answer.result == "away"
    orders = [mail for _, mail in ground.mail.told if isinstance(mail, HostOutbound) and b"order" in mail.frame]
    assert orders == []


def test_what_is_asked_of_a_host_that_is_away_takes_no_place_of_others(ground: Ground) -> None:
    for name in ("anvil", "other"):
        ground.joins(name)
    ground.begins()
    for number in range(2_000):
        ground.actor.on_mail(HostCall("anvil", f"a{number}", "stop", f"item-{number % 10}"))
    ground.is_welcome("other")

    answer = ground.actor.on_mail(HostCall("other", "1", "start", "item-1"))

    assert isinstance(answer, HostAnswer)
    assert answer.result == "pending"


def test_files_that_nobody_needs_any_more_are_looked_for_again_and_again(ground: Ground) -> None:
    ground.begins()
    for _ in range(3):
        ground.clock.advance(3_600.0)
        ground.actor.on_tick()

    assert ground.sources.tidied == 4


def test_what_a_host_sent_of_a_result_goes_with_whoever_wanted_it(ground: Ground, tmp_path: Path) -> None:
    ground.joins("anvil")
    ground.begins()
    sid = ground.is_welcome("anvil")
    ground.hears("anvil", DataHello(sid))
    ground.actor.on_mail(HostCall("anvil", "1", "collect", "item-1", file="result", limit=1_000))
    ground.hears("anvil", HostDone(sid, "1", size=1_000, sha256="a" * 64))
    ground.hears("anvil", Chunk(sid, "1", 0, b"x" * 900))
    assert [path.stat().st_size for path in (tmp_path / "in").iterdir()] == [900]

    ground.clock.advance(61.0)
    ground.actor.on_tick()

    assert list((tmp_path / "in").iterdir()) == []


def test_a_worker_counts_as_ended_only_where_its_host_says_so(ground: Ground) -> None:
    for number, state in enumerate((None, WorkerState("item-2", "gone"))):
        ground.joins("anvil")
        ground.begins()
        sid = ground.is_welcome("anvil")
        call = HostCall("anvil", f"{number}", "stop", "item-1")
        ground.actor.on_mail(call)

        ground.hears("anvil", HostDone(sid, f"{number}", state))

        answer = ground.actor.on_mail(call)
        assert isinstance(answer, HostAnswer)
        assert (answer.state, answer.trouble) == (None, "unavailable")


def test_a_host_that_floods_with_noise_has_a_line_of_the_log_a_minute(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    ground.joins("anvil")
    ground.begins()
    sid = ground.is_welcome("anvil")
    caplog.clear()

    for _ in range(500):
        ground.actor.on_mail(HostInbound("anvil", "anvil".ljust(40, "x"), b"r", b"\xff noise"))
        ground.hears("anvil", WantSource(sid, "no worker", ("a" * 40,)))
    assert len(caplog.records) == 1

    ground.clock.advance(EVERY_SECONDS)
    ground.actor.on_tick()

    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("host anvil sent what is no message: ")
    assert told[1] == "host anvil wants a source for what is no worker (999 times since this was last said)"
