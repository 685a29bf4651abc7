"""Sessions and calls of hosts, without a host."""

import msgspec
import pytest

from actors.host_session import MOST_CALLS, Calls, Session
from factory.protocol.host import MAX_WORKERS, Facts, HostBeat, WorkerCounts, WorkerState
from factory.protocol.host_mail import HostCall


def call(number: str, verb: str = "start", worker: str = "item-1", host: str = "anvil") -> HostCall:
    return HostCall(host, number, verb, worker)  # type: ignore[arg-type]


def session() -> Session:
    return Session("anvil", "sid", "boot", b"r", Facts(capacity=10**9), 0.0)


def test_a_call_is_ordered_once_a_heartbeat_and_at_once_in_a_new_session():
    calls = Calls()
    made = calls.take(call("1"), 0.0)
    assert made is not None

    assert list(calls.due("anvil", "s1", 0.0, 5.0)) == [made]
    made.order("s1", 0.0)
    assert list(calls.due("anvil", "s1", 4.0, 5.0)) == []
    assert list(calls.due("anvil", "s1", 5.0, 5.0)) == [made]
    assert list(calls.due("anvil", "s2", 1.0, 5.0)) == [made]
    assert list(calls.due("other", "s1", 9.0, 5.0)) == []


def test_a_start_that_got_no_answer_is_not_ordered_behind_the_workers_end():
    calls = Calls()
    calls.take(call("1"), 0.0)
    calls.take(call("2", worker="item-2"), 0.0)
    stop = calls.take(call("3", "stop"), 1.0)
    other = calls.get("2")

    assert calls.get("1") is None
    assert list(calls.due("anvil", "s", 1.0, 5.0)) == [other, stop]


def test_a_call_whose_caller_has_gone_is_forgotten():
    calls = Calls()
    calls.take(call("1"), 0.0)

    assert calls.forget(60.0) == []
    assert [each.mail.id for each in calls.forget(61.0)] == ["1"]
    assert calls.get("1") is None


def test_there_is_a_bound_to_what_is_asked_at_once():
    calls = Calls()
    for number in range(MOST_CALLS):
        assert calls.take(call(str(number)), 0.0) is not None

    assert calls.take(call("more"), 0.0) is None
    assert calls.take(call("1"), 0.0) is not None


def test_nothing_is_known_of_workers_before_the_first_beat():
    one = session()

    assert one.look("item-1").result == "away"
    assert one.takes_beat(HostBeat("s", 1))
    assert one.look("item-1").state == WorkerState("item-1", "gone")


def test_a_beat_with_more_workers_than_a_host_can_have_is_dropped():
    one = session()

    assert not one.takes_beat(HostBeat("s", 1, tuple(WorkerState(str(number), "running") for number in range(MAX_WORKERS + 1))))


def test_no_host_takes_more_than_a_host_can_whatever_it_says():
    one = session()
    one.takes_beat(HostBeat("s", 1))

    assert one.seen(0.0, 5.0, (), draining=False).capacity == 150


@pytest.mark.parametrize(
    "impossible",
    [
        {"at": -1.0}, {"at": float("nan")}, {"at": float("inf")}, {"cpu_seconds": 1e300}, {"cpu_seconds": float("-inf")},
        {"memory": -1}, {"memory_limit": 2**64 - 1}, {"pids": 2**31}, {"pids": -1},
    ],
)  # fmt: skip
def test_counts_that_no_machine_has_made_are_none_and_those_of_others_stay(impossible):
    one, good = session(), WorkerCounts(10.0004, 1.5, 4096, 1_000_000, 7)
    states = (WorkerState("item-1", "running"), WorkerState("item-2", "running"))

    bad = msgspec.structs.replace(good, **impossible)
    assert one.takes_beat(HostBeat("s", 1, states, {"item-1": bad, "item-2": good, "item-3": good}))

    assert one.look("item-1").counts is None
    assert one.look("item-2").counts == msgspec.structs.replace(good, at=10.0)
    assert one.look("item-3").counts is None


def test_a_host_is_full_as_its_latest_beat_says():
    one = session()

    assert one.takes_beat(HostBeat("s", 1, full=True))
    assert one.seen(0.0, 5.0, (), draining=False).full
    assert one.takes_beat(HostBeat("s", 2))
    assert not one.seen(0.0, 5.0, (), draining=False).full
