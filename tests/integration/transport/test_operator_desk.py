"""Operators over TCP on real sockets: who is let in, what they may send, what becomes of those who do not keep to it."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq

from factory.domain.operators import Operator
from factory.errors import Conflict, FactoryUnreachable, InvalidInput, NotFound
from factory.protocol.codec import encode
from factory.protocol.commands import Query, Reply
from factory.protocol.feed import Delta, Snapshot, Subscribe, Watch
from factory.transport import operator_desk, sockets
from factory.transport.command_client import CommandClient
from factory.transport.curve import KeyPair
from factory.transport.feed_publisher import FeedPublisher
from factory.transport.feed_subscriber import FeedSubscriber
from factory.transport.operator_book import OperatorBook, book_path
from factory.transport.operator_desk import OperatorDesk
from factory.transport.operator_frames import opened, sealed
from factory.transport.operator_key import Remote, write_key_file
from factory.transport.sockets import Socket
from tests.waiting import eventually

H = 0.3


class Factory:
    """A desk that answers each request with who asked, and a feed behind it. Turned by hand, or by a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.book, self.keys = folder, OperatorBook(folder), KeyPair.generate()
        self.desk = OperatorDesk("tcp://127.0.0.1:*", self.keys, self.book, H)
        self.feed = FeedPublisher(folder / "run", "b1")
        self.feed.mirror(self.desk.push)
        self.heard: list[str] = []
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def operator(self, name: str, role: Any = "operate") -> Remote:
        keys = KeyPair.generate()
        self.book.add(Operator(name, role, keys.public))
        return Remote(self.desk.endpoint, self.keys.public, keys, name)

    def stranger(self) -> Remote:
        return Remote(self.desk.endpoint, self.keys.public, KeyPair.generate(), "stranger")

    def turn(self) -> "Factory":
        asked = []
        for reply_to, operator, request in self.desk.drain():
            self.heard.append(operator.name)
            if isinstance(request, Subscribe):
                asked.append(reply_to)
            else:
                self.desk.reply(reply_to, Reply("ok", data=[operator.name, operator.role]))
        for reply_to in asked:
            self.desk.answer(reply_to, *self.feed.picture(lambda: Snapshot("", 0, [], [], {}, about={"heartbeat": H})))
        return self

    def runs(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._leaves.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)
        self.desk.close()
        self.feed.close()

    def _go_on(self) -> None:
        while not self._leaves.wait(0.005):
            self.turn()


class Raw:
    """A client that says whatever it likes."""

    def __init__(self, remote: Remote | None, endpoint: str) -> None:
        self.socket: Socket = sockets.open_socket(zmq.DEALER)
        if remote is not None:
            remote.secure(self.socket)
        self.socket.connect(endpoint)

    def says(self, number: int, payload: bytes) -> None:
        self.sends(sealed(number.to_bytes(8, "big"), payload))

    def sends(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def hears(self, factory: Factory) -> tuple[int, bytes] | None:
        """Number and payload."""
        factory.turn()
        part = opened(self.socket.recv()) if self.socket.poll(5) else None
        return (int.from_bytes(part.number, "big"), part.payload) if part else None

    def close(self) -> None:
        self.socket.close()


Closing = Callable[[Any], Any]


@pytest.fixture
def factory(run_dir: Path, closing: Closing) -> Factory:
    made: Factory = closing(Factory(run_dir))
    return made


def asked(factory: Factory, client: Raw) -> tuple[int, bytes]:
    """The answer to a question, asked again and again as the handshake needs it."""
    client.says(1, encode(Query("status")))
    return eventually(lambda: client.hears(factory))


# -- who is let in ----------------------------------------------------------------------------------------------------


def test_who_asks_is_known_by_the_key_with_the_role_that_it_has(factory: Factory, closing: Closing) -> None:
    factory.runs()
    for name, role in (("ada", "operate"), ("vic", "view")):
        client = closing(CommandClient(factory.operator(name, role)))
        assert client.ask(Query("status"), 10) == Reply("ok", data=[name, role])


def test_a_key_that_is_nobodys_hears_nothing_and_is_counted(factory: Factory, closing: Closing) -> None:
    client = closing(Raw(factory.stranger(), factory.desk.endpoint))
    client.says(1, encode(Query("status")))

    eventually(lambda: client.hears(factory) is not None or factory.desk.turned_away > 0)

    assert client.hears(factory) is None
    assert factory.heard == []


def test_without_encryption_or_with_another_factorys_key_nobody_is_heard(factory: Factory, closing: Closing) -> None:
    known = factory.operator("ada")
    wrong = Remote(known.endpoint, KeyPair.generate().public, known.keys, "ada")
    plain, misled = closing(Raw(None, known.endpoint)), closing(Raw(wrong, known.endpoint))
    for client in (plain, misled):
        client.says(1, encode(Query("status")))

    # One that is let in shows that the desk has had its time with the others.
    assert asked(factory, closing(Raw(known, known.endpoint)))

    assert plain.hears(factory) is None
    assert misled.hears(factory) is None
    assert factory.heard == ["ada"]


def test_a_key_taken_back_is_worth_nothing_from_the_next_message_on(factory: Factory, closing: Closing) -> None:
    ada = factory.operator("ada")
    client = closing(Raw(ada, ada.endpoint))
    assert asked(factory, client)
    client.says(0, encode(Watch()))
    eventually(lambda: factory.turn().desk.watchers)

    factory.book.remove("ada")
    client.says(2, encode(Query("status")))
    eventually(lambda: factory.turn().desk.refused)
    factory.feed.offer("item", "a", 1, {"id": "a"})
    factory.feed.flush()

    assert client.hears(factory) is None
    assert factory.desk.watchers == 0


def test_deltas_stop_with_the_key_also_where_the_watcher_says_nothing(factory: Factory, closing: Closing) -> None:
    ada = factory.operator("ada")
    client = closing(Raw(ada, ada.endpoint))
    client.says(0, encode(Watch()))
    eventually(lambda: factory.turn().desk.watchers)
    factory.feed.beat()
    assert eventually(lambda: client.hears(factory))

    factory.book.remove("ada")
    factory.feed.beat()

    assert client.hears(factory) is None


def test_a_name_given_to_a_new_key_does_not_let_the_old_one_in(factory: Factory, closing: Closing) -> None:
    old = factory.operator("ada")
    client = closing(Raw(old, old.endpoint))
    assert asked(factory, client)
    factory.book.remove("ada")
    factory.operator("ada", "view")

    client.says(2, encode(Query("status")))
    eventually(lambda: factory.turn().desk.refused)

    assert client.hears(factory) is None


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[{", b'[{"name": 1}]', b"\xff\xfe"])
def test_a_book_that_cannot_be_read_knows_nobody(factory: Factory, content: bytes | None) -> None:
    key = factory.operator("ada").keys.public
    assert factory.book.operator(key)
    if content is None:
        book_path(factory.folder).unlink()
    else:
        book_path(factory.folder).write_bytes(content)

    assert factory.book.operator(key) is None


# -- what may be sent -------------------------------------------------------------------------------------------------


def test_what_is_no_request_is_said_to_be_none_and_the_next_one_is_answered(factory: Factory, closing: Closing) -> None:
    ada = factory.operator("ada")
    client = closing(Raw(ada, ada.endpoint))
    number, query = b"\0" * 7, encode(Query("status"))
    wrong = ([b"x"], [b""], [b"\0" * 8], [number + b"1\1" + query], [number + b"1\2" + query], [number + b"1\0" + query, b"more"])
    for frames in wrong:
        client.sends(*frames)
    for name, payload in ((2, b"garbage"), (3, b"\x00" * 5), (4, b"\x81\xa1t\xa1?"), (5, b"")):
        client.says(name, payload)
    client.says(9, query)

    heard: list[tuple[int, bytes]] = []
    while not heard or heard[-1][0] != 9:
        heard.append(eventually(lambda: client.hears(factory)))

    assert factory.desk.bad == len(wrong) + 4
    assert [name for name, _ in heard] == [2, 3, 4, 5, 9]
    assert b"does not understand" in heard[0][1]


def test_a_request_that_is_too_large_ends_the_connection_and_nothing_else(factory: Factory, closing: Closing) -> None:
    ada, vic = factory.operator("ada"), factory.operator("vic")
    large = closing(Raw(ada, ada.endpoint))
    large.says(1, b"x" * operator_desk.MAX_REQUEST)

    assert asked(factory, closing(Raw(vic, vic.endpoint)))
    assert factory.heard == ["vic"]


def test_a_flood_is_dropped_beyond_a_burst_and_others_are_answered(
    factory: Factory, closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_desk, "PER_SECOND", 0.001)
    ada, vic = factory.operator("ada", "view"), factory.operator("vic")
    flood, other = closing(Raw(ada, ada.endpoint)), closing(Raw(vic, vic.endpoint))
    assert asked(factory, flood)
    said = 2_000
    for _ in range(said):
        flood.says(1, encode(Query("status")))
    assert asked(factory, other)
    eventually(lambda: factory.turn().desk.flooded["ada"] == said + 1 - operator_desk.BURST)

    assert factory.heard.count("ada") == operator_desk.BURST
    assert asked(factory, other)


# -- the feed ---------------------------------------------------------------------------------------------------------


def test_a_watcher_elsewhere_has_the_snapshot_and_what_follows_on_it(factory: Factory, closing: Closing) -> None:
    factory.runs()
    subscriber = closing(FeedSubscriber(factory.operator("vic", "view")))
    assert isinstance(eventually(lambda: subscriber.poll(0.1)), Snapshot)

    # By the thread that owns the sockets everything else is done; it only looks for requests.
    names = [f"i{number}" for number in range(50)]
    factory._leaves.set()
    factory._thread.join(timeout=60)
    for name in names:
        factory.feed.offer("item", name, 1, {"id": name})
    factory.feed.flush()
    told = [update for _ in names if isinstance(update := eventually(lambda: subscriber.poll(0.1)), Delta)]

    assert [delta.id for delta in told] == names
    assert subscriber.live


def test_who_watches_no_more_is_forgotten_after_three_heartbeats(run_dir: Path, closing: Closing) -> None:
    now, book, keys = [0.0], OperatorBook(run_dir), KeyPair.generate()
    mine = KeyPair.generate()
    book.add(Operator("ada", "view", mine.public))
    desk = closing(OperatorDesk("tcp://127.0.0.1:*", keys, book, H, lambda: now[0]))
    client = closing(Raw(Remote(desk.endpoint, keys.public, mine, "ada"), desk.endpoint))
    client.says(0, encode(Watch()))
    eventually(lambda: desk.drain() or desk.watchers)

    now[0] = 3 * H - 0.01
    desk.push(b"x")
    assert desk.watchers == 1
    now[0] = 3 * H + 0.01
    desk.push(b"x")
    assert desk.watchers == 0


# -- keys and addresses -----------------------------------------------------------------------------------------------


def test_a_key_file_is_this_users_alone_and_opens_the_way_back(tmp_path: Path) -> None:
    keys, server = KeyPair.generate(), KeyPair.generate()
    file = tmp_path / "ada.key"
    write_key_file(file, "ada", server.public, keys)

    assert file.stat().st_mode & 0o777 == 0o600
    assert Remote.read("tcp://127.0.0.1:7710", file) == Remote("tcp://127.0.0.1:7710", server.public, keys, "ada")
    assert keys.secret not in repr(Remote.read("tcp://127.0.0.1:7710", file))
    with pytest.raises(InvalidInput, match="exists already"):
        write_key_file(file, "ada", server.public, keys)


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:1", "tcp://h", "tcp://h:0", "tcp://h:65536", "ipc:///x", "tcp://a b:1", "tcp://h:1x"])
def test_what_is_no_address_is_refused_in_a_sentence(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(InvalidInput, match="tcp://HOST:PORT"):
        Remote.read(endpoint, tmp_path / "k")


def test_a_file_that_is_no_key_is_refused_without_quoting_it(tmp_path: Path) -> None:
    (tmp_path / "k").write_text('{"name": "a", "server_key": "s", "public": "p", "secret": "hush"}')

    with pytest.raises(InvalidInput, match="no operator's key file") as refused:
        Remote.read("tcp://h:1", tmp_path / "k")
    assert "hush" not in str(refused.value)


def test_nobody_there_is_told_at_once(tmp_path: Path, closing: Closing) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    remote = Remote(f"tcp://127.0.0.1:{port}", KeyPair.generate().public, KeyPair.generate(), "ada")

    with pytest.raises(FactoryUnreachable, match="Nobody listens"):
        closing(CommandClient(remote)).ask(Query("status"), 60)


def test_two_keys_of_one_name_and_the_removal_of_none_are_refused(tmp_path: Path) -> None:
    book = OperatorBook(tmp_path)
    book.add(Operator("ada", "view", "k" * 40))

    with pytest.raises(Conflict, match="ada already"):
        book.add(Operator("ada", "operate", "l" * 40))
    with pytest.raises(NotFound, match="no operator bob"):
        book.remove("bob")
    assert [operator.role for operator in book.everyone()] == ["view"]
    assert book_path(tmp_path).stat().st_mode & 0o777 == 0o600
