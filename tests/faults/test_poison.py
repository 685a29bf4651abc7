"""Messages that mean harm: F16. From a worker with a key, and to the sockets that only the operator's own processes reach."""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import zmq

from factory.protocol.codec import encode
from factory.protocol.commands import Steer, Submit
from factory.protocol.worker import Event, FromAgent, Lock, LockAnswer, Log, Ping, Unlock
from factory.transport import sockets
from factory.transport.command_client import commands_path
from factory.transport.curve import KeyPair
from factory.transport.exchange import Caller
from factory.transport.mailbox_link import mailbox_path
from tests.faults.driver import Trial
from tests.faults.surroundings import heard_again, node, tree
from tests.faults.zombie import Identity, Returned
from tests.waiting import eventually

POISON = 10_000
CUT_AFTER = 20
ACTORS = ("queue", "limiter", "locks", "gateway", "dispatcher", "journal", "delivery", "learner")

HOSTILE: tuple[FromAgent, ...] = (
    Event(5001, "ATTEMPT.X.Y", {"a\0b": "nul\0nul"}),
    Event(5002, "ATTEMPT.X.Y", {"n": 2**63 - 1, "m": -(2**63), "f": float("inf"), "g": float("nan")}),
    Event(5003, "ATTEMPT.X.Y", {str(n): "x" for n in range(2000)}),
    Event(2**31 - 1, "ATTEMPT.X.Y", {}),
    Event(0, "ATTEMPT.X.Y", {}),
    Event(5004, "", {}),
    Event(5005, "WORK_ITEM.RESULT.ACCEPTED", {"status": "completed"}),
    Event(5006, "ATTEMPT.\0.Y", {}),
    Event(5007, "ATTEMPT.ITERATION.SUCCESS", {"iteration": 2**62, "commits": "many"}),
    Event(5008, "ATTEMPT.ITERATION.STARTED", {"iteration": -1}),
    Lock("", ()),
    Lock("\0", ("\0",)),
    Lock("up", ("../../etc/passwd", "/etc/shadow", "a/../../b", "")),
    Lock("long", ("x" * 10_000,)),
    Lock("many", tuple(f"f{n}" for n in range(2000))),
    Lock("odd", ("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "a\nb", "-rf", " ", ".git/config")),
    Unlock("\0", ("\0", "../x")),
    Unlock("none", ()),
    Log("agent", 2**63 - 1, b"\0\xff\x1b[2J"),
    Log("worker", 0, b"", gap=2**63 - 1),
    Ping("gates", 2**31 - 1, 2**63 - 1, 2**63 - 1, 2**63 - 1),
)
"""Each can be read, and none is anything that an agent of ours would say."""


@contextmanager
def speaking_as(identity: Identity) -> Iterator[sockets.Socket]:
    """A connection with a worker's own key, on which anything can be said."""
    keys = KeyPair.load(identity.keep / "link.key")
    socket = sockets.open_socket(zmq.DEALER, {zmq.LINGER: 1000})
    socket.curve_publickey, socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
    socket.curve_serverkey = identity.told.server_key.encode()
    socket.connect(identity.told.endpoint)
    try:
        yield socket
    finally:
        socket.close()


def garbage(dice: random.Random) -> bytes:
    return dice.choice([
        dice.randbytes(dice.randrange(1, 200)), b"", b"\xc1", b"\xff" * 50, b"GET / HTTP/1.1\r\n\r\n", encode({"t": "PING"}),
        encode({"item": "x", "epoch": 2**70 if dice.random() < 0 else -1, "body": {"t": "NO_SUCH"}}), b"\x91" * 1000 + b"\xc0",
    ])  # fmt: skip


def identity_of(trial: Trial, item: str) -> Identity:
    name = trial.name(item)
    trial.worker(item)
    return Identity(trial.site.paths.workers / name, Path(trial.site.folder) / f"copied-{name}")


def served(trial: Trial, item: str) -> None:
    """Recovered is when an operator's word gets through journal, queue and store. Then its worker's next beat, which has its own time."""
    assert trial.steer("prioritise", item, argument="2").code == "ok"
    trial.took_since_fault()
    heard_again(trial, item)


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F16", "a worker sends ten thousand messages that are none", bound=1)
def test_who_sends_what_is_no_message_is_cut_off_and_costs_nobody_else_anything(trial: Trial) -> None:
    site = trial.site
    bystander, poisoner = trial.begin(), trial.begin()
    name, before = trial.name(poisoner), site.pids()

    with speaking_as(identity_of(trial, poisoner)) as socket:
        for _ in range(POISON):
            socket.send(garbage(trial.rng))
        log = site.paths.logs / "factory.log"
        trial.did("its messages are refused", lambda: log.read_text().count(f"{name} sent what is no message") >= CUT_AFTER)
        served(trial, bystander)
        after = site.pids()

    actor = f"worker-{name}"
    assert {who: pid for who, pid in before.items() if who != actor and after.get(who) != pid} == {}, "an actor died"
    assert log.read_text().count(f"{name} sent what is no message") == CUT_AFTER, "it was cut later than that"
    site.settled(poisoner, "needs_approval")
    assert "no message" in site.item(poisoner)["reason"]
    assert trial.steer("cancel", poisoner).code == "ok"
    trial.settle(bystander)
    trial.settle(poisoner, status="cancelled")
    trial.remark = f"{POISON:,} messages, cut after {CUT_AFTER}"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F16", "ten thousand messages that are none, to each actor", bound=1)
def test_messages_that_cannot_be_read_are_dropped_and_counted_and_end_no_actor(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    before = site.pids()
    for name in ACTORS:
        with closing(Caller(mailbox_path(site.paths.run, name), {zmq.LINGER: 2000, zmq.SNDHWM: 0})) as caller:
            for _ in range(POISON // len(ACTORS)):
                caller.tell(garbage(trial.rng))
            trial.did(f"{name} has dropped them", lambda name=name: node(site, name)["dropped"] >= POISON // len(ACTORS))  # type: ignore[misc]
    with closing(Caller(commands_path(site.paths.run), {zmq.LINGER: 2000, zmq.SNDHWM: 0})) as caller:
        for _ in range(POISON):
            caller.post(garbage(trial.rng))
    trial.fault_ends()
    served(trial, item)

    assert site.pids() == before, "an actor died"
    trial.settle()
    trial.remark = f"{POISON:,} to the actors in turn and as many as commands"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F16", "messages that can be read and mean harm", bound=1)
def test_what_a_worker_or_an_operator_may_say_at_all_ends_no_actor(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    before = site.pids()
    zombie = Returned(identity_of(trial, item))
    try:
        zombie.says(*HOSTILE)
        heard = zombie.hears(2)
    finally:
        zombie.close()
    trial.did("they were answered", lambda: len([body for body in heard if isinstance(body, LockAnswer)]) >= 1)
    bad = {"repo": "\0", "title": "\0", "spec": "x\0", "engine": "\0", "base_branch": "\0", "source_id": "\0", "files": ("\0",)}
    for name, value in bad.items():
        given = {"repo": site.repo, "base_branch": "main", "title": "t", "spec": "s", "engine": "command:true", name: value}
        reply = site.ask(Submit(f"bad-{name}-{trial.rng.random()}", "1" + "0" * 9, **given))  # type: ignore[arg-type]
        assert reply.code in {"invalid", "conflict"}, (name, reply)
    for operator, argument in (("\0", "2"), ("o" * 100_000, "2"), ("o", "\0")):
        site.ask(Steer(f"bad-{trial.rng.random()}", "prioritise", item, operator, argument=argument))
    trial.fault_ends()
    served(trial, item)

    assert site.pids() == before, f"an actor died: {tree(site)}"
    assert site.rows("SELECT 1 FROM events WHERE type = 'WORK_ITEM.RESULT.ACCEPTED' AND number IS NOT NULL") == []
    trial.settle()
    eventually(lambda: site.item(item)["epoch"] == 1)
    trial.remark = f"{len(HOSTILE)} by the worker, {len(bad) + 3} by an operator"
