"""What an agent's attempt may have stored, at the desk and in the worker's actor."""

from pathlib import Path

import msgspec
import pytest

from actors.event_desk import MAX_EVENTS, EventDesk
from actors.worker_orders import finish_of_done, finish_of_fail
from factory.domain.learning import MOST_CHARACTERS, MOST_LINES
from factory.protocol.attempt_mail import Happened, Recorded
from factory.protocol.codec import encode
from factory.protocol.gateway_mail import Distrusted
from factory.protocol.worker import MAX_EVENT_BYTES, Ack, Event, Fail
from tests.actors.worker_site import BASE, BUNDLE, DONE, LEASE, NAME, Site

KIND = "ATTEMPT.ITERATION.FAILED"
HUGE = Event(7, KIND, {"output": "x" * MAX_EVENT_BYTES})


@pytest.fixture
def working(tmp_path: Path) -> Site:
    return Site(tmp_path).working()


def test_an_event_of_usual_size_goes_to_the_queue_as_it_is() -> None:
    desk = EventDesk(LEASE)

    assert desk.take(3, Event(1, KIND, {"rc": 1})) == Happened(LEASE, 3, 1, KIND, {"rc": 1})
    assert desk.verdict(Recorded(LEASE, 3, "ok", 1)) == ("ok", "")
    assert desk.refused == 0


def test_of_an_event_that_is_too_large_only_the_number_is_kept_and_the_agent_is_told(working: Site) -> None:
    working.hears(HUGE, seq=4)
    assert working.said(Ack) == []
    working.actor.on_mail(Recorded(LEASE, 4, "ok", 7))

    (mail,) = working.to_queue(Happened)
    assert mail.number == HUGE.number
    assert len(encode(mail)) < 200
    (ack,) = working.said(Ack)
    assert (ack.seq, ack.result) == (4, "refused")


def test_events_beyond_the_most_are_refused_and_the_attempt_goes_on(working: Site) -> None:
    working.hears(Event(MAX_EVENTS, KIND), seq=4)
    working.hears(Event(MAX_EVENTS + 1, KIND), seq=5)

    assert [mail.number for mail in working.to_queue(Happened)] == [MAX_EVENTS]
    assert [(ack.seq, ack.result) for ack in working.said(Ack)] == [(5, "refused")]
    assert working.finishes() == []


def test_nothing_is_kept_of_what_has_no_answer_for_the_agent_yet() -> None:
    """Else an agent that leaves out one number could fill the memory with what it says after it."""
    desk = EventDesk(LEASE)

    for seq in range(1, 1_000):
        desk.take(seq, HUGE)
        desk.verdict(Recorded(LEASE, seq, "incomplete", 0))
    desk.take(1_000, HUGE)

    assert desk.verdict(Recorded(LEASE, 1, "ok", 7)) == ("ok", "")
    assert desk.verdict(Recorded(LEASE, 1_000, "ok", 7))[0] == "refused"


def test_refused_events_are_counted() -> None:
    desk = EventDesk(LEASE)

    for seq, event in enumerate([HUGE, Event(MAX_EVENTS + 1, KIND), Event(0, KIND), Event(1, "WORK_ITEM.MERGED.SUCCESS")], 1):
        desk.take(seq, event)

    assert desk.refused == 4


def test_an_end_waits_for_no_event_that_was_never_to_be_stored() -> None:
    fail = Fail("agent", "why", last_event=MAX_EVENTS + 5)

    assert finish_of_fail(LEASE, 1, fail).last_event == MAX_EVENTS


def test_learnings_are_bounded_before_they_travel_on() -> None:
    learnings = tuple("word " * 190 for _ in range(2_000))
    done = msgspec.structs.replace(DONE, learnings=learnings)

    result = finish_of_done(LEASE, 1, done, Path("/spool/x"), BASE).result

    assert result is not None
    assert len(result.learnings) == MOST_LINES + 1
    assert {len(line) <= MOST_CHARACTERS for line in result.learnings} == {True}
    assert all(line.startswith("word") for line in result.learnings)


def test_a_worker_that_is_not_trusted_any_more_waits_for_a_person(working: Site) -> None:
    working.actor.on_mail(Distrusted(LEASE, "the worker spoke 5 times in the name of another"))

    (finish,) = working.finishes()
    assert (finish.outcome, finish.reason) == ("policy", "the worker spoke 5 times in the name of another")


# -- the spool --------------------------------------------------------------------------------------------------------


def test_a_bundle_that_is_not_the_one_announced_does_not_stay_in_the_spool(working: Site) -> None:
    working.host.leaves(NAME, DONE.bundle, b"another bundle")

    working.hears(DONE, seq=9)

    assert list(working.results.iterdir()) == []


def test_a_bundle_that_the_queue_does_not_take_does_not_stay_in_the_spool(tmp_path: Path) -> None:
    site = Site(tmp_path).finishing()

    site.actor.on_mail(Recorded(LEASE, 9, "stale"))

    assert list(site.results.iterdir()) == []


def test_a_bundle_that_the_queue_takes_stays(tmp_path: Path) -> None:
    site = Site(tmp_path).finishing()

    site.actor.on_mail(Recorded(LEASE, 8, "stale"))
    site.actor.on_mail(Recorded(LEASE, 9, "incomplete"))
    site.actor.on_mail(Recorded(LEASE, 9, "ok"))

    assert site.spooled.read_bytes() == BUNDLE
