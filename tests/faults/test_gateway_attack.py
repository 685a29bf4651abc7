"""Gateway under attack: F30, F31, S11, S12, S15. The one port that is open to others, and peers that want it shut.

In each, workers with a key go on getting their answers, and the gateway's process stays the same one under its cap.
"""

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
import zmq

from actors.gateway import MAX_IMPOSTORS
from factory.protocol.codec import MAX_FRAME, encode
from factory.protocol.worker import Envelope, Ping
from factory.transport import sockets
from factory.transport.curve import KeyPair
from factory.transport.enrol_desk import BURST
from factory.wiring_actors import GATEWAY_MEMORY
from tests.faults.recorder import Recorder
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(300)]

MINE, OTHER = "0123456789", "9876543210"
SECONDS = 30.0
REPEATED = 5
RESIDENT = 256 * 1024 * 1024
"""Bytes that the gateway may have in memory while it holds out: a quarter of its cap."""

GREETING = b"\xff" + bytes(8) + b"\x7f"
"""How a peer of ZMTP 3 begins: signature, then version, mechanism and role."""


READY = b"\x05READY"
"""Who hears this was let in."""


def ping(item: str, epoch: int, number: int) -> bytes:
    return encode(Envelope(item, epoch, Ping("running"), number, "sid"))


class Peer:
    """A connection under a key, which says what it wants."""

    def __init__(self, endpoint: str, server_key: str, keys: KeyPair | None, routing_id: bytes = b"") -> None:
        self.socket = sockets.open_socket(zmq.DEALER, {zmq.IMMEDIATE: 1, zmq.RECONNECT_IVL: 50, zmq.RECONNECT_IVL_MAX: 500})
        if routing_id:
            self.socket.routing_id = routing_id
        if keys is not None:
            self.socket.curve_publickey, self.socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
            self.socket.curve_serverkey = server_key.encode()
        self.socket.connect(endpoint)

    def says(self, *frames: bytes) -> None:
        eventually(lambda: sockets.send(self.socket, list(frames)), SECONDS, "it can be said")

    def hears(self) -> bytes | None:
        return self.socket.recv() if self.socket.poll(int(SECONDS * 1000)) else None


class Gate:
    """The gateway, with two workers that it knows."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self.keys = {MINE: KeyPair.generate(), OTHER: KeyPair.generate()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.lone_gateway", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        stack.callback(self._end)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({f"{item}-1": keys.public for item, keys in self.keys.items()}) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        self.link, self.enrol, self.key = told["link"], told["enrol"], told["key"]
        self.address = ("127.0.0.1", int(self.link.rpartition(":")[2]))
        self._number = 0

    def _end(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()
        try:
            assert self.process.wait(SECONDS) == 0, "the gateway died"
        finally:
            self.process.kill()

    def peer(self, keys: KeyPair | None, *, endpoint: str = "", routing_id: bytes = b"") -> Peer:
        made = Peer(endpoint or self.link, self.key, keys, routing_id)
        self._stack.callback(made.socket.close, 0)
        return made

    def worker(self, item: str) -> Peer:
        return self.peer(self.keys[item])

    def raw(self, content: bytes = b"") -> socket.socket:
        """A connection that says these bytes."""
        made = self._stack.enter_context(socket.create_connection(self.address, SECONDS))
        made.sendall(content)
        return made

    def answers(self, worker: Peer, item: str) -> None:
        """What a worker says now is answered, and with nothing else."""
        self._number += 1
        frame = ping(item, 1, self._number)
        worker.says(frame)
        assert worker.hears() == frame

    @property
    def resident(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    @property
    def files(self) -> int:
        return int(psutil.Process(self.process.pid).num_fds())

    def holds_out(self) -> None:
        assert self.process.poll() is None, "the gateway died"
        assert self.resident < RESIDENT < GATEWAY_MEMORY


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with ExitStack() as stack:
        yield Gate(tmp_path_factory.mktemp("gate"), stack)


def long_frame(size: int, *, more: bool) -> bytes:
    """The head of a ZMTP frame of so many bytes."""
    return bytes([0x02 | more]) + struct.pack(">Q", size)


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: factory\r\n\r\n", id="HTTP"),
        pytest.param(b"\r\nlogin\r\n" * 100, id="telnet"),
        pytest.param(bytes(range(256)) * 256, id="all bytes"),
        pytest.param(b"\x01\x00" * 50_000, id="version 1"),
        pytest.param(GREETING + b"\x01\x05" + b"\x00\x00" * 50_000, id="version 2"),
        pytest.param(GREETING + b"\x03\x00NULL".ljust(54, b"\0") + long_frame(2**62, more=False) + b"x" * 100_000, id="endless frame"),
        pytest.param(GREETING + b"\x03\x00NULL".ljust(54, b"\0") + b"\x01\x00" * 50_000, id="endless parts"),
        pytest.param(GREETING + b"\x03\x00CURVE".ljust(54, b"\0") + b"\x04\xc8\x05HELLO" + b"\xff" * 194, id="a forged HELLO"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_conversation_disturb_no_worker(gate: Gate, noise: bytes) -> None:
    """F30: hostile bytes; endless frames. Each of them from fifty connections at once."""
    worker = gate.worker(MINE)
    gate.answers(worker, MINE)

    for _ in range(50):
        # It may have been cut off before it had said all.
        with suppress(ConnectionError):
            gate.raw(noise)
        gate.answers(worker, MINE)

    gate.answers(gate.worker(OTHER), OTHER)
    gate.holds_out()


def test_idle_connections_keep_nobody_out_and_are_cut(gate: Gate) -> None:
    """F31: a valid worker is let in; idle connections are cut."""
    before = gate.files
    idle = [gate.raw() for _ in range(1_000)]

    gate.answers(gate.worker(MINE), MINE)
    eventually(lambda: gate.files < before + 50, SECONDS, lambda: f"they are cut: {gate.files} files are open, of {len(idle)} connections")
    gate.holds_out()


def test_a_flood_of_handshakes_without_a_key_keeps_nobody_out(gate: Gate) -> None:
    """F30. S12: no key and unknown keys. S15: a flood of handshakes. Strangers with the right address and server key, again and again."""
    worker = gate.worker(MINE)
    strangers = [gate.peer(KeyPair.generate() if number % 3 else None) for number in range(150)]

    for _ in range(20):
        gate.answers(worker, MINE)

    gate.answers(gate.worker(OTHER), OTHER)
    assert not any(sockets.send(stranger.socket, [b"x"]) for stranger in strangers), "one of them was let in"
    gate.holds_out()


def flooded(gate: Gate, say: Callable[[Peer], bool], most: int) -> int:
    """One worker says what it should not, as often as it can; another one is answered meanwhile. How often it did."""
    attacker, worker = gate.worker(OTHER), gate.worker(MINE)
    gate.answers(worker, MINE)
    gate.answers(attacker, OTHER)
    said = 0
    for number in range(most):
        said += say(attacker)
        if number % (most // 10) == 0:
            gate.answers(worker, MINE)
    gate.answers(worker, MINE)
    gate.holds_out()
    return said


@pytest.mark.parametrize(
    ("frames", "most"),
    [
        pytest.param([b"\xc1" * 100], 20_000, id="no messages"),
        pytest.param([b""], 20_000, id="empty ones"),
        pytest.param([b"x"] * 1_000, 200, id="a thousand parts"),
        pytest.param([b"\x91" * 100_000], 500, id="deeply nested"),
        pytest.param([b"x" * (MAX_FRAME - 2_000)], 100, id="large ones"),
        pytest.param([b"x" * (MAX_FRAME + 1)], 20, id="too large ones"),
    ],
)  # fmt: skip
def test_a_worker_that_floods_costs_no_other_its_answers(gate: Gate, frames: list[bytes], most: int) -> None:
    """F30: endless frames. S15: a share for each key. An enrolled key that turned hostile."""
    assert flooded(gate, lambda attacker: sockets.send(attacker.socket, frames), most) > 0


def test_a_message_without_an_end_costs_no_other_its_answers(gate: Gate) -> None:
    """S15: memory is bounded. Parts of a message that never ends lie in the gateway's memory until its connection goes."""

    def part(attacker: Peer) -> bool:
        with suppress(zmq.Again):
            attacker.socket.send(b"x" * 1_000, zmq.SNDMORE | zmq.NOBLOCK)
            return True
        return False

    assert flooded(gate, part, 20_000) > 0


def test_who_reports_in_the_name_of_another_is_cut_after_five_times(gate: Gate) -> None:
    """S11: another's item or epoch. Neither in a body is believed; the other goes on."""
    thief, worker = gate.worker(OTHER), gate.worker(MINE)
    gate.answers(thief, OTHER)
    gate.answers(worker, MINE)

    for number in range(MAX_IMPOSTORS - 1):
        thief.says(ping(MINE, 1, 100 + number))
    gate.answers(thief, OTHER)
    thief.says(ping(OTHER, 2, 200))
    thief.says(ping(OTHER, 1, 201))

    gate.answers(worker, MINE)
    assert not thief.socket.poll(500), "it is still answered"
    assert not worker.socket.poll(0), "what another said in its name came to it"
    gate.holds_out()


def test_who_claims_the_routing_id_of_another_gets_none_of_its_answers(gate: Gate) -> None:
    """S11: a stolen routing id. At the same time as its owner."""
    name = b"known to both"
    worker = gate.peer(gate.keys[MINE], routing_id=name)
    gate.answers(worker, MINE)
    thieves = [gate.peer(gate.keys[OTHER], routing_id=name) for _ in range(20)]

    for _ in range(20):
        gate.answers(worker, MINE)
    assert not any(thief.socket.poll(0) for thief in thieves)
    gate.holds_out()


@pytest.fixture
def between(gate: Gate) -> Iterator[Recorder]:
    made = Recorder(gate.address)
    yield made
    made.close()


def test_a_conversation_that_is_replayed_from_its_first_byte_is_refused(gate: Gate, between: Recorder) -> None:
    """S14: a replayed capture is refused."""
    worker = gate.peer(gate.keys[MINE], endpoint=f"tcp://127.0.0.1:{between.address[1]}")
    gate.answers(worker, MINE)
    worker.socket.close(0)
    assert READY in b"".join(between.heard), "the recorded one was let in"

    greeting = len(GREETING)
    said, answer = b"".join(between.said), b""
    stranger = gate.raw(said[:greeting])
    assert stranger.recv(1) == GREETING[:1], "it is not even greeted"
    # The gateway ends it, and has said no more than it says to anybody.
    with suppress(ConnectionError):
        stranger.sendall(said[greeting:])
        while piece := stranger.recv(65_536):
            answer += piece

    assert READY not in answer
    gate.answers(gate.worker(MINE), MINE)


def test_a_message_that_is_said_again_by_somebody_between_arrives_once(gate: Gate, between: Recorder) -> None:
    """S14: a replayed message is refused."""
    worker = gate.peer(gate.keys[MINE], endpoint=f"tcp://127.0.0.1:{between.address[1]}")
    answers: list[bytes] = []
    for number in range(1, 100):
        # What is said in the moment in which the connection is cut for the repetition is lost, as it is for an agent, which says it again.
        worker.says(ping(MINE, 1, number))
        if worker.socket.poll(500):
            answers.append(worker.socket.recv())
            between.say_again()
        if len(answers) == REPEATED:
            break

    assert len(answers) == REPEATED
    assert len(set(answers)) == len(answers), "what was said again was answered again"
    gate.holds_out()


def test_who_asks_to_enrol_without_end_disturbs_no_worker(gate: Gate) -> None:
    """S15: few may try to enrol. Each connection is heard once."""
    worker = gate.worker(MINE)
    for _ in range(10 * BURST):
        asker = gate.peer(KeyPair.generate(), endpoint=gate.enrol)
        asker.says(b"x" * 10_000)
        for _ in range(100):
            sockets.send(asker.socket, [b"x" * 10_000])
        gate.answers(worker, MINE)
    gate.holds_out()
