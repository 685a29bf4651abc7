"""A receiver that is killed and started again, as a process, under a sender that is not told of it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from factory.errors import ActorUnavailable
from factory.transport.mailbox_link import MailboxClient, mailbox_path
from tests.integration.transport.mail import Asked, Told, answer_of
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
_EXIT_SECONDS = 60


@contextmanager
def actor(run_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process; killed -9 at the end of the block, so that it can clean up nothing."""
    command = [sys.executable, "-m", "tests.integration.transport.echo_actor", str(run_dir), "limiter"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait(_EXIT_SECONDS)


def told(run_dir: Path) -> list[str]:
    path = run_dir / "told"
    return path.read_text().split() if path.exists() else []


@pytest.fixture
def client(run_dir, closing):
    return closing(MailboxClient(run_dir))


def asked_again(client: MailboxClient) -> object:
    """The answer of one that was killed and started again. What is asked before it is noticed that the first has gone is lost with it."""

    def answer() -> object:
        try:
            return client.ask("limiter", Asked(), 2)
        except ActorUnavailable:
            return None

    return eventually(answer)


def test_a_restarted_actor_is_asked_and_told_again_by_the_same_client(run_dir, client):
    with actor(run_dir) as first:
        first_answer = client.ask("limiter", Asked(), 30)
        client.tell("limiter", Told(1))
        eventually(lambda: told(run_dir) == ["1"])

    with actor(run_dir) as second:
        second_answer = asked_again(client)
        client.tell("limiter", Told(2))
        eventually(lambda: told(run_dir) == ["1", "2"])

    assert first_answer == answer_of(first.pid)
    assert second_answer == answer_of(second.pid)


def test_what_is_told_while_the_actor_is_away_waits_for_it(run_dir, client, closing):
    with actor(run_dir):
        client.ask("limiter", Asked(), 30)
    # The sender's socket notices on its own time that the other end has gone; until then the system takes the message
    # and loses it. Senders repeat on their tick for that reason; here the test waits until it has been noticed.
    socket = client._callers["limiter"].pollable()
    monitor = closing(socket.get_monitor_socket())
    eventually(lambda: monitor.poll(0))
    socket.disable_monitor()
    away = [client.tell("limiter", Told(count)) for count in range(20)]

    with actor(run_dir):
        eventually(lambda: told(run_dir) == [str(count) for count in range(20)], what=lambda: str(told(run_dir)))

    assert all(away)


def test_the_file_of_a_killed_actor_does_not_stop_the_next_from_binding(run_dir, client):
    with actor(run_dir):
        client.ask("limiter", Asked(), 30)
    left = mailbox_path(run_dir, "limiter").exists()

    with actor(run_dir) as process:
        answer = asked_again(client)

    assert left
    assert answer == answer_of(process.pid)
    assert [path.name for path in (run_dir / "actors").iterdir()] == ["limiter.sock"]
