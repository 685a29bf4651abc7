"""The worker link on TCP beside its unix socket: the same keys, the same checks."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from factory.domain.chunks import CHUNK_BYTES, WINDOW_CHUNKS
from factory.protocol.host_mail import HostKey
from factory.transport import sockets
from factory.transport.curve import KeyPair
from factory.transport.host_routes import MOST_ROUTES
from factory.transport.worker_link import Received, WorkerLink
from tests.waiting import eventually

SECONDS = 20


@pytest.fixture
def keys() -> KeyPair:
    return KeyPair.generate()


@pytest.fixture
def link(tmp_path: Path, keys: KeyPair) -> Iterator[WorkerLink]:
    made = WorkerLink(f"ipc://{tmp_path}/gateway.sock", keys, 0.5, listen="tcp://127.0.0.1:*")
    yield made
    made.close()


def dealer(endpoint: str, server_key: str, own: KeyPair, name: bytes = b"") -> sockets.Socket:
    made = sockets.open_socket(zmq.DEALER, {zmq.IMMEDIATE: 1})
    if name:
        made.setsockopt(zmq.ROUTING_ID, name)
    made.curve_serverkey = server_key.encode()
    made.curve_publickey, made.curve_secretkey = own.public.encode(), own.secret.encode()
    made.connect(endpoint)
    return made


def said(link: WorkerLink, line: sockets.Socket, frame: bytes) -> None:
    def sent() -> bool:
        link.drain()
        return sockets.send(line, [frame])

    eventually(sent, SECONDS, "it is sent")


def heard(link: WorkerLink) -> list[Received]:
    return eventually(link.drain, SECONDS, "it is heard")


def test_an_enrolled_key_is_heard_on_both_and_answered_where_it_spoke_last(link: WorkerLink, keys: KeyPair) -> None:
    own = KeyPair.generate()
    link.enrol("item-1", own.public)
    for endpoint in (link.endpoint, link.listening):
        line = dealer(endpoint, keys.public, own)
        said(link, line, b"here")

        assert [each.worker for each in heard(link)] == ["item-1"]
        assert link.send("item-1", b"back")
        assert line.poll(SECONDS * 1000)
        assert line.recv() == b"back"
        line.close()


def test_a_key_that_is_not_enrolled_and_no_key_at_all_are_not_heard(link: WorkerLink, keys: KeyPair) -> None:
    """S12: no key and unknown keys."""
    stranger, bare = dealer(link.listening, keys.public, KeyPair.generate()), sockets.open_socket(zmq.DEALER, {zmq.IMMEDIATE: 1})
    bare.connect(link.listening)

    def turned_away() -> bool:
        assert link.drain() == []
        return link.turned_away > 0

    eventually(turned_away, SECONDS, "it is turned away")
    assert not sockets.send(stranger, [b"x"])
    assert not sockets.send(bare, [b"x"])
    stranger.close()
    bare.close()


def test_a_routing_id_that_belongs_to_another_changes_nothing(link: WorkerLink, keys: KeyPair) -> None:
    """S11: a stolen routing id. Who takes it is who his key says, and the other keeps his answers."""
    mine, thief = KeyPair.generate(), KeyPair.generate()
    link.enrol("item-1", mine.public)
    link.enrol("item-2", thief.public)
    line = dealer(link.listening, keys.public, mine, b"name")
    said(link, line, b"here")
    assert [each.worker for each in heard(link)] == ["item-1"]

    other = dealer(link.listening, keys.public, thief, b"name")
    assert link.drain() == []
    assert link.send("item-1", b"for one")

    assert line.poll(SECONDS * 1000)
    assert line.recv() == b"for one"
    assert not other.poll(200)
    line.close()
    other.close()


def test_hosts_and_workers_are_told_apart_by_their_keys(link: WorkerLink, keys: KeyPair) -> None:
    own = KeyPair.generate()
    link.hosts.replace([HostKey(own.public, "anvil", 60.0)])
    line = dealer(link.listening, keys.public, own)
    said(link, line, b"here")

    (received,) = heard(link)
    assert (received.worker, received.host, received.key) == ("", "anvil", own.public)
    assert link.send_host("anvil", received.route, b"back")
    assert not link.send("anvil", b"x")
    assert not link.send("host:anvil", b"x")

    link.hosts.replace([])
    assert not link.send_host("anvil", received.route, b"more")
    line.close()


def test_what_a_host_does_not_read_fills_no_memory(link: WorkerLink, keys: KeyPair) -> None:
    """S15: memory is bounded. It asks for pieces of files, and takes none of them."""
    own, piece = KeyPair.generate(), b"x" * CHUNK_BYTES
    link.hosts.replace([HostKey(own.public, "anvil", 60.0)])
    line = sockets.open_socket(zmq.DEALER, {zmq.IMMEDIATE: 1, zmq.RCVHWM: 1, zmq.RCVBUF: CHUNK_BYTES})
    line.curve_serverkey = keys.public.encode()
    line.curve_publickey, line.curve_secretkey = own.public.encode(), own.secret.encode()
    line.connect(link.listening)
    said(link, line, b"here")
    (received,) = heard(link)

    taken = 0
    while link.send_host("anvil", received.route, piece) and taken < 1_000:
        taken += 1
    line.close()

    assert WINDOW_CHUNKS <= taken < 400


def test_what_is_no_zmtp_at_all_disturbs_nobody(link: WorkerLink, keys: KeyPair) -> None:
    """F30: hostile bytes. On the port that is open to the world."""
    host, port = "127.0.0.1", int(link.listening.rpartition(":")[2])
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\x01\x00", bytes(range(256)) * 64):
        with socket.create_connection((host, port), SECONDS) as raw:
            raw.sendall(noise)
    own = KeyPair.generate()
    link.enrol("item-1", own.public)
    line = dealer(link.listening, keys.public, own)
    said(link, line, b"here")

    assert [each.worker for each in heard(link)] == ["item-1"]
    line.close()


def test_what_waits_for_a_host_that_reads_nothing_is_bounded_however_many_connections_it_has(link: WorkerLink, keys: KeyPair) -> None:
    """An enrolled host may be hostile, and the memory in which it waits is the gateway's."""
    own, other = KeyPair.generate(), KeyPair.generate()
    link.hosts.replace([HostKey(own.public, "anvil", 600.0), HostKey(other.public, "hammer", 600.0)])
    lines = [dealer(link.listening, keys.public, own) for _ in range(3 * MOST_ROUTES)]
    routes = []
    for line in lines:
        said(link, line, b"hello")
        routes.append(heard(link)[0].route)

    taken = [link.send_host("anvil", route, b"x") for route in routes]

    assert taken == [True] * MOST_ROUTES + [False] * (2 * MOST_ROUTES)
    assert link.unsent == 2 * MOST_ROUTES
    assert lines[0].poll(SECONDS * 1000)
    assert lines[0].recv() == b"x"
    one = dealer(link.listening, keys.public, other)
    said(link, one, b"hello")
    assert link.send_host("hammer", heard(link)[0].route, b"y"), "another host is none the worse for it"

    lines[0].close(0)
    eventually(lambda: link.drain() or link.send_host("anvil", routes[-1], b"z"), SECONDS, "one that has gone makes room")
    for line in (*lines[1:], one):
        line.close(0)
