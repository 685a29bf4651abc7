"""What is put off: done once, in order, when nobody waits for it any more."""

import math

from actors.afterwards import REST_SECONDS, Afterwards
from tests.fakes.clock import ManualClock


def _afterwards() -> tuple[Afterwards, ManualClock, list[str]]:
    clock, done = ManualClock(), list[str]()
    return Afterwards(clock, lambda: done.append("refilled")), clock, done


def test_nothing_is_due_where_nothing_was_put_off():
    afterwards, _, done = _afterwards()

    afterwards.go_on()

    assert afterwards.due() == math.inf
    assert done == []


def test_lines_and_spares_wait_for_the_rest_to_be_over_and_lines_come_first():
    afterwards, clock, done = _afterwards()
    afterwards.refill()
    afterwards.tell(lambda: done.append("one"))
    afterwards.tell(lambda: done.append("two"))

    afterwards.go_on()
    assert done == []

    clock.advance(REST_SECONDS)
    afterwards.go_on()
    afterwards.go_on()
    assert done == ["one", "two", "refilled"]
    assert afterwards.due() == math.inf


def test_what_is_put_off_later_does_not_put_off_what_waits():
    afterwards, clock, done = _afterwards()
    afterwards.tell(lambda: done.append("one"))
    due = afterwards.due()
    clock.advance(REST_SECONDS / 2)
    afterwards.refill()

    assert afterwards.due() == due
    clock.advance(REST_SECONDS / 2)
    afterwards.go_on()
    assert done == ["one", "refilled"]


def test_several_wishes_for_spares_are_one():
    afterwards, clock, done = _afterwards()
    for _ in range(3):
        afterwards.refill()

    clock.advance(REST_SECONDS)
    afterwards.go_on()

    assert done == ["refilled"]


def test_lines_can_be_told_at_once_and_are_told_once():
    afterwards, clock, done = _afterwards()
    afterwards.refill()
    afterwards.tell(lambda: done.append("one"))

    afterwards.tell_all()
    assert done == ["one"]

    clock.advance(REST_SECONDS)
    afterwards.go_on()
    assert done == ["one", "refilled"]
