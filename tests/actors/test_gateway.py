"""The gateway's actor over a link without a socket; the real link has its own tests."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from actors.gateway import MAX_GARBLED, MAX_IMPOSTORS, MAX_MESSAGE, Gateway
from actors.gateway_shares import BURST
from factory.errors import Conflict
from factory.protocol.codec import encode
from factory.protocol.gateway_mail import Distrusted, Enrol, Enrolled, Enrolment, Inbound, Outbound, Revoke
from factory.protocol.mailbox import Lease, Ok, Refused
from factory.protocol.worker import Done, Envelope, Event, Fail, FromAgent, Hello, Lock, Log, Ping, Unlock
from factory.transport.worker_link import Received, WorkerLink
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox

MINE, OTHER = Lease("0123456789", 2), Lease("9876543210", 1)


class FakeLink:
    """Keeps keys, and hands out what a test says was received."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.received: list[Received] = []
        self.sent: list[tuple[str, bytes]] = []
        self.closed = False
        self.hosts_are_here = True

    def pollables(self) -> list[Any]:
        return [self]

    def enrol(self, worker: str, public_key: str) -> None:
        if public_key in {key for name, key in self.keys.items() if name != worker}:
            raise Conflict("That key is another worker's.")
        self.keys[worker] = public_key

    def revoke(self, worker: str) -> None:
        self.keys.pop(worker, None)

    def drain(self) -> list[Received]:
        received, self.received = self.received, []
        return received

    def send(self, worker: str, payload: bytes) -> bool:
        self.sent.append((worker, payload))
        return True

    def send_host(self, host: str, route: bytes, payload: bytes) -> bool:
        if self.hosts_are_here:
            self.sent.append((host, payload))
        return self.hosts_are_here

    def close(self) -> None:
        self.closed = True


class Gate:
    """An actor with what it stands on."""

    def __init__(self, answer: Callable[[Any], object] | None = lambda _: Enrolment({})) -> None:
        self.link, self.mail, self.clock = FakeLink(), RecordingMailbox(), ManualClock()
        if answer is not None:
            self.mail.answers["queue"] = answer
        self.actor = Gateway(mailbox=self.mail, clock=self.clock, link=cast("WorkerLink", self.link), heartbeat=5.0)

    def hears(self, worker: str, payload: bytes) -> None:
        self.link.received.append(Received(worker, payload))
        self.actor.on_ready(self.link)  # type: ignore[arg-type]  # one of its sources


@pytest.fixture
def gate() -> Gate:
    return Gate()


def frame(lease: Lease) -> bytes:
    return encode(Envelope(lease.item, lease.epoch, Ping("running"), sid="s"))


def test_a_message_of_the_worker_whose_key_it_came_with_goes_to_its_actor(gate: Gate) -> None:
    gate.hears(MINE.worker, frame(MINE))

    assert gate.mail.told == [(f"worker-{MINE.worker}", Inbound(MINE, frame(MINE)))]
    assert gate.actor.impostors == {}


@pytest.mark.parametrize("claimed", [OTHER, Lease(MINE.item, MINE.epoch + 1), Lease(MINE.item, MINE.epoch - 1)], ids=lambda one: one.worker)
def test_a_message_in_the_name_of_another_lease_is_refused_and_counted(gate: Gate, claimed: Lease) -> None:
    gate.hears(MINE.worker, frame(claimed))

    assert gate.mail.told == []
    assert gate.actor.impostors == {MINE.worker: 1}


def test_a_worker_that_goes_on_speaking_for_others_loses_its_key_and_its_actor_learns_why(gate: Gate) -> None:
    gate.actor.on_mail(Enrol(MINE, "k" * 40))
    gate.actor.on_mail(Enrol(OTHER, "o" * 40))

    for _ in range(MAX_IMPOSTORS):
        gate.hears(MINE.worker, frame(OTHER))

    assert gate.link.keys == {OTHER.worker: "o" * 40}
    ((address, told),) = gate.mail.told
    assert (address, told.lease) == (f"worker-{MINE.worker}", MINE)
    assert isinstance(told, Distrusted)
    assert "in the name of another" in told.reason


def test_others_impostors_cost_a_worker_nothing(gate: Gate) -> None:
    gate.actor.on_mail(Enrol(OTHER, "o" * 40))
    for _ in range(MAX_IMPOSTORS - 1):
        gate.hears(MINE.worker, frame(OTHER))
        gate.hears(OTHER.worker, frame(MINE))

    assert gate.link.keys == {OTHER.worker: "o" * 40}
    assert gate.mail.told == []


# -- how much ---------------------------------------------------------------------------------------------------------


def said(body: FromAgent, lease: Lease = MINE) -> bytes:
    return encode(Envelope(lease.item, lease.epoch, body, 1, "s"))


LONG = "x" * MAX_MESSAGE
FAR_TOO_LONG: list[FromAgent] = [Event(1, "ATTEMPT.X.Y", {"x": LONG}), Lock("1", (LONG,)), Unlock("1", (LONG,)), Hello("1.0", LONG, "idle")]
MAY_BE_LONG: tuple[FromAgent, ...] = (
    Done(LONG, "0" * 64, 1, "c" * 40, 1, 1, 0, 1, 0),
    Fail("agent", "why", LONG),
    Log("agent", 0, LONG.encode()),
)


@pytest.mark.parametrize("body", FAR_TOO_LONG, ids=lambda body: type(body).__name__)
def test_a_message_that_is_too_long_is_dropped_and_counted(gate: Gate, body: FromAgent) -> None:
    gate.hears(MINE.worker, said(body))
    gate.hears(MINE.worker, frame(MINE))

    assert [mail for _, mail in gate.mail.told] == [Inbound(MINE, frame(MINE))]
    assert gate.actor.dropped == {MINE.worker: 1}


@pytest.mark.parametrize("body", MAY_BE_LONG, ids=lambda body: type(body).__name__)
def test_last_words_and_the_log_may_be_long(gate: Gate, body: FromAgent) -> None:
    gate.hears(MINE.worker, said(body))

    assert gate.mail.told == [(f"worker-{MINE.worker}", Inbound(MINE, said(body)))]


def test_who_sends_too_many_messages_is_not_heard_until_some_time_is_over_and_nobody_else_suffers(gate: Gate) -> None:
    for _ in range(BURST + 50):
        gate.hears(MINE.worker, said(Event(1, "ATTEMPT.X.Y")))
    heard = len(gate.mail.told)
    assert heard <= BURST
    assert gate.actor.dropped[MINE.worker] >= 50

    gate.hears(MINE.worker, frame(MINE))
    gate.hears(OTHER.worker, frame(OTHER))
    assert [mail for _, mail in gate.mail.told[heard:]] == [Inbound(OTHER, frame(OTHER))]

    gate.clock.advance(1.0)
    gate.hears(MINE.worker, frame(MINE))
    assert [mail for _, mail in gate.mail.told[heard + 1 :]] == [Inbound(MINE, frame(MINE))]


def test_the_log_has_a_credit_of_its_own_and_holds_up_nothing_else(gate: Gate) -> None:
    piece = said(Log("agent", 0, b"x" * 1_000_000))
    for _ in range(5):
        gate.hears(MINE.worker, piece)
    assert len(gate.mail.told) == 3

    gate.hears(MINE.worker, frame(MINE))
    assert len(gate.mail.told) == 4

    gate.clock.advance(5.0)
    gate.hears(MINE.worker, piece)
    assert len(gate.mail.told) == 5


def test_nothing_is_kept_of_a_worker_that_is_gone(gate: Gate) -> None:
    gate.hears(MINE.worker, frame(OTHER))
    gate.hears(MINE.worker, b"no message")
    gate.hears(MINE.worker, said(FAR_TOO_LONG[0]))

    gate.actor.on_mail(Revoke(MINE))

    assert (gate.actor.impostors, gate.actor.garbled, gate.actor.dropped, gate.actor._shares) == ({}, {}, {}, {})


@pytest.mark.parametrize("payload", [b"", b"\xff" * 50, encode(Ping("running")), b"\xc1"], ids=["empty", "noise", "no envelope", "invalid"])
def test_what_is_no_message_is_dropped_and_the_next_one_heard(gate: Gate, payload: bytes) -> None:
    gate.link.received.append(Received(MINE.worker, payload))
    gate.hears(MINE.worker, frame(MINE))

    assert [mail for _, mail in gate.mail.told] == [Inbound(MINE, frame(MINE))]


def test_a_worker_that_goes_on_sending_what_is_no_message_loses_its_key_and_its_actor_learns_why(gate: Gate) -> None:
    gate.actor.on_mail(Enrol(MINE, "k" * 40))
    gate.actor.on_mail(Enrol(OTHER, "o" * 40))

    for _ in range(MAX_GARBLED - 1):
        gate.hears(MINE.worker, b"\xff no message")
        gate.hears(OTHER.worker, frame(OTHER))
    assert set(gate.link.keys) == {MINE.worker, OTHER.worker}
    gate.mail.told.clear()

    gate.hears(MINE.worker, b"\xff no message")

    assert gate.link.keys == {OTHER.worker: "o" * 40}
    ((address, told),) = gate.mail.told
    assert (address, told.lease) == (f"worker-{MINE.worker}", MINE)
    assert isinstance(told, Distrusted)
    assert "no message" in told.reason


@pytest.mark.parametrize("payload", [b"no message", frame(OTHER)], ids=["garbled", "impostor"])
def test_what_came_in_together_with_the_message_that_cost_the_key_is_not_heard_either(gate: Gate, payload: bytes) -> None:
    gate.actor.on_mail(Enrol(MINE, "k" * 40))
    gate.link.received += [Received(MINE.worker, payload)] * 100

    gate.hears(MINE.worker, frame(MINE))

    assert [type(mail) for _, mail in gate.mail.told] == [Distrusted]
    assert (gate.actor.impostors, gate.actor.garbled, gate.actor._shares) == ({}, {}, {})


def test_what_is_no_message_is_kept_for_those_who_look_with_its_sender(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    gate.hears(MINE.worker, b"\xff" + b"evil" * 1000)

    (said_once,) = [record.getMessage() for record in caplog.records]
    assert MINE.worker in said_once
    assert "evilevil" in said_once
    assert "4001 bytes" in said_once
    assert len(said_once) < 300


def test_numbers_beyond_any_column_are_no_message(gate: Gate) -> None:
    gate.hears(MINE.worker, encode(Envelope(MINE.item, MINE.epoch, Ping("running", tokens=2**63))))
    gate.hears(MINE.worker, encode(Envelope(MINE.item, MINE.epoch, Ping("running", iteration=-1))))

    assert gate.mail.told == []


def test_an_enrolled_key_is_let_in_until_it_is_revoked(gate: Gate) -> None:
    assert gate.actor.on_mail(Enrol(MINE, "k" * 40)) == Ok()
    assert gate.link.keys == {MINE.worker: "k" * 40}

    assert gate.actor.on_mail(Revoke(MINE)) is None
    assert gate.link.keys == {}


def test_a_key_that_is_anothers_is_refused(gate: Gate) -> None:
    gate.actor.on_mail(Enrol(MINE, "k" * 40))

    answer = gate.actor.on_mail(Enrol(OTHER, "k" * 40))

    assert isinstance(answer, Refused)
    assert answer.code == "conflict"


def test_what_goes_out_goes_to_the_worker_of_its_lease(gate: Gate) -> None:
    gate.actor.on_mail(Outbound(MINE, b"frame"))

    assert gate.link.sent == [(MINE.worker, b"frame")]


def test_a_restarted_gateway_lets_the_living_workers_in_again() -> None:
    gate = Gate(lambda _: Enrolment({MINE.worker: "k" * 40, OTHER.worker: "o" * 40}))

    gate.actor.on_start()

    assert gate.link.keys == {MINE.worker: "k" * 40, OTHER.worker: "o" * 40}


def test_a_key_that_cannot_be_let_in_keeps_no_other_out() -> None:
    gate = Gate(lambda _: Enrolment({MINE.worker: "k" * 40, OTHER.worker: "k" * 40, "x": "x" * 40}))

    gate.actor.on_start()

    assert gate.link.keys == {MINE.worker: "k" * 40, "x": "x" * 40}


def test_a_gateway_that_cannot_reach_the_queue_asks_again_on_its_tick_until_it_knows() -> None:
    gate = Gate(None)
    gate.actor.on_start()
    gate.actor.on_tick()
    assert gate.link.keys == {}

    gate.mail.answers["queue"] = lambda _: Enrolment({MINE.worker: "k" * 40})
    gate.actor.on_tick()
    asked = len(gate.mail.asked)
    gate.actor.on_tick()

    assert gate.link.keys == {MINE.worker: "k" * 40}
    assert len(gate.mail.asked) == asked == 3
    assert {mail for _, mail in gate.mail.asked} == {Enrolled()}


def test_a_key_enrolled_before_the_queue_was_heard_is_not_lost() -> None:
    gate = Gate(None)
    gate.actor.on_start()
    gate.actor.on_mail(Enrol(OTHER, "o" * 40))

    gate.mail.answers["queue"] = lambda _: Enrolment({MINE.worker: "k" * 40})
    gate.actor.on_tick()

    assert gate.link.keys == {MINE.worker: "k" * 40, OTHER.worker: "o" * 40}


def test_a_gateway_that_stops_closes_its_link(gate: Gate) -> None:
    gate.actor.on_stop()

    assert gate.link.closed
