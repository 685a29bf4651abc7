import resource
import stat

import pytest
import zmq

from factory.errors import ActorUnavailable, InvalidInput, PathTooLong
from factory.protocol.codec import MAX_FRAME, BadMessage
from factory.transport import mailbox_link, sockets
from factory.transport.exchange import Caller
from factory.transport.mailbox_link import Letter, MailboxClient, MailboxServer, mailbox_path, remove_mailbox
from tests.integration.transport.answering import answering
from tests.integration.transport.mail import Asked, Foreign, Inbox, Told, answer_of
from tests.waiting import eventually


@pytest.fixture
def server(run_dir, closing):
    return closing(MailboxServer(run_dir, "limiter", Inbox))


@pytest.fixture
def client(run_dir, closing):
    return closing(MailboxClient(run_dir))


def serve(server: MailboxServer, free: int = 1) -> None:
    for letter in server.drain():
        if letter.reply_to is not None:
            server.reply(letter.reply_to, answer_of(free))


def drained(server: MailboxServer, count: int) -> list[Letter]:
    letters: list[Letter] = []

    def enough() -> bool:
        letters.extend(server.drain())
        return len(letters) >= count

    eventually(enough, what=f"{count} letters")
    return letters


def test_mail_arrives_in_order_and_wants_no_answer(server, client):
    told = [client.tell("limiter", Told(count)) for count in range(100)]

    letters = drained(server, 100)

    assert all(told)
    assert [letter.mail for letter in letters] == [Told(count) for count in range(100)]
    assert {letter.reply_to for letter in letters} == {None}


def test_an_ask_is_answered(server, client):
    with answering(server, lambda: serve(server, free=3)):
        answer = client.ask("limiter", Asked(), 10)

    assert answer == answer_of(3)


def test_nobody_is_told_where_no_inbox_is(client):
    assert not client.tell("limiter", Told(1))


def test_a_removed_inbox_is_told_nothing_more(run_dir, server, client):
    before = client.tell("limiter", Told(1))

    remove_mailbox(run_dir, "limiter")

    assert before
    assert not client.tell("limiter", Told(2))


def test_a_closed_inbox_leaves_no_file(run_dir):
    MailboxServer(run_dir, "limiter", Inbox).close()

    assert list((run_dir / "actors").iterdir()) == []


def test_an_inbox_is_open_to_its_user_only(run_dir, server):
    path = mailbox_path(run_dir, "limiter")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_full_inbox_says_no(server, client):
    # The bounds of both sockets and the system's buffers between them: a few thousand small messages.
    assert any(not client.tell("limiter", Told(1)) for _ in range(100_000))


def test_an_answer_that_comes_late_is_not_taken_for_the_next(server, client):
    with pytest.raises(ActorUnavailable, match=r"limiter did not answer within 0\.01 s"):
        client.ask("limiter", Asked(), 0.01)
    (late,) = drained(server, 1)
    assert late.reply_to is not None
    server.reply(late.reply_to, answer_of(99))

    with answering(server, lambda: serve(server, free=1)):
        answer = client.ask("limiter", Asked(), 10)

    assert answer == answer_of(1)


def test_an_actor_that_never_was_is_unavailable_and_is_not_asked_later(run_dir, client, closing):
    with pytest.raises(ActorUnavailable):
        client.ask("limiter", Asked(), 0.01)

    server = closing(MailboxServer(run_dir, "limiter", Inbox))
    client.tell("limiter", Told(7))

    assert [letter.mail for letter in drained(server, 1)] == [Told(7)]


def test_what_cannot_be_understood_is_counted_and_does_not_stop_the_rest(run_dir, server, client, closing):
    stranger = closing(Caller(mailbox_path(run_dir, "limiter")))
    stranger.tell(b"\xc1 no mail")
    stranger.post(b"")
    stranger._socket.send_multipart([b"", b"one", b"frame too many"])
    stranger._socket.send(b"one frame too few")
    eventually(lambda: server.drain() or server.bad == 4, what=lambda: f"{server.bad} bad messages")

    client.tell("limiter", Told(1))

    assert [letter.mail for letter in drained(server, 1)] == [Told(1)]


def test_mail_of_another_inbox_is_not_understood(server, client):
    client.tell("limiter", Foreign())

    eventually(lambda: server.drain() or server.bad == 1)


def test_mail_larger_than_the_wire_takes_is_refused_at_the_sender(server, client):
    with pytest.raises(BadMessage):
        client.tell("limiter", Foreign("x" * MAX_FRAME))


@pytest.mark.parametrize("name", ["", "../queue", "a/b", ".hidden", "a b", "a\0"])
def test_a_name_cannot_leave_the_folder(run_dir, client, name):
    with pytest.raises(InvalidInput):
        client.tell(name, Told(1))
    with pytest.raises(InvalidInput):
        MailboxServer(run_dir, name, Inbox)


def test_a_path_that_the_system_does_not_take_is_named_in_one_sentence(run_dir, client):
    folder = run_dir / ("x" * 100)

    with pytest.raises(PathTooLong, match=r"queue\.sock.* has \d+ bytes, the system takes \d+: choose a shorter"):
        MailboxServer(folder, "queue", Inbox)


def test_a_client_keeps_a_bounded_number_of_sockets_and_still_reaches_everybody(run_dir, client, closing, monkeypatch):
    monkeypatch.setattr(mailbox_link, "MAX_CALLERS", 2)
    servers = [closing(MailboxServer(run_dir, f"worker-{number}", Inbox)) for number in range(5)]

    for count in range(3):
        for number in range(5):
            assert client.tell(f"worker-{number}", Told(count))

    assert len(client._callers) == 2
    # By count and not in order: one message may overtake another where the socket was closed in between.
    assert all({letter.mail.count for letter in drained(server, 3)} == {0, 1, 2} for server in servers)


@pytest.mark.parametrize(
    ("files", "sockets_at_most"), [(64, 16), (1_024, 256), (8_192, 1_024), (1_000_000, 1_024), (resource.RLIM_INFINITY, 1_024), (0, 1)]
)  # fmt: skip
def test_a_client_has_a_way_to_each_of_a_thousand_workers_where_its_process_may_open_the_files(files, sockets_at_most):
    assert mailbox_link.most_callers(files) == sockets_at_most
    assert sockets.context().get(zmq.MAX_SOCKETS) > sockets_at_most


def test_sockets_to_actors_that_have_gone_make_room_first(run_dir, client, closing):
    gone = MailboxServer(run_dir, "worker-1", Inbox)
    client.tell("worker-1", Told(1))
    gone.close()

    closing(MailboxServer(run_dir, "worker-2", Inbox))
    client.tell("worker-2", Told(1))

    assert list(client._callers) == ["worker-2"]


def test_sockets_to_actors_that_have_gone_are_closed_although_nobody_new_is_told_anything(run_dir, client, closing):
    closing(MailboxServer(run_dir, "queue", Inbox))
    client.tell("queue", Told(1))
    gone = [MailboxServer(run_dir, f"worker-{number}", Inbox) for number in range(3)]
    for number in range(3):
        client.tell(f"worker-{number}", Told(1))
    for server in gone:
        server.close()

    for _ in range(mailbox_link.SWEEP_EVERY):
        client.tell("queue", Told(1))

    assert list(client._callers) == ["queue"]


def test_a_predecessor_that_is_closed_late_does_not_remove_its_successors_inbox(run_dir, client, closing):
    former = MailboxServer(run_dir, "limiter", Inbox)
    server = closing(MailboxServer(run_dir, "limiter", Inbox))

    former.close()

    assert client.tell("limiter", Told(1))
    assert len(drained(server, 1)) == 1
