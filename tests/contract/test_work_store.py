"""What every store of the queue does, whatever it keeps its rows in: PostgreSQL, or the memory that the simulation runs on.

What the simulation proves of the code above holds for the product as far as the two behave alike, and no further.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from factory.errors import StoreUnavailable
from factory.protocol.attempt_mail import Finish, Happened, Renew, Starting
from factory.protocol.commands import Steer, Switch
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.mailbox import Lease
from factory.pull_request_ports import PullRequestOrder
from factory.queue_ports import QueueRound
from factory.storage.database import Database
from tests.contract.work_stores import Site, memory_site, postgres_site
from tests.work import BASE, COMMIT, done, order

REPO = "/repo"
FILES = ("a.py", "b.py")


@pytest.fixture(params=["PostgreSQL", "memory"])
def site(request: pytest.FixtureRequest, database: Database) -> Site:
    return memory_site() if request.param == "memory" else postgres_site(database)


# -- claims -----------------------------------------------------------------------------------------------------------


def test_claims_go_by_priority_then_age_and_raise_the_epoch(site: Site) -> None:
    low, critical, medium = (site.submitted(priority=priority) for priority in (3, 0, 2))

    work = site.claimed(3)

    assert [one.lease for one in work] == [Lease(critical, 1), Lease(medium, 1), Lease(low, 1)]
    assert site.claimed(3) == []


def test_what_is_due_later_or_of_a_held_engine_is_not_claimed(site: Site) -> None:
    site.submitted(delay=60.0)
    lease = site.running(engine="claude:x")
    held = Finish(lease, 0, "quota", "empty", retry_after=600.0, holds="account")
    assert site.finish(held) == "ok"
    site.submitted(engine="claude:y")

    assert site.claimed(5) == []
    assert site.limits.switch(Switch("c", "resume", ("dispatch",), "me"))["lifted"] == ["claude"]
    assert len(site.claimed(5)) == 1


def test_with_a_clock_that_is_set_back_all_that_is_waited_for_comes_as_soon_as_before(site: Site) -> None:
    lease = site.running(engine="claude:x")
    assert site.finish(Finish(lease, 0, "quota", "empty", retry_after=600.0, holds="account")) == "ok"
    published = site.published_soon()
    site.outbox.note_error(published, "502", 600.0)
    lapsing, submitted = site.running(), site.submitted(delay=600.0)

    site.do(lambda round_: round_.shift(-590.0))
    site.do(lambda round_: round_.unpark())
    assert (site.claimed(5), [row.due for row in site.outbox.open()]) == ([], [False])
    site.do(lambda round_: round_.shift(-11.0))
    site.do(lambda round_: round_.unpark())

    assert {work.lease.item for work in site.claimed(5)} == {submitted, lease.item}
    assert [row.due for row in site.outbox.open()] == [True]
    assert site.do(lambda round_: round_.expire(0.0)) == [lapsing]


def test_a_clock_that_is_set_back_leaves_the_order_and_another_priority_keeps_the_age(site: Site) -> None:
    old, older = site.submitted(priority=2), site.submitted(priority=3)
    site.do(lambda round_: round_.shift(-3_600.0))
    new = site.submitted(priority=2)
    site.do(lambda round_: round_.steer(Steer("c1", "prioritise", older, "me", argument="2")))

    assert [work.lease.item for work in site.claimed(5)] == [old, older, new]


def test_the_clocks_mark_is_what_was_written_last(site: Site) -> None:
    assert site.do(lambda round_: round_.marked()) is None
    for seconds in (1_700_000_000.123456, 1_600_000_000.654321):
        with site.items.round() as round_:
            round_.mark(seconds)
        assert site.do(lambda round_: round_.marked()) == seconds


def test_a_retry_that_is_reckoned_by_a_clock_ahead_of_the_mark_raises_it_and_one_behind_it_leaves_it(site: Site) -> None:
    published = site.published_soon()
    now = site.do(lambda round_: round_.now())
    for mark, raised in ((now - 7_000.0, True), (now + 7_000.0, False)):
        with site.items.round() as round_:
            round_.mark(mark)
        site.outbox.note_error(published, "502", 60.0)

        marked = site.do(lambda round_: round_.marked())
        assert now <= marked <= site.do(lambda round_: round_.now()) if raised else marked == mark


def test_the_same_submission_twice_is_one_item_and_another_one_of_its_source_is_refused(site: Site) -> None:
    submit = order(source="github", source_id="o/r#7")

    assert [site.do(lambda round_: round_.submit(submit)) for _ in range(2)] == [None, None]
    assert "o/r#7" in site.do(lambda round_: round_.submit(order(source="github", source_id="o/r#7")))
    assert len(site.claimed(5)) == 1


def test_leases_workers_and_keys_are_told_as_they_are(site: Site) -> None:
    old, new = site.taken_over()

    assert [one.lease for one in site.do(lambda round_: round_.leased())] == [new]
    assert site.do(lambda round_: round_.unleased()) == [old]
    assert site.do(lambda round_: round_.enrolled()) == {}
    site.do(lambda round_: round_.starting(Starting(new, "n" * 40, "local", "confined", BASE)))
    assert site.do(lambda round_: round_.enrolled()) == {new.worker: "n" * 40}
    assert site.do(lambda round_: round_.leased())[0].base_commit == BASE
    site.do(lambda round_: round_.worker_gone(old, "swept"))
    assert site.do(lambda round_: round_.unleased()) == []


# -- fences -----------------------------------------------------------------------------------------------------------

ZOMBIE: dict[str, Callable[[QueueRound, Lease], bool]] = {
    "accepted": lambda round_, lease: round_.accepted(lease),
    "start": lambda round_, lease: lease in round_.start([lease]),
    "renew": lambda round_, lease: lease in round_.renew([Renew(lease, "running")]),
    "starting": lambda round_, lease: round_.starting(Starting(lease, "k" * 40, "local", "confined", BASE)),
    "happened": lambda round_, lease: round_.happened([Happened(lease, 1, 1, "ATTEMPT.X.Y", {})])[lease] >= 0,
    "take_results": lambda round_, lease: lease in round_.take_results([done(lease)]),
    "finish done": lambda round_, lease: round_.finish(done(lease), 0.0) == "ok",
    "finish failed": lambda round_, lease: round_.finish(Finish(lease, 0, "agent", "late"), 0.0) == "ok",
    "published": lambda round_, lease: round_.published(Published(lease, "url", COMMIT)),
    "rejected": lambda round_, lease: round_.rejected(Rejected(lease, "gate", "red"), 0.0),
}
SILENT = {"start", "renew", "take_results"}
"""Those that only leave the lease out of their answer; who is left out is looked at by another call."""


@pytest.mark.parametrize("word", ZOMBIE)
def test_the_word_of_an_earlier_epoch_changes_nothing_and_leaves_an_event(site: Site, word: str) -> None:
    old, new = site.taken_over()
    assert site.do(lambda round_: round_.accepted(new))
    before = site.trail(new.item)

    assert not site.do(lambda round_: ZOMBIE[word](round_, old))

    refusals = [] if word in SILENT else ["WORK_ITEM.STALE.REFUSED"]
    assert site.trail(new.item) == before + refusals
    assert (site.column(new.item, "status"), site.column(new.item, "epoch")) == ("running", new.epoch)


def test_a_living_lease_is_renewed_and_does_not_expire(site: Site) -> None:
    lease = site.running()
    site.lapse(lease)

    assert site.do(lambda round_: round_.renew([Renew(lease, "running"), Renew(lease, "running")])) == {lease}
    assert site.do(lambda round_: round_.expire(0.0)) == []


def test_a_clock_that_was_set_back_is_made_up_for(site: Site) -> None:
    site.submitted(delay=60.0)

    assert site.claimed() == []
    site.do(lambda round_: round_.shift(-100.0))
    assert len(site.claimed()) == 1


# -- ends of attempts -------------------------------------------------------------------------------------------------


def test_a_result_waits_for_its_events_each_of_which_is_stored_once(site: Site) -> None:
    lease = site.running()
    events = [Happened(lease, seq, number, "ATTEMPT.ITERATION.STARTED", {"iteration": number}) for seq, number in ((1, 2), (2, 1), (3, 2))]

    assert site.finish(done(lease, last_event=2)) == "incomplete"
    assert site.do(lambda round_: round_.happened(events[:1])) == {lease: 0}
    assert site.do(lambda round_: round_.take_results([done(lease, last_event=2)])) == set()
    assert site.do(lambda round_: round_.happened(events)) == {lease: 2}
    assert site.do(lambda round_: round_.take_results([done(lease, last_event=2)])) == {lease}
    assert site.trail(lease.item).count("ATTEMPT.ITERATION.STARTED") == 2


def test_an_event_is_not_stored_before_one_that_was_lost(site: Site) -> None:
    lease = site.running()
    for number, last in ((3, 0), (1, 1), (3, 1), (2, 2), (3, 3)):
        with site.items.round() as round_:
            assert round_.happened([Happened(lease, number, number, "ATTEMPT.X.Y", {})]) == {lease: last}
    assert site.trail(lease.item).count("ATTEMPT.X.Y") == 3


def test_a_word_said_twice_is_carried_out_once(site: Site) -> None:
    first, second = site.running(), site.running()
    failed = Finish(second, 0, "agent", "gave up")

    assert [site.finish(done(first)) for _ in range(2)] == ["ok", "ok"]
    assert [site.finish(failed) for _ in range(2)] == ["ok", "ok"]
    assert site.trail(first.item).count("WORK_ITEM.RESULT.ACCEPTED") == 1
    assert site.column(second.item, "attempts") == 1


def test_a_result_of_an_agent_without_its_assignment_waits_for_that(site: Site) -> None:
    site.submitted()
    lease = site.claimed()[0].lease

    assert site.finish(done(lease)) == "incomplete"


@pytest.mark.parametrize(
    ("outcome", "status", "attempts"),
    [("agent", "queued", 1), ("stuck", "queued", 1), ("infra", "queued", 0), ("quota", "parked", 0), ("policy", "needs_approval", 0)],
)
def test_the_class_of_a_failure_decides_what_it_costs(site: Site, outcome: Any, status: str, attempts: int) -> None:
    lease = site.running()

    assert site.finish(Finish(lease, 0, outcome, "because")) == "ok"

    assert (site.column(lease.item, "status"), site.column(lease.item, "attempts")) == (status, attempts)
    assert (site.column(lease.item, "holder"), site.column(lease.item, "reason")) == (None, "because")


def test_evidence_is_handed_to_the_next_attempt(site: Site) -> None:
    lease = site.published_soon()

    assert site.do(lambda round_: round_.rejected(Rejected(lease, "gate", "unit is red", "1 failed"), 0.0))

    (work,) = site.claimed()
    assert (work.lease.epoch, work.previous) == (2, "1 failed")


# -- publication ------------------------------------------------------------------------------------------------------


def test_an_accepted_result_is_in_the_outbox_until_it_is_published(site: Site) -> None:
    lease = site.published_soon()

    (row,) = site.outbox.open()
    assert (row.lease, row.due, row.tries, row.result.commit) == (lease, True, 0, COMMIT)
    assert site.do(lambda round_: round_.publishing()) == 1
    site.outbox.note_error(lease, "502", 60.0)
    (row,) = site.outbox.open()
    assert (row.due, row.tries, site.do(lambda round_: round_.publishing())) == (False, 1, 0)

    assert [site.do(lambda round_: round_.published(Published(lease, "url", COMMIT))) for _ in range(2)] == [True, True]
    assert site.outbox.open() == []
    assert [one.lease for one in site.outbox.ended()] == [lease]
    assert (site.outbox.is_open(lease), site.outbox.wanted([lease])) == (False, set())
    assert site.column(lease.item, "status") == "completed"


def test_what_needs_approval_goes_on_when_it_is_approved_and_names_what_was_approved(site: Site) -> None:
    lease = site.published_soon()
    assert site.do(lambda round_: round_.rejected(Rejected(lease, "policy", "guarded"), 0.0))
    assert site.outbox.wanted([lease]) == {lease}

    reply, ended = site.do(lambda round_: round_.steer(Steer("c1", "approve", lease.item, "me")))

    assert (reply.code, ended) == ("ok", None)
    (row,) = site.outbox.open()
    assert row.approved_digest


def test_a_later_attempt_names_the_heads_of_the_earlier_ones(site: Site) -> None:
    lease = site.published_soon()
    site.do(lambda round_: round_.rejected(Rejected(lease, "gate", "red"), 0.0))
    again = site.claimed()[0].lease
    site.do(lambda round_: round_.accepted(again))
    result = msgspec.structs.replace(done(again), result=msgspec.structs.replace(_result(again), commit="d" * 40))
    assert site.finish(result) == "ok"

    assert [row.earlier_heads for row in site.outbox.open()] == [(COMMIT,)]


def _result(lease: Lease) -> Any:
    return done(lease).result


def test_a_branch_has_one_pull_request_however_often_it_is_opened(site: Site) -> None:
    lease = site.published_soon()
    made = PullRequestOrder(lease.item, REPO, f"factory/{lease.item}", "main", COMMIT, "Title", "Body")  # type: ignore[arg-type]  # new types

    first, second = (site.pulls.find_or_create(made, "url") for _ in range(2))

    assert first == second == site.pulls.find(REPO, made.branch)
    assert site.trail(lease.item).count("PULL_REQUEST.OPENED.SUCCESS") == 1


# -- operators --------------------------------------------------------------------------------------------------------


def test_a_kill_ends_the_lease_and_burns_an_attempt(site: Site) -> None:
    lease = site.running()

    reply, ended = site.do(lambda round_: round_.steer(Steer("c1", "kill", lease.item, "me", lease.epoch)))

    assert (reply.code, ended) == ("ok", lease)
    assert (site.column(lease.item, "status"), site.column(lease.item, "attempts")) == ("queued", 1)
    assert site.finish(done(lease)) == "stale"


def test_a_command_for_another_epoch_or_status_is_a_conflict_and_changes_nothing(site: Site) -> None:
    lease = site.running()
    before = site.trail(lease.item)

    for command in (Steer("c1", "kill", lease.item, "me", lease.epoch + 1), Steer("c2", "approve", lease.item, "me")):
        with site.items.round() as round_:
            reply, ended = round_.steer(command)
        assert (reply.code, ended) == ("conflict", None)

    assert site.trail(lease.item) == before


def test_a_command_is_answered_as_it_was_the_first_time(site: Site) -> None:
    item = site.submitted()
    reply, _ = site.do(lambda round_: round_.steer(Steer("c1", "prioritise", item, "me", argument="0")))

    assert site.do(lambda round_: round_.said_before("c1")) is None
    site.do(lambda round_: round_.remember("c1", reply))
    assert site.do(lambda round_: round_.said_before("c1")) == reply
    assert site.column(item, "priority") == 0


# -- locks and limits -------------------------------------------------------------------------------------------------


def test_locks_are_granted_all_or_none_and_to_living_leases_only(site: Site) -> None:
    holder, other = site.running(), site.running()

    assert site.locks.acquire(holder, REPO, FILES[1:]) == ()
    assert site.locks.acquire(other, REPO, FILES) == (f"b.py: {holder.worker}",)
    assert site.locks.held_by_others(REPO, other.item) == {"b.py": holder.worker}
    assert site.locks.acquire(Lease(other.item, 9), REPO, FILES) is None
    assert site.locks.release(holder) == {REPO}
    assert site.locks.acquire(other, REPO, FILES) == ()


def test_locks_last_until_the_publication_is_over_and_are_swept_then(site: Site) -> None:
    lease = site.running()
    site.locks.acquire(lease, REPO, FILES)
    assert site.finish(done(lease)) == "ok"
    assert site.locks.sweep() == set()

    site.do(lambda round_: round_.published(Published(lease, "url", COMMIT)))

    assert site.locks.sweep() == {REPO}


def test_who_waits_for_locks_is_queued_when_they_are_free(site: Site) -> None:
    holder, waiting = site.running(), site.running(files=FILES)
    site.locks.acquire(holder, REPO, FILES)
    site.finish(Finish(waiting, 0, "waits", "locked", condition=f"locks:{REPO}"))

    assert site.do(lambda round_: round_.unpark()) == 0
    site.locks.release(holder)
    assert site.do(lambda round_: round_.unpark()) == 1
    assert site.column(waiting.item, "status") == "queued"


def test_the_next_attempt_takes_over_the_locks_of_its_own_earlier_one(site: Site) -> None:
    lease = site.running()
    site.locks.acquire(lease, REPO, FILES)
    site.lapse(lease)
    site.do(lambda round_: round_.expire(0.0))

    assert site.locks.acquire(site.claimed()[0].lease, REPO, FILES) == ()


def test_usage_counts_what_was_told_and_says_who_paused(site: Site) -> None:
    lease = site.running()
    site.do(lambda round_: round_.happened([Happened(lease, 1, 1, "ATTEMPT.ITERATION.STARTED", {"iteration": 1})]))
    site.limits.switch(Switch("c", "pause", ("dispatch",), "me"))

    usage = site.limits.usage()

    assert (usage.iterations_today, usage.pause and usage.pause.by) == (1, "me")
    assert usage.since_start is not None
    assert 0 <= usage.since_start < 60


# -- transactions -----------------------------------------------------------------------------------------------------


def test_a_round_that_does_not_come_to_its_end_leaves_nothing(site: Site) -> None:
    lease, submit = site.running(), order()
    before = site.trail(lease.item)

    def broken(round_: QueueRound) -> None:
        round_.submit(submit)
        round_.happened([Happened(lease, 1, 1, "ATTEMPT.X.Y", {})])
        round_.finish(Finish(lease, 0, "agent", "gave up"), 0.0)
        raise StoreUnavailable("The connection was lost.")

    with pytest.raises(StoreUnavailable):
        site.do(broken)

    assert site.trail(lease.item) == before
    assert site.claimed(5) == []
    assert site.do(lambda round_: round_.renew([Renew(lease, "running")])) == {lease}
