import pytest

from factory.protocol.worker import (
    MAX_EVENT_BYTES,
    Accept,
    Ack,
    Assign,
    Done,
    Event,
    Fail,
    Hello,
    Ping,
    Pong,
    Reject,
    Stop,
    Unlock,
    Welcome,
)
from tests.unit.worker_agent.peer import H, Talk, welcomed
from worker_agent.session import GIVE_UP_AFTER, HOLD_AFTER
from worker_agent.spool import SPOOL_BYTES, WINDOW

_ASSIGN = Assign("t", "- [ ] a", "/m", "factory/x", "main", "0" * 40, "command:true")
_DONE = Done("result.bundle", "0" * 64, 1, "0" * 40, 1, 1, 0, 1, last_event=0)


def _event(kind: str = "ATTEMPT.X.Y") -> Event:
    return Event(0, kind)


# -- greeting ---------------------------------------------------------------------------------------------------------


def test_it_says_hello_each_heartbeat_until_it_is_welcomed() -> None:
    talk = Talk()

    talk.wait(3)
    assert [type(body) for body in talk.bodies(Hello, Ping)] == [Hello, Hello, Hello]

    talk.welcome()
    for _ in range(3):
        talk.wait(1)
        talk.hear(Pong("continue", 3 * H))
    assert {type(body) for body in talk.bodies(Hello, Ping)} == {Ping}


def test_whoever_hears_nothing_asks_and_does_not_beat() -> None:
    talk = welcomed()

    talk.wait(4)
    assert [type(body) for body in talk.bodies(Hello, Ping)] == [Ping, Hello, Hello, Hello]

    talk.hear(Pong("continue", 3 * H))
    talk.wait(1)
    assert [type(body) for body in talk.bodies(Hello, Ping)] == [Ping]


def test_what_is_said_before_the_welcome_waits_for_it() -> None:
    talk = Talk()

    talk.say(_event())
    assert talk.take() == []

    talk.welcome()
    assert [(e.seq, e.sid) for e in talk.take() if isinstance(e.body, Event)] == [(1, "s1")]


def test_hello_tells_what_became_of_the_work() -> None:
    talk = welcomed()

    def hello() -> tuple[str, int]:
        talk.hear(Reject("unknown_session", ""))
        (body,) = talk.bodies(Hello)
        assert isinstance(body, Hello)
        talk.welcome()
        return body.state, body.last_event

    states = [hello()]
    talk.hear(_ASSIGN)
    states.append(hello())
    talk.say(_event())
    states.append(hello())
    talk.say(_DONE)
    states.append(hello())

    assert states == [("idle", 0), ("running", 0), ("running", 1), ("done", 1)]


def test_many_rejects_of_one_lost_session_are_answered_by_one_hello() -> None:
    talk = welcomed()

    for _ in range(5):
        talk.hear(Reject("unknown_session", "gateway restarted"))

    assert len(talk.bodies(Hello)) == 1
    assert talk.delivered == []


def test_any_other_reject_is_for_the_main_loop() -> None:
    talk = Talk()

    talk.hear(Reject("revoked", "key taken back"))

    assert talk.delivered == [Reject("revoked", "key taken back")]


@pytest.mark.parametrize("foreign", [{"item": "zzzzzzzzzz"}, {"epoch": 2}, {"version": "2.0"}], ids=["item", "epoch", "version"])
def test_what_is_meant_for_another_lease_or_version_is_ignored(foreign: dict[str, str]) -> None:
    talk = welcomed()
    before = talk.session

    talk.hear(Stop("x", 1.0), **foreign)  # type: ignore[arg-type] # one of the three keywords

    assert (talk.session, talk.delivered) == (before, [])


# -- reliable messages ------------------------------------------------------------------------------------------------


def test_a_reliable_message_is_repeated_with_its_number_each_heartbeat_until_it_is_acknowledged() -> None:
    talk = welcomed()

    talk.say(_event())
    talk.wait(2.5)
    assert [e.seq for e in talk.take() if isinstance(e.body, Event)] == [1, 1, 1]

    talk.hear(Ack(1, "ok"))
    talk.wait(3)
    assert talk.bodies(Event) == []
    assert talk.session.settled


def test_events_are_numbered_in_the_order_of_saying_and_the_last_message_names_the_last() -> None:
    talk = welcomed()

    for _ in range(3):
        talk.say(_event())
    talk.say(_DONE)

    sent = talk.bodies(Event, Done)
    assert [body.number for body in sent if isinstance(body, Event)] == [1, 2, 3]
    assert [body.last_event for body in sent if isinstance(body, Done)] == [3]


def test_a_new_session_resends_at_once_what_the_factory_has_not_stored() -> None:
    talk = welcomed()
    for _ in range(4):
        talk.say(_event())
    talk.take()

    talk.hear(Reject("unknown_session", ""))
    talk.welcome("s2", resume_from=3)

    assert [(e.body.number, e.sid) for e in talk.take() if isinstance(e.body, Event)] == [(4, "s2")]


def test_numbering_goes_on_behind_what_a_killed_predecessor_of_the_epoch_has_stored() -> None:
    talk = Talk()
    talk.welcome(resume_from=7)

    talk.say(_event())

    (event,) = talk.bodies(Event)
    assert isinstance(event, Event)
    assert event.number == 8


def test_a_regained_connection_does_not_wait_for_the_next_heartbeat() -> None:
    talk = welcomed()
    talk.say(_event())
    talk.take()

    talk.connect()

    assert [e.seq for e in talk.take()] == [1]


def test_with_an_event_that_may_be_lost_all_later_ones_are_said_again_since_none_of_them_was_kept() -> None:
    talk = welcomed()
    talk.say(_event())
    talk.wait(0.5)
    talk.say(_event())
    talk.say(Unlock("u", ("a.txt",)))
    talk.take()

    talk.wait(0.5)

    assert [e.seq for e in talk.take() if isinstance(e.body, Event | Unlock)] == [1, 2]


def test_of_an_event_that_is_too_large_to_be_kept_only_the_size_leaves() -> None:
    talk = welcomed()

    talk.say(Event(0, "ATTEMPT.X.Y", {"text": "x" * MAX_EVENT_BYTES}))

    (event,) = talk.bodies(Event)
    assert isinstance(event, Event)
    assert (event.number, event.kind, list(event.data)) == (1, "ATTEMPT.X.Y", ["bytes"])


def test_only_a_window_of_messages_is_under_way_and_each_ack_lets_the_next_one_go() -> None:
    talk = welcomed()
    for _ in range(WINDOW + 2):
        talk.say(_event())
    assert len(talk.take()) == WINDOW

    talk.hear(Ack(1, "ok"))

    assert [e.seq for e in talk.take()] == [WINDOW + 1]


def test_a_full_spool_holds_the_engine_until_it_is_stored() -> None:
    talk = Talk()
    largest = Event(0, "X", {"text": "x" * (MAX_EVENT_BYTES - 20)})
    while not talk.session.spool.full:
        assert not talk.session.must_hold(talk.now)
        talk.say(largest)

    assert talk.session.must_hold(talk.now)
    assert talk.session.spool.size < SPOOL_BYTES + 2 * MAX_EVENT_BYTES

    talk.welcome(resume_from=talk.session.last_event)
    assert not talk.session.must_hold(talk.now)
    assert talk.session.spool.size == 0


@pytest.mark.parametrize("last", [_DONE, Fail("agent", "no")], ids=["done", "fail"])
def test_it_is_finished_when_the_last_message_is_acknowledged(last: Done | Fail) -> None:
    talk = welcomed()
    talk.say(_event())
    talk.say(last)

    talk.hear(Ack(1, "ok"))
    assert (talk.session.finished, talk.delivered) == (False, [])

    talk.hear(Ack(2, "ok"))
    assert (talk.session.finished, talk.delivered) == (True, [Ack(2, "ok")])


def test_a_stale_ack_is_for_the_main_loop_whatever_it_answers() -> None:
    talk = welcomed()

    talk.hear(Ack(99, "stale", "epoch 4"))

    assert talk.delivered == [Ack(99, "stale", "epoch 4")]


def test_a_refused_message_is_not_repeated_and_is_for_the_main_loop() -> None:
    talk = welcomed()
    talk.say(_DONE)

    talk.hear(Ack(1, "refused", "no such bundle"))

    assert talk.delivered == [Ack(1, "refused", "no such bundle")]
    assert (talk.session.settled, talk.session.finished) == (True, False)


# -- assignment -------------------------------------------------------------------------------------------------------


def test_an_assignment_that_comes_twice_is_delivered_once() -> None:
    talk = welcomed()

    talk.hear(_ASSIGN)
    talk.hear(_ASSIGN)

    assert talk.delivered == [_ASSIGN]


def test_an_assignment_repeated_after_its_accept_was_acknowledged_is_accepted_again() -> None:
    talk = welcomed()
    talk.hear(_ASSIGN)
    talk.say(Accept())
    talk.hear(_ASSIGN)
    assert len(talk.bodies(Accept)) == 1

    talk.hear(Ack(1, "ok"))
    talk.hear(_ASSIGN)

    assert [e.seq for e in talk.take() if isinstance(e.body, Accept)] == [2]


# -- signs of life ----------------------------------------------------------------------------------------------------


def test_a_ping_leaves_each_heartbeat_with_the_latest_status() -> None:
    talk = welcomed()
    talk.say(_event())

    talk.say(Ping("cloning"))
    talk.say(Ping("running", iteration=2, progress=7, tokens=100))
    talk.wait(1)
    talk.hear(Pong("continue", 3 * H))
    talk.wait(1)

    assert talk.bodies(Ping) == [Ping("running", 2, 7, 100, spooled=1)] * 2


def test_a_main_loop_that_hangs_stops_the_pings_within_a_heartbeat() -> None:
    talk = welcomed()
    talk.ticking = False

    talk.wait(20)
    assert talk.bodies(Ping) == []

    talk.ticking = True
    talk.welcome()
    talk.take()
    talk.wait(1)
    assert len(talk.bodies(Ping)) == 1


def test_six_heartbeats_of_silence_start_over_with_a_new_socket_and_keep_what_was_said() -> None:
    talk = welcomed()
    talk.say(_event())

    talk.wait(5.9)
    assert talk.renewals == 0
    talk.wait(0.3)
    assert talk.renewals == 1
    assert talk.session.sid == ""
    talk.wait(6)
    assert talk.renewals == 2

    talk.take()
    talk.welcome("s2")
    assert [e.sid for e in talk.take() if isinstance(e.body, Event)] == ["s2"]


@pytest.mark.parametrize(
    ("pong", "delivered"),
    [
        (Pong("continue", 15.0), []),
        (Pong("drain", 15.0), [Pong("drain", 15.0)]),
        (Pong("stop", 0.0), [Pong("stop", 0.0)]),
    ],
    ids=["continue", "drain", "stop"],
)
def test_only_a_verdict_that_changes_something_reaches_the_main_loop(pong: Pong, delivered: list[Pong]) -> None:
    talk = welcomed()

    talk.hear(pong)

    assert talk.delivered == delivered


def test_a_welcome_that_says_stop_reaches_the_main_loop() -> None:
    talk = Talk()
    stop = Welcome("s", H, 0.0, "stop")

    talk.hear(stop)

    assert talk.delivered == [stop]


def test_the_factory_says_how_long_a_heartbeat_is() -> None:
    talk = Talk()

    talk.hear(Welcome("s", 2 * H, 6 * H, "adopt"))
    talk.take()
    talk.wait(1.9)
    assert talk.bodies(Ping) == []
    talk.wait(0.2)
    assert len(talk.bodies(Ping)) == 1


def test_long_silence_holds_the_engine_and_a_day_of_it_ends_the_agent() -> None:
    talk = welcomed()
    talk.hear(_ASSIGN)

    assert not talk.session.must_hold(talk.now + HOLD_AFTER * H)
    assert talk.session.must_hold(talk.now + HOLD_AFTER * H + 1)
    assert not talk.session.is_abandoned(talk.now + HOLD_AFTER * H + 1)
    assert talk.session.is_abandoned(talk.now + GIVE_UP_AFTER * H + 1)


def test_an_agent_without_work_does_not_wait_that_long() -> None:
    talk = Talk()

    assert not talk.session.is_abandoned(talk.now + HOLD_AFTER * H)
    assert talk.session.is_abandoned(talk.now + HOLD_AFTER * H + 1)
