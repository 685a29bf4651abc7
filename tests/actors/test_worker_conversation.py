"""The worker's actor: what it says to its agent, and what it makes of what the agent says."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from factory.protocol.attempt_mail import Accepted, Finish, Happened, Recorded, Renew, Renewed, Stalled, WorkerGone
from factory.protocol.codec import MAX_FRAME
from factory.protocol.gateway_mail import Outbound, Revoke
from factory.protocol.worker import (
    Accept,
    Ack,
    Assign,
    Done,
    Event,
    Fail,
    FromAgent,
    Hello,
    Lock,
    Log,
    Ping,
    Pong,
    Reject,
    Stop,
    Unlock,
    Welcome,
)
from tests.actors.worker_site import BASE, BUNDLE, DONE, LEASE, NAME, PREPARED, WORK, Site

STARTED = Event(1, "ATTEMPT.ITERATION.STARTED", {"iteration": 1})
OTHER_BUNDLE = b"another bundle"
OTHER_DONE = msgspec.structs.replace(DONE, sha256=hashlib.sha256(OTHER_BUNDLE).hexdigest(), commit="d" * 40)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def working(site: Site) -> Site:
    return site.working()


def test_a_whole_attempt_from_hello_to_nothing_left(site: Site) -> None:
    site.launched()
    site.host.leaves(NAME, DONE.bundle, BUNDLE)

    site.hears(Hello("1.0", "boot", "idle"))
    site.hears(Accept(), seq=1)
    site.actor.on_mail(Recorded(LEASE, 1, "ok"))
    site.hears(STARTED, seq=2)
    site.actor.on_mail(Recorded(LEASE, 2, "ok", 1))
    site.hears(Ping("running", 1, 5, 9))
    site.hears(DONE, seq=3)
    site.actor.on_mail(Recorded(LEASE, 3, "ok"))

    told = [site._decode(mail.frame).body for mail in site.mail.to("gateway", Outbound)]
    assert [type(body) for body in told] == [Welcome, Assign, Ack, Ack, Pong, Ack, Stop]
    assert [body for body in told if isinstance(body, Ack)] == [Ack(1, "ok"), Ack(2, "ok"), Ack(3, "ok")]
    queued = [type(mail) for address, mail in site.mail.told if address == "queue"]
    assert queued == [Accepted, Happened, Renew, Renew, Finish, WorkerGone]
    assert site.mail.to("gateway", Revoke) == [Revoke(LEASE)]
    assert (site.host.workers, site.left) == ({}, True)
    assert site.spooled.read_bytes() == BUNDLE


def test_the_assignment_says_all_that_the_agent_needs(site: Site) -> None:
    site.launched().hears(Hello("1.0", "boot", "idle"))

    (assign,) = site.said(Assign)
    assert (assign.spec, assign.engine, assign.locked, assign.gates) == (WORK.spec, WORK.engine, ("a.py",), PREPARED.gates)
    assert (assign.source, assign.base_branch, assign.base_commit) == ("/mirror", "main", BASE)


def test_an_assignment_that_the_wire_does_not_take_is_a_persons_to_mend(tmp_path: Path) -> None:
    site = Site(tmp_path, msgspec.structs.replace(WORK, previous="x" * MAX_FRAME))
    site.launched().hears(Hello("1.0", "boot", "idle"))

    assert [finish.outcome for finish in site.finishes()] == ["policy"]


# -- sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [Accept(), Ping("running"), STARTED, DONE, Log("agent", 0, b"x")], ids=lambda body: type(body).__name__)
def test_a_message_of_an_unknown_session_is_rejected_and_has_no_effect(working: Site, body: FromAgent) -> None:
    working.hears(body, seq=3, sid="of another actor")

    (reject,) = working.said(Reject)
    assert reject.code == "unknown_session"
    assert working.to_queue(object) == []
    assert not working.logs.exists()


def test_words_of_an_unknown_session_are_no_sign_of_life(working: Site) -> None:
    for _ in range(10):
        working.hears(Ping("running"), sid="of another actor")
        working.ticks(0.5)

    assert [finish.outcome for finish in working.finishes()] == ["infra"]


def test_an_agent_of_another_major_version_is_sent_away(site: Site) -> None:
    site.launched().hears(Hello("2.0\0", "boot", "idle"))

    assert [reject.code for reject in site.said(Reject)] == ["version"]
    assert site.said(Welcome) == []
    assert [finish.outcome for finish in site.finishes()] == ["infra"]


@pytest.mark.parametrize("sid", [None, "of another actor"], ids=["our session", "a session of an earlier actor"])
@pytest.mark.parametrize("body", [Ping("running"), STARTED, Log("agent", 0, b"x")], ids=lambda body: type(body).__name__)
def test_an_agent_that_speaks_on_in_another_major_version_is_refused_at_once(working: Site, body: FromAgent, sid: str | None) -> None:
    # It was let in by a factory of its own version, and may not understand that it has to say HELLO again.
    working.hears(body, seq=2, sid=sid, version="2.0")

    assert [reject.code for reject in working.said(Reject)] == ["version"]
    assert [(finish.outcome, "2.0" in finish.reason) for finish in working.finishes()] == [("infra", True)]
    assert working.to_queue(Renew) == []


def test_an_agent_of_another_minor_version_is_heard(working: Site) -> None:
    working.hears(Ping("running"), version="1.9")

    assert len(working.to_queue(Renew)) == 1


def test_an_agent_that_comes_back_is_told_up_to_where_its_events_are_stored(working: Site) -> None:
    working.hears(STARTED, seq=2)
    working.actor.on_mail(Recorded(LEASE, 2, "ok", 1))

    working.hears(Hello("1.0", "boot", "running", last_event=3))

    assert working.said(Welcome)[-1].resume_from == 1
    assert working.said(Assign) == []


def test_a_restarted_agent_gets_its_assignment_again(working: Site) -> None:
    working.hears(Hello("1.0", "another boot", "idle"))

    assert len(working.said(Assign)) == 1


# -- acknowledgements -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [Accept(), STARTED, Fail("agent", "gave up")], ids=lambda body: type(body).__name__)
def test_nothing_is_acknowledged_before_it_is_durable(working: Site, body: FromAgent) -> None:
    working.hears(body, seq=5)
    assert working.said(Ack) == []

    working.actor.on_mail(Recorded(LEASE, 5, "ok"))
    assert working.said(Ack) == [Ack(5, "ok")]


@pytest.mark.parametrize("body", [Accept(), STARTED, Fail("agent", "gave up")], ids=lambda body: type(body).__name__)
def test_what_the_queue_calls_stale_is_stale_to_the_agent(working: Site, body: FromAgent) -> None:
    working.hears(body, seq=5)
    working.actor.on_mail(Recorded(LEASE, 5, "stale"))

    assert [(ack.seq, ack.result) for ack in working.said(Ack)] == [(5, "stale")]


def test_a_stale_report_ends_the_worker(working: Site) -> None:
    working.hears(Fail("agent", "gave up"), seq=5)
    working.actor.on_mail(Recorded(LEASE, 5, "stale"))

    assert working.left


def test_a_result_whose_events_are_missing_is_not_acknowledged_but_said_again(site: Site) -> None:
    site.finishing()
    site.actor.on_mail(Recorded(LEASE, 9, "incomplete"))
    assert (site.said(Ack), site.left) == ([], False)

    site.hears(STARTED, seq=2)
    site.actor.on_mail(Recorded(LEASE, 2, "ok", 1))
    site.ticks(2, beating=Ping("done"))
    assert len(site.finishes()) == 2

    site.actor.on_mail(Recorded(LEASE, 9, "ok"))
    assert (site.said(Ack), site.left) == ([Ack(2, "ok"), Ack(9, "ok")], True)


def test_the_recording_of_an_event_is_not_taken_for_that_of_the_result(site: Site) -> None:
    site.finishing()
    site.hears(STARTED, seq=2)
    site.actor.on_mail(Recorded(LEASE, 2, "ok", 1))

    assert not site.left


@pytest.mark.parametrize("body", [Accept(), STARTED, DONE, Fail("agent", "x"), Lock("1", ("b.py",)), Unlock("1", ("a.py",))], ids=repr)
def test_a_word_that_wants_an_answer_but_has_no_number_is_not_heard(working: Site, body: FromAgent) -> None:
    working.hears(body, seq=0)

    assert working.mail.told == []


@pytest.mark.parametrize("kind", ["WORK_ITEM.PUBLISHED.SUCCESS", "PULL_REQUEST.OPENED.SUCCESS", "", "ATTEMPT.A.B\0"])
def test_an_agent_cannot_speak_in_the_factorys_name(working: Site, kind: str) -> None:
    working.hears(Event(1, kind, {}), seq=2)

    assert [(told.kind, told.data) for told in working.to_queue(Happened)] == [("ATTEMPT.EVENT.OMITTED", {"bytes": 1})], "its number alone"
    working.actor.on_mail(Recorded(LEASE, 2, "ok", 1))
    assert [(ack.seq, ack.result) for ack in working.said(Ack)] == [(2, "refused")]


# -- beats ------------------------------------------------------------------------------------------------------------


def test_a_beat_renews_the_lease_and_is_answered_with_what_is_left_of_it(working: Site) -> None:
    working.actor.on_mail(Renewed(LEASE, 15.0))
    working.clock.advance(4.0)

    working.hears(Ping("gates", 2, 7, 11))

    assert working.to_queue(Renew) == [Renew(LEASE, "gates", 2, 7, 11)]
    assert [(pong.verdict, pong.lease) for pong in working.said(Pong)] == [("continue", 11.0)]


def test_a_lease_that_is_over_has_nothing_left_rather_than_less(working: Site) -> None:
    working.clock.advance(100.0)
    working.hears(Ping("running"))

    assert working.said(Pong)[0].lease == 0.0


def test_beats_keep_a_worker_for_ever(working: Site) -> None:
    working.ticks(100, beating=Ping("running"))

    assert working.finishes() == []
    assert len(working.to_queue(Renew)) == 200


@pytest.mark.parametrize("word", [DONE, OTHER_DONE], ids=["the same result", "another result"])
def test_an_agent_that_counts_on_events_that_never_come_does_not_keep_its_place(site: Site, word: Done) -> None:
    site.finishing()

    site.ticks(40, beating=Ping("done"))
    site.hears(word, seq=10)
    renewed = len(site.to_queue(Renew))
    assert 0 < renewed <= 27

    for _ in range(10):
        site.ticks(0.5, beating=Ping("done"))
        site.hears(word, seq=10)
    assert len(site.to_queue(Renew)) == renewed


def test_a_worker_that_beats_without_getting_anywhere_is_shown_as_stalled_until_it_moves(working: Site) -> None:
    working.ticks(62, beating=Ping("running", progress=4))
    assert [mail.lease for mail in working.to_queue(Stalled)] == [LEASE]
    assert working.to_queue(Renew)[-1].phase == "stalled"
    assert working.finishes() == []

    working.hears(Ping("running", progress=5))
    assert working.to_queue(Renew)[-1] == Renew(LEASE, "running", progress=5)
    assert len(working.to_queue(Stalled)) == 1
