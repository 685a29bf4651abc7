import contextlib
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from factory.errors import FactoryUnreachable
from factory.protocol.codec import MAX_FRAME
from factory.protocol.commands import Query, Reply, Steer
from factory.transport.command_client import CommandClient, commands_path
from factory.transport.command_link import CommandServer
from factory.transport.exchange import Caller
from tests.integration.transport.answering import answering
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def server(run_dir, closing):
    return closing(CommandServer(run_dir))


@pytest.fixture
def client(run_dir, closing):
    return closing(CommandClient(run_dir))


def test_a_request_gets_its_reply(server, client):
    def serve() -> None:
        for reply_to, request in server.drain():
            server.reply(reply_to, Reply("ok", data={"you asked": request.item}))

    with answering(server, serve):
        reply = client.ask(Steer("c1", "kill", "abc", "me"), 10)

    assert reply == Reply("ok", data={"you asked": "abc"})


def test_what_is_no_request_is_answered_invalid(run_dir, server, client, closing):
    stranger = closing(Caller(commands_path(run_dir)))

    with answering(server, server.drain):
        answer = stranger.ask(b"\xc1", 10)

    assert client._decode(answer).code == "invalid"
    assert server.bad == 1


def test_what_wants_no_reply_is_counted_only(run_dir, server, closing):
    closing(Caller(commands_path(run_dir))).tell(b"hello")

    eventually(lambda: server.drain() or server.bad == 1)


def test_a_reply_larger_than_the_wire_takes_becomes_a_refusal(server, client):
    def serve() -> None:
        for reply_to, _ in server.drain():
            server.reply(reply_to, Reply("ok", data="x" * MAX_FRAME))

    with answering(server, serve):
        reply = client.ask(Query("items"), 10)

    assert reply.code == "refused"
    assert "limit" in reply.reason


def test_without_a_factory_the_client_says_so_at_once(client):
    with pytest.raises(FactoryUnreachable, match=r"No factory is running here .*start it with `factory up`"):
        client.ask(Query("status"), 1000)


def test_the_file_of_a_killed_factory_is_not_waited_for(run_dir, client):
    (run_dir / "commands.sock").touch()

    with pytest.raises(FactoryUnreachable, match="No factory is running here"):
        client.ask(Query("status"), 1000)


def test_a_factory_that_does_not_answer_is_given_up_after_the_timeout(server, client):
    with pytest.raises(FactoryUnreachable, match=r"did not answer within 0\.01 s"):
        client.ask(Query("status"), 0.01)


def test_a_restarted_factory_answers_the_same_client(run_dir, client):
    def ask_one_that_says(word: str) -> str:
        server = CommandServer(run_dir)

        def serve() -> None:
            for reply_to, _ in server.drain():
                server.reply(reply_to, Reply("ok", word))

        with contextlib.closing(server), answering(server, serve):
            reply: Reply = client.ask(Query("status"), 10)
        return reply.reason

    assert [ask_one_that_says("first"), ask_one_that_says("second")] == ["first", "second"]


def test_what_a_factory_took_and_never_answered_is_asked_of_it_again(server, client):
    taken = []

    def serve() -> None:
        for reply_to, request in server.drain():
            taken.append(request)
            if len(taken) > 1:
                server.reply(reply_to, Reply("ok", "second"))

    with answering(server, serve):
        assert client.ask(Query("status"), 2).reason == "second"

    assert taken == [Query("status")] * 2


def test_the_command_socket_is_open_to_its_user_only(run_dir, server):
    assert stat.S_IMODE(commands_path(run_dir).stat().st_mode) == 0o600


def test_the_client_imports_no_database_and_no_settings():
    code = "import sys, factory.transport.command_client; print(*{name.split('.')[0] for name in sys.modules})"
    imported = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout.split()

    assert {"zmq", "msgspec"} <= set(imported)
    assert set(imported) & {"psycopg", "pydantic", "textual", "pykka", "docker", "structlog", "typer", "asyncio"} == set()
