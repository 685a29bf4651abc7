import os

import pytest

from factory.transport.loop import Loop
from factory.transport.mailbox_link import Letter, MailboxClient, MailboxServer
from tests.integration.transport.mail import Inbox, Told


class Pipe:
    def __init__(self) -> None:
        self.read, self.write = os.pipe()

    def pollable(self) -> int:
        return self.read

    def close(self) -> None:
        os.close(self.read)
        os.close(self.write)


@pytest.fixture
def pipe(closing):
    return closing(Pipe())


def test_a_descriptor_and_a_socket_are_waited_for_together(run_dir, closing, pipe):
    server = closing(MailboxServer(run_dir, "limiter", Inbox))
    client = closing(MailboxClient(run_dir))
    loop = Loop()
    loop.add(pipe)
    loop.add(server)

    nothing = loop.wait(0)
    os.write(pipe.write, b"x")
    first = loop.wait(10)
    os.read(pipe.read, 1)
    client.tell("limiter", Told(1))
    second = loop.wait(10)

    assert nothing == []
    assert first == [pipe]
    assert second == [server]


def test_a_source_that_was_not_emptied_is_reported_again(run_dir, closing):
    server = closing(MailboxServer(run_dir, "limiter", Inbox))
    client = closing(MailboxClient(run_dir))
    loop = Loop()
    loop.add(server)
    client.tell("limiter", Told(1))
    client.tell("limiter", Told(2))

    taken: list[Letter] = []
    while len(taken) < 2:
        assert loop.wait(10) == [server]
        taken += server.drain(most=1)

    assert [letter.mail.count for letter in taken] == [1, 2]
    assert loop.wait(0) == []


def test_a_source_that_was_removed_is_not_waited_for(pipe):
    loop = Loop()
    loop.add(pipe)
    os.write(pipe.write, b"x")

    loop.remove(pipe)
    loop.remove(pipe)

    assert loop.wait(0) == []


def test_the_rest_of_a_millisecond_is_waited_for(pipe, monkeypatch):
    loop = Loop()
    waits: list[int | None] = []

    def poll(milliseconds: int | None) -> list[tuple[object, int]]:
        waits.append(milliseconds)
        return []

    monkeypatch.setattr(loop._poller, "poll", poll)

    loop.wait(0.0001)
    loop.wait(-1)
    loop.wait(None)

    assert waits == [1, 0, None]
