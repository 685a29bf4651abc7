"""Who gets in, as whom, and what becomes of those who should not."""

import stat
from pathlib import Path

import pytest
import zmq

from factory.errors import CannotListen, Conflict, PathTooLong
from factory.protocol.codec import MAX_FRAME
from factory.transport import sockets, zap
from factory.transport.curve import KeyPair
from factory.transport.loop import Loop
from factory.transport.worker_link import Received, WorkerLink
from tests.waiting import eventually

SERVER = KeyPair.generate()
_RECEIVE_MS = 10_000


@pytest.fixture(params=["ipc", "tcp"])
def link(request, run_dir, closing):
    return closing(WorkerLink("tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{run_dir}/link.sock", SERVER))


class Client:
    """A peer that can do everything an agent can, and what it should not. Without keys it speaks no CURVE."""

    def __init__(
        self,
        link: WorkerLink,
        keys: KeyPair | None,
        routing_id: bytes = b"",
        server: str = SERVER.public,
        metadata: bytes = b"",
    ) -> None:
        self.socket = sockets.open_socket(zmq.DEALER, {zmq.RECONNECT_IVL: 20, zmq.RCVTIMEO: _RECEIVE_MS})
        if routing_id:
            self.socket.routing_id = routing_id
        if metadata:
            self.socket.setsockopt(zmq.METADATA, metadata)
        if keys is not None:
            self.socket.curve_publickey = keys.public.encode()
            self.socket.curve_secretkey = keys.secret.encode()
            self.socket.curve_serverkey = server.encode()
        self.monitor = self.socket.get_monitor_socket()
        self.socket.connect(link.endpoint)

    def say(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def was_cut(self) -> bool:
        """Whether the connection ended at least once since the last look."""
        ends = False
        while self.monitor.poll(0):
            event, _ = self.monitor.recv_multipart()
            ends |= bool(int.from_bytes(event[:2], "little") & (zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED))
        return ends

    def close(self) -> None:
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.socket.close()
        self.monitor.close()


@pytest.fixture
def join(link, closing):
    """A worker that is enrolled and connects."""

    def joining(worker, keys=None, **options):
        pair = keys or KeyPair.generate()
        link.enrol(worker, pair.public)
        return closing(Client(link, pair, **options))

    return joining


def received(link: WorkerLink, count: int = 1) -> list[Received]:
    taken: list[Received] = []

    def enough() -> bool:
        taken.extend(link.drain())
        return len(taken) >= count

    eventually(enough, what=lambda: f"{count} messages, got {taken}")
    return taken


def test_a_message_carries_the_name_under_which_its_key_was_enrolled(link, join):
    join("item-1").say(b"hello")

    assert received(link) == [Received("item-1", b"hello")]


def test_an_answer_goes_to_the_worker_that_spoke(link, join):
    first, second = join("item-1"), join("item-2")
    first.say(b"one")
    second.say(b"two")
    received(link, 2)

    sent = link.send("item-2", b"for two"), link.send("item-1", b"for one")

    assert sent == (True, True)
    assert second.socket.recv() == b"for two"
    assert first.socket.recv() == b"for one"


def test_a_worker_that_never_spoke_has_no_route(link, join):
    join("item-1")

    assert not link.send("item-1", b"hello")


def test_a_worker_that_has_gone_has_no_route(link, join):
    client = join("item-1")
    client.say(b"hello")
    received(link)

    client.close()

    eventually(lambda: not link.send("item-1", b"hello"))


def test_the_latest_route_is_used_after_a_reconnect(link, join):
    keys = KeyPair.generate()
    former, latter = join("item-1", keys), join("item-1", keys)
    former.say(b"former")
    received(link)
    latter.say(b"latter")
    received(link)

    link.send("item-1", b"answer")

    assert latter.socket.recv() == b"answer"
    assert not former.socket.poll(0)


def test_an_unknown_key_is_turned_away(link, join, closing):
    stranger = closing(Client(link, KeyPair.generate()))
    stranger.say(b"let me in")
    eventually(lambda: link.drain() or link.turned_away)

    join("item-1").say(b"hello")

    assert received(link) == [Received("item-1", b"hello")]


def test_a_worker_that_knocked_before_it_was_enrolled_gets_in_once_it_is(link, closing):
    keys = KeyPair.generate()
    closing(Client(link, keys)).say(b"early")
    eventually(lambda: link.drain() or link.turned_away)

    link.enrol("item-1", keys.public)

    assert received(link) == [Received("item-1", b"early")]


@pytest.mark.parametrize("without", ["any key", "the factory's key"])
def test_who_does_not_prove_a_key_is_cut_off(link, join, closing, without):
    keys = KeyPair.generate()
    link.enrol("item-9", keys.public)
    stranger = closing(Client(link, None) if without == "any key" else Client(link, keys, server=KeyPair.generate().public))
    stranger.say(b"let me in")
    eventually(lambda: link.drain() or stranger.was_cut())

    join("item-1").say(b"hello")

    assert received(link) == [Received("item-1", b"hello")]


def test_an_enrolled_public_key_without_its_secret_does_not_let_in(link, join, closing):
    keys = KeyPair.generate()
    link.enrol("item-9", keys.public)
    thief = closing(Client(link, KeyPair(keys.public, KeyPair.generate().secret)))
    thief.say(b"let me in")
    eventually(lambda: link.drain() or thief.was_cut())

    join("item-1").say(b"hello")

    assert received(link) == [Received("item-1", b"hello")]


def test_nothing_is_taken_from_a_revoked_worker_although_its_connection_is_open(link, join):
    client = join("item-1")
    client.say(b"before")
    before = received(link)

    link.revoke("item-1")
    client.say(b"after")
    eventually(lambda: link.drain() or link.refused == 1)

    assert before == [Received("item-1", b"before")]
    assert not link.send("item-1", b"answer")
    assert not client.was_cut()


def test_what_was_sent_before_the_key_was_revoked_and_is_still_queued_is_refused(link, join):
    client = join("item-1")
    client.say(b"first")
    received(link)
    client.say(b"second")
    loop = Loop()
    loop.add(link)
    waiting = loop.wait(10)

    link.revoke("item-1")

    assert waiting == [link]
    assert link.drain() == []
    assert link.refused == 1


def test_a_replaced_key_is_refused_although_the_name_is_enrolled(link, join):
    former = join("item-1")
    former.say(b"former")
    received(link)
    latter = join("item-1")

    routed = link.send("item-1", b"for whom?")
    former.say(b"still here")
    eventually(lambda: link.drain() or link.refused == 1)
    latter.say(b"latter")

    assert not routed
    assert received(link) == [Received("item-1", b"latter")]


def test_enrolling_the_same_key_again_changes_nothing(link, join):
    keys = KeyPair.generate()
    client = join("item-1", keys)
    client.say(b"hello")
    received(link)

    link.enrol("item-1", keys.public)

    assert link.send("item-1", b"answer")


def test_one_key_cannot_be_two_workers(link):
    keys = KeyPair.generate()
    link.enrol("item-1", keys.public)

    with pytest.raises(Conflict):
        link.enrol("item-2", keys.public)


def test_the_name_comes_from_the_key_whatever_routing_id_the_client_chose(link, join):
    join("item-2", routing_id=b"item-1").say(b"I am item-1")

    assert received(link) == [Received("item-2", b"I am item-1")]


def test_a_worker_cannot_take_anothers_route_by_its_routing_id(link, join):
    victim = join("item-1", routing_id=b"route")
    victim.say(b"hello")
    received(link)

    join("item-2", routing_id=b"route").say(b"mine now")
    join("item-3").say(b"later")
    after = received(link)
    link.send("item-1", b"for item-1")

    assert Received("item-3", b"later") in after
    assert all(message.worker != "item-1" for message in after)
    assert victim.socket.recv() == b"for item-1"


def test_a_worker_cannot_claim_anothers_key_in_its_metadata(link, join):
    victim = KeyPair.generate()
    link.enrol("item-1", victim.public)
    attacker = join("item-2", metadata=b"X-Public-Key:" + victim.public.encode())
    attacker.say(b"hello")
    received(link)

    link.revoke("item-2")
    attacker.say(b"still item-1?")

    eventually(lambda: link.drain() or link.refused == 1)


def test_messages_that_are_not_of_one_frame_are_dropped_and_counted(link, join):
    client = join("item-1")
    client.say(b"one", b"two")
    client.say(b"", b"empty delimiter")
    client.say(b"x" * (sockets.MAX_ENVELOPE + 1))
    client.say(b"right")

    assert received(link) == [Received("item-1", b"right")]
    assert link.malformed == 3


def test_a_frame_larger_than_the_wire_takes_costs_the_connection(link, join):
    client = join("item-1")
    client.say(b"x" * (MAX_FRAME + 1))
    eventually(lambda: link.drain() or client.was_cut())

    client.say(b"right")

    assert received(link) == [Received("item-1", b"right")]


def test_with_nobody_to_ask_about_keys_nobody_is_let_in(link, join):
    """S12: no handler."""
    link._admission._socket.unbind(zap._ADDRESS)

    client = join("item-1")
    client.say(b"let me in")
    eventually(lambda: link.drain() or client.was_cut())

    sockets.bind(link._admission._socket, zap._ADDRESS)
    assert received(link) == [Received("item-1", b"let me in")]


def test_draining_takes_no_more_than_it_is_told(link, join):
    client = join("item-1")
    for number in range(10):
        client.say(b"%d" % number)
    loop = Loop()
    for source in link.pollables():
        loop.add(source)

    batches: list[list[Received]] = []
    while sum(map(len, batches)) < 10:
        assert loop.wait(10)
        batches.append(link.drain(most=4))

    assert max(map(len, batches)) <= 4
    assert b"".join(message.payload for batch in batches for message in batch) == b"0123456789"


def test_workers_under_other_users_can_open_the_socket(run_dir, closing):
    closing(WorkerLink(f"ipc://{run_dir}/link.sock", SERVER))

    assert stat.S_IMODE((run_dir / "link.sock").stat().st_mode) == 0o666


def test_a_closed_link_leaves_nothing_and_can_be_opened_again(run_dir, closing):
    WorkerLink(f"ipc://{run_dir}/link.sock", SERVER).close()
    left = list(run_dir.iterdir())

    closing(WorkerLink(f"ipc://{run_dir}/link.sock", SERVER))

    assert left == []


@pytest.mark.parametrize(
    ("endpoint", "error"),
    [
        ("ipc:///nowhere/at/all/link.sock", CannotListen),
        ("tcp://203.0.113.1:1", CannotListen),
        ("ipc:///" + "x" * 120, PathTooLong),
    ],
)
def test_an_address_that_cannot_be_bound_is_named_and_can_be_tried_again(run_dir, closing, endpoint, error):
    with pytest.raises(error, match=r"nowhere|203|xxx"):
        WorkerLink(endpoint, SERVER)

    closing(WorkerLink(f"ipc://{run_dir}/link.sock", SERVER))

    assert Path(run_dir / "link.sock").exists()
