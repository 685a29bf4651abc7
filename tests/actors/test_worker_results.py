"""The worker's actor: an agent's last word, its locks and its log."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from actors import attempt_log
from factory.protocol.attempt_mail import Finish, Recorded, Renew
from factory.protocol.lease_mail import LeaseEnded
from factory.protocol.lock_mail import Acquire, LockVerdict, Release
from factory.protocol.mailbox import Refused, Stale
from factory.protocol.worker import (
    Ack,
    Done,
    Event,
    Fail,
    Hello,
    Lock,
    LockAnswer,
    Log,
    Ping,
    Pong,
    Unlock,
)
from factory.worker_ports import Life
from tests.actors.worker_site import BASE, BUNDLE, COMMIT, DONE, LEASE, NAME, WORK, Site

STARTED = Event(1, "ATTEMPT.ITERATION.STARTED", {"iteration": 1})
OTHER_BUNDLE = b"another bundle"
OTHER_DONE = msgspec.structs.replace(DONE, sha256=hashlib.sha256(OTHER_BUNDLE).hexdigest(), commit="d" * 40)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def working(site: Site) -> Site:
    return site.working()


# -- the last word ----------------------------------------------------------------------------------------------------


def test_a_result_is_out_of_the_workers_reach_before_anyone_hears_of_it(working: Site) -> None:
    working.host.leaves(NAME, DONE.bundle, BUNDLE)
    working.hears(DONE, seq=9)
    working.host.leaves(NAME, DONE.bundle, OTHER_BUNDLE)

    (finish,) = working.finishes()
    assert finish.result is not None
    assert finish.result.bundle == str(working.spooled)
    assert (finish.result.commit, finish.result.base_commit, finish.last_event) == (COMMIT, BASE, 1)
    assert working.spooled.read_bytes() == BUNDLE


def test_a_result_announced_a_second_time_with_other_content_changes_nothing(site: Site) -> None:
    site.finishing()
    (first,) = site.finishes()

    site.host.leaves(NAME, DONE.bundle, OTHER_BUNDLE)
    site.hears(OTHER_DONE, seq=10)

    assert site.spooled.read_bytes() == BUNDLE
    assert site.finishes() == [first, msgspec.structs.replace(first, seq=10)]


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (lambda site: site.host.leaves(NAME, DONE.bundle, OTHER_BUNDLE), "not the one that was announced"),
        (lambda site: None, "could not be collected"),
        (lambda site: site.host.leaves(NAME, DONE.bundle, None), "could not be collected"),
        (lambda site: site.host.leaves(NAME, DONE.bundle, b"x" * 1_001), "could not be collected"),
    ],
    ids=["another digest", "missing", "no regular file", "too large"],
)
def test_a_result_that_is_not_what_was_announced_is_the_agents_failure(working: Site, leave: Callable[[Site], None], reason: str) -> None:
    leave(working)

    working.hears(DONE, seq=9)

    (finish,) = working.finishes()
    assert (finish.outcome, finish.seq, finish.result) == ("agent", 9, None)
    assert reason in finish.reason


def test_a_full_disk_costs_a_result_nothing_as_long_as_it_may_have_room_again(working: Site) -> None:
    working.host.leaves(NAME, DONE.bundle, BUNDLE)
    working.host.full = True
    for _ in range(5):
        working.hears(DONE, seq=9)
    assert working.finishes() == []

    working.host.full = False
    working.hears(DONE, seq=9)

    assert [finish.outcome for finish in working.finishes()] == ["done"]


def test_a_disk_that_stays_full_ends_the_attempt_as_that(working: Site) -> None:
    """F36: a full disk while a result is on its way. Of a class that uses no attempt up, said once."""
    working.host.full = True
    for _ in range(20):
        working.hears(DONE, seq=9)

    told = {(finish.outcome, finish.reason) for finish in working.finishes()}
    assert told == {("no_space", "The worker cannot be started: the disk of the host anvil is full.")}


def test_an_agent_that_exits_after_its_result_has_not_failed(site: Site) -> None:
    site.finishing()
    site.host.ends(NAME, 1)
    site.ticks(4)

    assert {finish.outcome for finish in site.finishes()} == {"done"}


def test_a_result_said_again_to_a_new_actor_is_reported_under_its_number_there(site: Site) -> None:
    site.finishing()
    site.new_actor(msgspec.structs.replace(WORK, status="running", base_commit=BASE)).on_start()
    site.hears(Hello("1.0", "boot", "done", last_event=1))

    site.hears(DONE, seq=9)
    site.actor.on_mail(Recorded(LEASE, 9, "ok"))

    assert site.said(Ack) == [Ack(9, "ok")]
    assert site.left


def test_a_copy_that_takes_longer_than_a_lease_keeps_it_and_its_agent_is_answered_meanwhile(working: Site) -> None:
    working.host.leaves(NAME, DONE.bundle, BUNDLE)
    working.slow = True
    working.hears(DONE, seq=9)
    for _ in range(10):
        working.mail.take()
        working.ticks(1, beating=Ping("waiting"))
        assert working.to_queue(Renew), "the lease is kept at each heartbeat"
        assert working.said(Pong), "a beat is answered"
    working.hears(DONE, seq=9)
    assert (working.finishes(), len(working.copies.jobs)) == ([], 1)

    working.copies_end()

    assert [(finish.outcome, finish.seq) for finish in working.finishes()] == [("done", 9)]


def test_an_agent_that_is_gone_while_its_result_is_copied_has_made_it_all_the_same(working: Site) -> None:
    working.host.leaves(NAME, DONE.bundle, BUNDLE)
    working.slow = True
    working.hears(DONE, seq=9)
    working.host.ends(NAME, 1)
    working.ticks(10)
    assert (working.finishes(), len(working.to_queue(Renew))) == ([], 1 + 20)
    assert set(working.to_queue(Renew)) == {Renew(LEASE, "done", DONE.iterations, 0, DONE.tokens)}

    working.copies_end()

    assert [finish.outcome for finish in working.finishes()] == ["done"]


def test_a_copy_that_never_ends_does_not_keep_the_lease_for_ever(working: Site) -> None:
    working.slow = True
    working.hears(DONE, seq=9)
    working.ticks(121, beating=Ping("waiting"))

    assert {(finish.outcome, finish.reason) for finish in working.finishes()} == {
        ("infra", "the result could not be stored within 600 s")
    }  # fmt: skip


def test_a_lease_that_ends_while_its_result_is_copied_is_over(working: Site) -> None:
    working.host.leaves(NAME, DONE.bundle, BUNDLE)
    working.slow = True
    working.hears(DONE, seq=9)
    working.actor.on_mail(LeaseEnded(LEASE, "cancelled"))
    assert (working.life, working.left) == (Life.GONE, True)

    working.copies_end()

    assert working.finishes() == []


def test_a_result_that_is_copied_when_the_factory_stops_is_not_given_back(working: Site) -> None:
    working.host.leaves(NAME, DONE.bundle, BUNDLE)
    working.slow = True
    working.hears(DONE, seq=9)

    working.actor.on_stop()

    assert {finish.outcome for finish in working.finishes()} == {"done"}


@pytest.mark.parametrize("failure", ["agent", "gate", "infra", "auth", "quota", "policy", "no_space", "stuck"])
def test_a_failure_is_reported_as_the_agent_calls_it(working: Site, failure: str) -> None:
    working.hears(Fail(failure, "why", "evidence", 3, 4, 5), seq=6)  # type: ignore[arg-type]  # one of the literals

    assert working.finishes() == [Finish(LEASE, 6, failure, "why", "evidence", iterations=3, tokens=4, last_event=5)]  # type: ignore[arg-type]  # as above
    assert f"the agent gave up ({failure}): why".encode() in working.log()


@pytest.mark.parametrize("later", [DONE, Fail("stuck", "no progress")], ids=["result", "failure"])
def test_the_first_last_word_counts(working: Site, later: Done | Fail) -> None:
    working.host.leaves(NAME, DONE.bundle, BUNDLE)
    working.hears(Fail("agent", "gave up"), seq=6)

    working.hears(later, seq=7)
    working.ticks(4, beating=Ping("done"))

    assert {(finish.outcome, finish.reason) for finish in working.finishes()} == {("agent", "gave up")}


# -- locks ------------------------------------------------------------------------------------------------------------


def test_an_agent_asks_for_files_and_is_told_who_is_in_the_way(working: Site) -> None:
    answers = iter([LockVerdict(granted=True), LockVerdict(granted=False, holders=("c.py: other-1",))])
    working.mail.answers["locks"] = lambda _: next(answers)

    working.hears(Lock("1", ("b.py",)), seq=4)
    working.hears(Lock("2", ("c.py",)), seq=5)

    assert working.said(LockAnswer) == [LockAnswer("1", granted=True), LockAnswer("2", granted=False, holders=("c.py: other-1",))]
    assert working.said(Ack) == [Ack(4, "ok"), Ack(5, "ok")]
    assert working.asked(Acquire)[-1] == Acquire(LEASE, "/repo", ("c.py",))


def test_a_lock_that_cannot_be_is_refused(working: Site) -> None:
    working.mail.answers["locks"] = lambda _: Refused("'..' is no path", "invalid")

    working.hears(Lock("1", ("..",)), seq=4)

    assert working.said(LockAnswer) == [LockAnswer("1", granted=False, holders=("'..' is no path",))]
    assert working.said(Ack) == [Ack(4, "refused", "'..' is no path")]


def test_a_lock_under_a_lease_that_is_over_is_stale(working: Site) -> None:
    working.mail.answers["locks"] = lambda _: Stale(LEASE, "the lease is over")

    working.hears(Lock("1", ("b.py",)), seq=4)

    assert working.said(LockAnswer) == []
    assert working.said(Ack) == [Ack(4, "stale", "the lease is over")]


def test_while_the_lock_manager_is_away_the_agent_gets_no_answer_and_asks_again(working: Site) -> None:
    answer = working.mail.answers.pop("locks")
    working.hears(Lock("1", ("b.py",)), seq=4)
    assert working.mail.told == []

    working.mail.answers["locks"] = answer
    working.hears(Lock("1", ("b.py",)), seq=4)

    assert working.said(LockAnswer) == [LockAnswer("1", granted=True)]


def test_files_are_given_back_as_named_and_none_named_is_none(working: Site) -> None:
    working.hears(Unlock("1", ("b.py",)), seq=4)
    working.hears(Unlock("2", ()), seq=5)

    assert working.mail.to("locks", Release) == [Release(LEASE, ("b.py",))]
    assert working.said(Ack) == [Ack(4, "ok"), Ack(5, "ok")]


# -- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_keeps_what_came_and_says_what_did_not(working: Site) -> None:
    working.hears(Log("agent", 0, b"one\n"))
    working.hears(Log("agent", 9, b"two\n", gap=5))

    assert working.log() == b"one\n\n[5 bytes not kept]\ntwo\n"


def test_a_log_is_bounded(working: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_log, "MAX_BYTES", 10)

    for _ in range(5):
        working.hears(Log("agent", 0, b"123456"))

    assert working.log() == b"1234561234\n[the rest is not kept]\n"


def test_a_log_that_cannot_be_written_ends_nothing(working: Site) -> None:
    working.logs.write_bytes(b"a file where the folder should be")

    working.hears(Log("agent", 0, b"lost"))
    working.hears(Ping("running"))

    assert len(working.said(Pong)) == 1
    assert (working.finishes(), working.life) == ([], Life.RUNNING)
