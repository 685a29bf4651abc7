"""What nobody may be able to do to an actor with a message, and how little it costs when one fails."""

import random

import pytest

from factory.errors import ActorUnavailable
from factory.protocol import mailbox as mail
from factory.protocol.codec import encode
from factory.protocol.lease_mail import Survey
from factory.protocol.limiter_mail import Room
from factory.transport import sockets
from factory.transport.exchange import Caller
from factory.transport.mailbox_link import mailbox_path
from tests.actors.sample import CANCEL, CRASH, Give, Remember
from tests.actors.tree import BOUND_SECONDS, Tree, grown
from tests.waiting import eventually

A, B = {"name": "a"}, {"name": "b"}
MANY = 10_000


def crafted(number: int) -> bytes:
    """A message that no sender of ours would send, of a kind by its number."""
    dice = random.Random(number)
    good = encode(Remember(number))
    kinds = (
        lambda: dice.randbytes(dice.randrange(1, 200)),
        lambda: good[: dice.randrange(1, len(good))],
        lambda: bytes(byte ^ (1 << dice.randrange(8)) if place == 1 else byte for place, byte in enumerate(good)),
        lambda: encode({"t": "remember", "number": "many"}),
        lambda: encode({"t": "no such mail"}),
        lambda: encode(Survey()),
        lambda: b"\x91" * 5_000,
        lambda: b"\xdd\xff\xff\xff\xff" + b"x" * 10,
        lambda: encode({"t": "give"}),
        lambda: b"",
    )
    return kinds[number % len(kinds)]()


def poisoned(tree: Tree, name: str) -> None:
    """Sends all of them. A sender with a full socket waits for its receiver."""
    caller = Caller(mailbox_path(tree.run_dir, name))
    try:
        for number in range(MANY):
            payload = crafted(number)
            eventually(lambda payload=payload: caller.tell(payload), BOUND_SECONDS, tree.described)  # type: ignore[misc]
    finally:
        caller.close()


@pytest.mark.parametrize("name", ["a", "supervisor"])
def test_no_crafted_message_ends_an_actor_and_each_is_counted(name: str):
    with grown(A, B, heartbeat=0.25) as tree:
        pids = {child: tree.up().running(child) for child in ("a", "b")}

        poisoned(tree, name)

        if name == "a":
            eventually(lambda: (node := tree.node("a")) and node.dropped == MANY, BOUND_SECONDS, lambda: str(tree.node("a")))
        assert tree.ask("a", Give(1)) == Room(1)
        nodes = {node.name: (node.pid, node.restarts) for node in tree.ask("supervisor", mail.Children()).nodes}
        assert nodes == {child: (pid, 0) for child, pid in pids.items()}
        assert not any(line.startswith("a got") for line in tree.diary.lines())


def test_messages_of_too_many_frames_are_dropped():
    with grown(A) as tree:
        pid = tree.up().running("a")
        caller = Caller(mailbox_path(tree.run_dir, "a"))

        for frames in ([b"", b"1", b"2"], [b""] * 100, [b"x"]):
            assert sockets.send(caller.pollable(), frames)
        caller.close()

        assert tree.ask("a", Give(1)) == Room(1)
        assert tree.running("a") == pid


def test_a_message_that_its_handler_does_not_survive_is_not_given_to_the_next_process():
    with grown(A, B) as tree:
        first, b = tree.up().running("a"), tree.running("b")

        with pytest.raises(ActorUnavailable):
            tree.ask("a", Give(CRASH), seconds=0.2)

        tree.running("a", other_than=first)
        assert tree.insist("a", Give(1)) == Room(1)
        node = tree.node("a")
        assert node
        assert (node.restarts, tree.running("b")) == (1, b)


def test_an_exception_of_no_usual_kind_ends_its_own_process_at_once_and_no_other():
    with grown(A, B) as tree:
        first, b = tree.up().running("a"), tree.running("b")

        with pytest.raises(ActorUnavailable):
            tree.ask("a", Give(CANCEL), seconds=0.2)

        tree.running("a", other_than=first)
        node = tree.node("a")
        assert node
        assert node.reason == "ActorLeft: Plain raised CancelledError()"
        assert tree.running("b") == b


def test_a_start_that_wants_to_leave_is_a_start_that_failed():
    with grown(A, {"name": "b", "level": "edge", "kind": "leaves_at_start", "intensity": [0, 60], "start_timeout": 10}) as tree:
        node = tree.up().state("b", "gave up")

        assert node.reason == "ActorLeft: LeavesAtStart raised SystemExit(3)"
        assert tree.running("a")
