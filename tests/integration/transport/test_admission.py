"""S12 on each bind that the network reaches: nothing is delivered without a proof of a key and somebody who says whose it is.

Whoever should say it may be hung, may have died over the question, or may raise. In each case the connection ends when its handshake's
time is over, and an honest peer tries again by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq

from actors.gateway import Gateway
from factory.clock import SystemClock
from factory.domain.operators import Operator
from factory.protocol.codec import encode
from factory.protocol.commands import Query
from factory.protocol.gateway_mail import Enrolled, Enrolment
from factory.transport import enrol_desk, operator_desk, sockets, worker_link, zap
from factory.transport.curve import KeyPair
from factory.transport.enrol_desk import EnrolDesk
from factory.transport.loop import Loop
from factory.transport.operator_book import OperatorBook
from factory.transport.operator_desk import OperatorDesk
from factory.transport.operator_frames import sealed
from factory.transport.worker_link import WorkerLink
from factory.transport.zap import Admission, Keys
from tests.waiting import eventually

SECONDS = 60.0
HANDSHAKE_MS = 400
"""In place of two seconds: it is what the tests wait for."""
PLACES = ("worker link", "enrolment", "operators")


@dataclass
class Bind:
    """One of the binds. `drain` returns what was delivered, `receive` the same without a turn of who is asked about keys."""

    endpoint: str
    server: str
    known: KeyPair
    word: bytes
    admission: Admission
    domain: bytes
    drain: Callable[[], list[object]]
    receive: Callable[[], list[object]]
    ends: list[Callable[[], None]]


def of_workers(folder: Path) -> Bind:
    keys, known = KeyPair.generate(), KeyPair.generate()
    link = WorkerLink(f"ipc://{folder}/link.sock", keys, listen="tcp://127.0.0.1:*")
    link.enrol("item-1", known.public)
    return Bind(
        link.listening, keys.public, known, b"word", link.admission, zap.DOMAIN,
        lambda: list(link.drain()), lambda: frames_of(link._router), [link.close],
    )  # fmt: skip


def of_machines(folder: Path) -> Bind:
    keys = KeyPair.generate()
    link = WorkerLink(f"ipc://{folder}/link.sock", keys)
    desk = EnrolDesk("tcp://127.0.0.1:*", keys, link.admission)

    def drain() -> list[object]:
        link.drain()
        return list(desk.drain())

    return Bind(
        desk.endpoint, keys.public, KeyPair.generate(), b"word", link.admission, enrol_desk.DOMAIN,
        drain, lambda: frames_of(desk._router), [desk.close, link.close],
    )  # fmt: skip


def of_operators(folder: Path) -> Bind:
    keys, known, book = KeyPair.generate(), KeyPair.generate(), OperatorBook(folder)
    book.add(Operator("ann", "operate", known.public))
    desk = OperatorDesk("tcp://127.0.0.1:*", keys, book, 1.0)
    word = sealed((1).to_bytes(8, "big"), encode(Query("status")))
    return Bind(
        desk.endpoint, keys.public, known, word, desk._admission, operator_desk.DOMAIN,
        lambda: list(desk.drain()), lambda: frames_of(desk._router), [desk.close],
    )  # fmt: skip


def frames_of(router: sockets.Socket) -> list[object]:
    frames = sockets.receive(router)
    return [] if frames is None else [frames]


def gathered(into: list[object], more: list[object]) -> list[object]:
    into.extend(more)
    return into


@pytest.fixture(params=PLACES)
def bind(request: pytest.FixtureRequest, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bind]:
    for module in (worker_link, operator_desk):
        monkeypatch.setattr(module, "_HANDSHAKE_MS", HANDSHAKE_MS)
    monkeypatch.setitem(enrol_desk._OPTIONS, zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    makers = dict(zip(PLACES, (of_workers, of_machines, of_operators), strict=True))
    made = makers[request.param](run_dir)
    yield made
    for end in made.ends:
        end()


class Peer:
    """Says its word once it is let in; tells whether it was cut before that."""

    def __init__(self, bind: Bind, mechanism: str = "CURVE") -> None:
        self.socket = sockets.open_socket(zmq.DEALER, {zmq.RECONNECT_IVL: 20})
        if mechanism == "CURVE":
            self.socket.curve_publickey, self.socket.curve_secretkey = bind.known.public.encode(), bind.known.secret.encode()
            self.socket.curve_serverkey = bind.server.encode()
        elif mechanism == "PLAIN":
            self.socket.plain_username, self.socket.plain_password = b"item-1", b"x"
        self._monitor = self.socket.get_monitor_socket()
        self.socket.connect(bind.endpoint)
        self.socket.send(bind.word)

    def was_cut(self) -> bool:
        ends = False
        while self._monitor.poll(0):
            event, _ = self._monitor.recv_multipart()
            ends |= bool(int.from_bytes(event[:2], "little") & (zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED))
        return ends

    def close(self) -> None:
        self.socket.disable_monitor()
        self._monitor.close()
        self.socket.close()


Closing = Callable[[Peer], Peer]


def is_asked(bind: Bind) -> bool:
    """Whether somebody is to say whose a key is."""
    return bool(bind.admission.pollable().poll(0))


@pytest.mark.parametrize("mechanism", ["NULL", "PLAIN"])
def test_without_curve_nothing_is_delivered(bind: Bind, mechanism: str, closing: Closing) -> None:
    """S12: no key and unknown keys. Whatever else a peer speaks, on each bind."""
    stranger = closing(Peer(bind, mechanism))
    delivered: list[object] = []
    eventually(lambda: gathered(delivered, bind.drain()) or stranger.was_cut(), SECONDS, "it is cut")

    closing(Peer(bind))

    eventually(lambda: gathered(delivered, bind.drain()), SECONDS, "who has a key is heard")
    assert len(delivered) == 1


def test_what_nobody_answers_about_is_not_delivered(bind: Bind, closing: Closing) -> None:
    """S12: a handler that hangs. It was asked and is not heard; when it is again, so is who waited."""
    delivered: list[object] = []
    waiting = closing(Peer(bind))
    eventually(lambda: is_asked(bind), SECONDS, "somebody was asked")

    eventually(lambda: gathered(delivered, bind.receive()) or waiting.was_cut(), SECONDS, "the handshake's time is over")
    assert delivered == []

    eventually(bind.drain, SECONDS, "it is let in when there is an answer")


def test_who_dies_over_the_question_lets_nobody_in(bind: Bind, closing: Closing) -> None:
    """S12: a handler that dies. With the question in its hands."""
    delivered: list[object] = []
    waiting = closing(Peer(bind))
    eventually(lambda: is_asked(bind), SECONDS, "somebody was asked")

    bind.admission._socket.unbind(zap._ADDRESS)
    bind.admission._socket.close(linger=0)
    for _ in range(2):
        eventually(lambda: gathered(delivered, bind.receive()) or waiting.was_cut(), SECONDS, "it is cut, and again when it comes back")

    assert delivered == []
    # For the end of the bind, which closes its own.
    bind.admission._socket = sockets.open_socket(zmq.ROUTER)
    sockets.bind(bind.admission._socket, zap._ADDRESS)
    eventually(bind.drain, SECONDS, "another one lets it in")


class Raising:
    """In place of who knows keys."""

    asked = 0

    def worker(self, key: str) -> str | None:
        self.asked += 1
        raise LookupError(f"nobody can say whose {key} is")


def test_an_answer_that_fails_lets_nobody_in(bind: Bind, closing: Closing) -> None:
    """S12: a handler that raises. The turn fails, which ends the process; before that nothing was delivered, nor would be after it."""
    delivered: list[object] = []
    keys: Keys = bind.admission._rooms[bind.domain]
    raising = Raising()
    bind.admission.guard(bind.domain, raising)
    waiting = closing(Peer(bind))

    with pytest.raises(LookupError):
        eventually(lambda: gathered(delivered, bind.drain()), SECONDS, "it is asked")
    eventually(lambda: gathered(delivered, bind.receive()) or waiting.was_cut(), SECONDS, "the handshake's time is over")

    assert (delivered, raising.asked) == ([], 1)
    bind.admission.guard(bind.domain, keys)
    eventually(bind.drain, SECONDS, "it is let in by who can say it")


class NoMail:
    def tell(self, address: str, mail: object) -> bool:
        raise AssertionError(f"{address} was told {mail}")

    def ask(self, _address: str, mail: object, _timeout: float) -> object:
        assert isinstance(mail, Enrolled)
        return Enrolment({})


def test_the_gateway_does_not_live_on_with_a_handler_that_raises(run_dir: Path, closing: Closing) -> None:
    """S12: a handler that raises. A turn that raises ends the process, which the supervisor replaces."""
    keys, known = KeyPair.generate(), KeyPair.generate()
    link = WorkerLink(f"ipc://{run_dir}/link.sock", keys, listen="tcp://127.0.0.1:*")
    link.enrol("item-1", known.public)
    gateway = Gateway(mailbox=NoMail(), clock=SystemClock(), link=link, heartbeat=1.0)
    link.admission.guard(zap.DOMAIN, Raising())
    bind = Bind(link.listening, keys.public, known, b"word", link.admission, zap.DOMAIN, list, list, [])
    closing(Peer(bind))
    loop = Loop()
    for source in gateway.sources():
        loop.add(source)

    def turns() -> bool:
        for source in loop.wait(0.02):
            gateway.on_ready(source)
        return False

    with pytest.raises(LookupError):
        eventually(turns, SECONDS, "it is asked")
    gateway.on_stop()


def test_these_are_all_binds_that_the_network_can_reach() -> None:
    """S12: no key and unknown keys. A bind that is added is to be tried here too; zmq is used in this folder only."""
    folder = Path(sockets.__file__).parent
    binding = {path.name for path in folder.glob("*.py") if "sockets.bind(" in path.read_text("utf-8")}

    assert binding - {"zap.py"} == {"worker_link.py", "enrol_desk.py", "operator_desk.py"}
