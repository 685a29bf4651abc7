"""Messages over a stream between two processes: whole, in order, and never waited for."""

import socket
from collections.abc import Iterator

import pytest

from factory.protocol.codec import BadMessage
from factory.transport.framed import Framed


@pytest.fixture
def ends() -> Iterator[tuple[Framed, Framed]]:
    made = tuple(map(Framed, socket.socketpair()))
    yield made[0], made[1]
    for end in made:
        end.close()


def test_messages_come_whole_and_in_order_also_where_they_are_too_large_for_one_piece(ends: tuple[Framed, Framed]) -> None:
    one, other = ends
    sent = [b"", b"small", b"x" * 1_000_000, b"last"]
    for frame in sent:
        one.send(frame)
    assert one.unsent > 0

    received: list[bytes] = []
    while len(received) < len(sent):
        received += other.receive()
        one.flush()

    assert received == sent
    assert one.unsent == 0


def test_who_is_through_can_still_hear_the_other(ends: tuple[Framed, Framed]) -> None:
    one, other = ends
    one.send(b"last")
    one.finish()

    assert list(other.receive()) == [b"last"]
    assert other.is_over
    other.send(b"an answer")
    assert list(one.receive()) == [b"an answer"]
    assert not one.is_over


def test_what_is_sent_to_somebody_who_has_gone_is_dropped(ends: tuple[Framed, Framed]) -> None:
    one, other = ends
    other.send(b"before")
    other.close()

    one.send(b"x" * 1_000_000)
    one.send(b"y")

    assert one.unsent == 0
    assert list(one.receive()) in ([b"before"], []), "what a socket with unread bytes had sent may go with it"
    assert one.is_over


def test_what_is_no_message_is_told_as_such() -> None:
    raw, end = socket.socketpair()
    framed = Framed(end)
    raw.sendall(b"\xff" * 8)

    with pytest.raises(BadMessage, match="a frame of"):
        list(framed.receive())
    raw.close()
    framed.close()
