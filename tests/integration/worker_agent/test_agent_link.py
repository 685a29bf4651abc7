import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from factory.domain.ids import new_item_id
from factory.errors import InvalidInput
from factory.protocol.codec import BadMessage
from factory.protocol.worker import Event, Hello, Log, Ping, Stop, ToAgent
from factory.transport.agent_link import AgentLink, LinkConfig, LinkDown, _Wire
from factory.transport.curve import KeyPair
from tests.integration.worker_agent.factory_peer import EPOCH, FactoryPeer
from tests.waiting import eventually
from worker_agent.session import Session


class SteppedClock:
    """Moves only when told to, so that a heartbeat is over when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Ends:
    """Both ends of a link, with one heartbeat of 0.01 s so that the link's own wait is the longest."""

    def __init__(self, folder: Path) -> None:
        self.clock = SteppedClock()
        self.peer = FactoryPeer(folder, new_item_id(), heartbeat=0.01)
        self.key_file = folder / "link.key"
        self.key_file.write_bytes(self.peer.agent_keys.dump())
        config = LinkConfig(self.peer.endpoint, self.peer.keys.public, self.key_file)
        session = Session(self.peer.item, EPOCH, secrets.token_hex(4), 0.01, self.clock.now)
        self.link = AgentLink(config, session, self.clock)

    def until(self, kind: type[Hello | Ping | Event | Log], count: int = 1) -> None:
        """Lets time pass in small steps until the factory has heard so many."""

        def heard() -> bool:
            self.clock.now += 0.005
            self.link.tick()
            self.peer.turn()
            return len(self.peer.of(kind)) >= count

        eventually(heard, 60)

    def close(self) -> None:
        self.clock.now += 1000
        self.link.close(0)
        self.peer.close()


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    ends = Ends(tmp_path)
    ends.peer.open()
    ends.link.start()
    yield ends
    ends.close()


def test_it_greets_and_beats_without_any_help_of_the_main_thread_but_its_tick(ends: Ends) -> None:
    ends.until(Hello)
    ends.until(Ping, 3)


def test_a_main_loop_that_hangs_is_silent_though_the_link_lives(ends: Ends) -> None:
    ends.until(Ping)
    # Longer than three heartbeats without a tick, with an answer so that the session does not start over.
    ends.clock.now += 0.04
    ends.peer.turn()
    ends.peer.heard.clear()
    ends.link.send(Event(0, "STILL.HERE.NOW"))

    def event() -> bool:
        ends.peer.turn()
        return bool(ends.peer.of(Event))

    eventually(event, 60)
    assert ends.peer.of(Ping) == []


def test_messages_of_the_factory_reach_the_main_thread(ends: Ends) -> None:
    ends.until(Ping)
    stop = Stop("enough", 1.0)

    def received() -> ToAgent | None:
        ends.peer.send(stop)
        return ends.link.receive(0.02)

    assert eventually(received, 60) == stop


def test_bytes_that_are_no_answer_are_dropped(ends: Ends) -> None:
    ends.until(Ping)
    assert ends.peer.link is not None
    for garbage in (b"", b"\xc1", b"GET / HTTP/1.1", b"\x81\xa1t\x01"):
        ends.peer.link.send(ends.peer.worker, garbage)

    ends.peer.heard.clear()
    ends.until(Ping, 2)


def test_a_silent_factory_is_greeted_again_over_a_new_socket(ends: Ends) -> None:
    ends.until(Ping)
    ends.peer.close()
    ends.peer.heard.clear()

    def has_lost_its_session() -> bool:
        ends.clock.now += 0.1
        return not ends.link.session.sid

    eventually(has_lost_its_session, 60)
    ends.peer.open()

    ends.until(Hello)
    ends.until(Ping)


@pytest.mark.parametrize(("heartbeat", "milliseconds"), [(0.01, 100), (1.0, 1000), (5.0, 5000), (60.0, 5000)])
def test_a_factory_that_comes_back_is_found_within_a_heartbeat(tmp_path: Path, heartbeat: float, milliseconds: int) -> None:
    keys = KeyPair.generate()
    wire = _Wire(LinkConfig(f"ipc://{tmp_path}/nobody", keys.public, tmp_path / "link.key", heartbeat), keys)
    try:
        assert wire._socket.getsockopt(zmq.RECONNECT_IVL_MAX) == milliseconds
    finally:
        wire.close(0)


def test_what_the_wire_cannot_take_is_refused_before_it_is_handed_over(ends: Ends) -> None:
    with pytest.raises(BadMessage):
        ends.link.send(Log("agent", 0, bytes(1_048_576)))
    with pytest.raises(BadMessage):
        ends.link.send(Log("agent", 0, bytes(1_047_400)))


def test_closing_sends_what_was_said_before(ends: Ends) -> None:
    ends.until(Ping)

    ends.link.send(Log("worker", 0, b"goodbye"))
    ends.link.close(0.2)

    def heard() -> bool:
        ends.peer.turn()
        return ends.peer.log("worker") == b"goodbye"

    eventually(heard, 60)


def test_a_link_that_has_ended_says_so(ends: Ends) -> None:
    ends.clock.now += 1
    ends.link.close(0)

    with pytest.raises(LinkDown):
        ends.link.receive(0)


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.key").write_text("no key")
    config = LinkConfig("ipc:///nowhere", "x" * 40, tmp_path / "link.key")

    with pytest.raises(InvalidInput):
        AgentLink(config, Session(new_item_id(), 1, "boot", 1.0, 0.0), SteppedClock())
