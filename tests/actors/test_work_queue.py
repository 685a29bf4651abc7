"""The queue's actor on a real database, called directly: no thread, no process, time moved by hand."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actors.parcels import MAX_SUBMISSION
from actors.work_queue import WorkQueue
from factory.domain.events import item_stream
from factory.errors import StoreUnavailable
from factory.ports import QueueRound, WorkStore
from factory.protocol.commands import Reply, Steer
from factory.protocol.mailbox import (
    Accepted,
    Claimed,
    Credit,
    Enrolled,
    Enrolment,
    Finish,
    Happened,
    Lease,
    LeaseEnded,
    Ok,
    OutboxReady,
    Outstanding,
    Published,
    Recorded,
    Rejected,
    Release,
    Renew,
    Renewed,
    Stale,
    Starting,
    Survey,
    Unparked,
    WorkerGone,
)
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.work_items import WorkItems
from tests.fakes.clock import ManualClock
from tests.fakes.mailbox import RecordingMailbox
from tests.work import TERMS, done, order, running, store, submitted

H = TERMS.lease.heartbeat


class Queue:
    """An actor with what it stands on, and the dispatcher's side of the conversation."""

    def __init__(self, items: WorkStore) -> None:
        self.clock, self.mail = ManualClock(), RecordingMailbox()
        self.actor = WorkQueue(mailbox=self.mail, clock=self.clock, store=items, terms=TERMS.lease, boot="q", dice=random.Random(1))
        self.on_batch, self.on_tick = self.actor.on_batch, self.actor.on_tick

    def outstanding(self) -> Outstanding:
        self.on_batch([Survey()])
        return self.mail.to("dispatcher", Outstanding)[-1]

    def credit(self, free: int) -> None:
        """What a dispatcher that knows everything would give."""
        known = self.outstanding()
        self.mail.take()
        self.on_batch([Credit(known.boot, known.made, free)])

    def claims(self) -> list[Lease]:
        return [work.lease for mail in self.mail.to("dispatcher", Claimed) for work in mail.work]

    def tick_to(self, heartbeats: float) -> None:
        """Regular ticks for so long."""
        for _ in range(round(heartbeats * 2)):
            self.clock.advance(H / 2)
            self.on_tick()


@pytest.fixture
def items(database: Database) -> WorkItems:
    return store(database)


@pytest.fixture
def queue(items: WorkItems) -> Queue:
    return Queue(items)


def status(database: Database, item: str) -> object:
    with database.transaction() as cursor:
        row = cursor.execute("SELECT status FROM work_items WHERE id = %s", (item,)).fetchone()
    assert row is not None
    return row["status"]


def lapse(database: Database, lease: Lease) -> None:
    """Lets a lease be over on the database's clock."""
    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET lease_until = clock_timestamp() - interval '1 hour' WHERE id = %s", (lease.item,))


# -- credit -----------------------------------------------------------------------------------------------------------


def test_nothing_is_claimed_without_credit(queue: Queue, items: WorkItems) -> None:
    submitted(items)

    queue.on_batch([Unparked()])
    queue.on_tick()

    assert queue.claims() == []


def test_an_item_is_claimed_in_the_very_round_that_takes_it_in(queue: Queue) -> None:
    queue.credit(1)
    submit = order()

    (answer,) = queue.on_batch([submit])

    assert answer == Reply("ok", data={"item": submit.item})
    assert queue.claims() == [Lease(submit.item, 1)]


def test_credit_is_used_up_by_claims_whenever_they_are_made(queue: Queue) -> None:
    queue.credit(2)

    for _ in range(4):
        queue.on_batch([order()])
        queue.tick_to(1)

    assert len(queue.claims()) == 2


def test_a_credit_computed_before_a_claim_was_known_counts_that_claim(queue: Queue, items: WorkItems) -> None:
    known = queue.outstanding()
    for _ in range(5):
        submitted(items)
    queue.on_batch([Credit(known.boot, known.made, 2)])
    assert len(queue.claims()) == 2

    # The dispatcher had not heard of the two when it wrote this.
    queue.on_batch([Credit(known.boot, known.made, 2)])
    assert len(queue.claims()) == 2

    queue.on_batch([Credit(known.boot, known.made + 2, 1)])
    assert len(queue.claims()) == 3


def test_of_two_credits_in_one_round_the_later_one_counts(queue: Queue, items: WorkItems) -> None:
    submitted(items)
    known = queue.outstanding()

    queue.on_batch([Credit(known.boot, known.made, 5), Credit(known.boot, known.made, 0)])

    assert queue.claims() == []


def test_a_credit_of_another_incarnation_claims_nothing_and_is_answered_with_what_there_is(queue: Queue, items: WorkItems) -> None:
    submitted(items)
    lease = running(items)
    queue.on_batch([Credit("another", 0, 9)])

    (told,) = queue.mail.to("dispatcher", Outstanding)
    assert queue.claims() == []
    assert told.leases == (lease,)
    assert [(work.lease, work.status) for work in told.work] == [(lease, "running")]


def test_an_item_that_comes_due_later_is_claimed_on_a_tick(queue: Queue, database: Database) -> None:
    queue.credit(1)
    later = order(delay=60.0)
    queue.on_batch([later])
    queue.on_tick()
    assert queue.claims() == []

    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET scheduled_at = clock_timestamp()")
    queue.on_tick()

    assert queue.claims() == [Lease(later.item, 1)]


# -- what is told, and in which order ---------------------------------------------------------------------------------


def test_a_survey_is_told_before_the_claims_of_its_round(queue: Queue) -> None:
    known = queue.outstanding()
    queue.mail.take()

    queue.on_batch([Survey(), Credit(known.boot, known.made, 1), order()])

    assert [type(mail) for address, mail in queue.mail.told if address == "dispatcher"] == [Outstanding, Claimed]
    assert queue.mail.to("dispatcher", Outstanding)[0].made < queue.mail.to("dispatcher", Claimed)[0].made


def test_large_specs_travel_in_several_mails_that_agree_on_what_there_is(queue: Queue) -> None:
    submissions = [order(spec="x" * 400_000) for _ in range(3)]
    queue.credit(3)
    queue.on_batch(submissions)

    claimed = queue.mail.to("dispatcher", Claimed)
    assert len(claimed) > 1
    assert [mail.made for mail in claimed] == sorted(mail.made for mail in claimed)
    assert {lease.item for lease in queue.claims()} == {submit.item for submit in submissions}

    queue.mail.take()
    queue.on_batch([Survey()])
    told = queue.mail.to("dispatcher", Outstanding)
    assert len({(mail.boot, mail.made, mail.leases) for mail in told}) == 1
    assert {work.lease for mail in told for work in mail.work} == set(told[0].leases)
    assert len(told[0].leases) == 3


def test_a_result_ends_the_lease_wakes_delivery_and_is_recorded(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    queue.on_batch([done(lease)])

    assert queue.mail.told == [
        (f"worker-{lease.worker}", Recorded(lease, 7, "ok")),
        ("dispatcher", LeaseEnded(lease, "done")),
        ("delivery", OutboxReady()),
    ]


def test_a_failure_ends_the_lease_and_lets_go_of_its_locks(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    queue.on_batch([Finish(lease, 3, "agent", "gave up")])

    assert queue.mail.told == [
        (f"worker-{lease.worker}", Recorded(lease, 3, "ok")),
        ("dispatcher", LeaseEnded(lease, "gave up")),
        ("locks", Release(lease)),
    ]


def test_a_result_whose_events_are_missing_ends_nothing(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)

    queue.on_batch([done(lease, last_event=1)])

    assert queue.mail.told == [(f"worker-{lease.worker}", Recorded(lease, 7, "incomplete"))]
    assert status(database, lease.item) == "running"


def test_a_result_that_overtook_its_acceptance_waits_for_it(queue: Queue, items: WorkItems, database: Database) -> None:
    submitted(items)
    queue.credit(1)
    (lease,) = queue.claims()

    queue.on_batch([done(lease)])
    assert queue.mail.to(f"worker-{lease.worker}", Recorded)[-1].result == "incomplete"

    queue.on_batch([Accepted(lease, 1), done(lease)])
    assert status(database, lease.item) == "publishing"


def test_events_of_a_round_are_stored_before_the_result_that_counts_on_them(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    event = Happened(lease, 4, 1, "ATTEMPT.ITERATION.STARTED", {"iteration": 1})

    queue.on_batch([done(lease, last_event=1), event])

    assert [mail.result for mail in queue.mail.to(f"worker-{lease.worker}", Recorded)] == ["ok", "ok"]


def test_a_result_said_again_is_recorded_again(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    queue.on_batch([done(lease)])
    queue.on_batch([done(lease)])

    assert [mail.result for mail in queue.mail.to(f"worker-{lease.worker}", Recorded)] == ["ok", "ok"]


def test_the_first_word_on_an_attempt_counts(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)

    queue.on_batch([done(lease), Finish(lease, 0, "given_back", "the factory was stopped")])

    assert status(database, lease.item) == "publishing"
    assert [mail.result for mail in queue.mail.to(f"worker-{lease.worker}", Recorded)] == ["ok", "stale"]


def test_everything_said_under_an_old_lease_is_stale(queue: Queue, items: WorkItems) -> None:
    old = running(items)
    queue.on_batch([Finish(old, 1, "infra", "host gone")])
    queue.mail.take()
    event = Happened(old, 2, 1, "ATTEMPT.ITERATION.STARTED", {})

    answers = queue.on_batch(
        [event, Accepted(old, 3), done(old), Starting(old, "k" * 40, "local", "confined", "b"), Published(old, "url", "c")]
    )

    assert [mail.result for mail in queue.mail.to(f"worker-{old.worker}", Recorded)] == ["stale"] * 3
    assert [type(answer) for answer in answers] == [type(None)] * 3 + [Stale, Stale]


def test_a_kill_tells_the_worker_the_dispatcher_and_the_locks(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    (reply,) = queue.on_batch([Steer("c1", "kill", lease.item, "me")])

    assert isinstance(reply, Reply)
    assert reply.code == "ok"
    over = LeaseEnded(lease, "kill by me")
    assert queue.mail.told == [("dispatcher", over), (f"worker-{lease.worker}", over), ("locks", Release(lease))]


def test_a_command_said_twice_is_carried_out_once_and_answered_alike(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    kill = Steer("c1", "kill", lease.item, "me")

    answers = [queue.on_batch([kill])[0], *queue.on_batch([kill, kill])]

    assert [answer.code for answer in answers] == ["ok"] * 3
    assert len(queue.mail.to("dispatcher", LeaseEnded)) == 1
    ended = [event for event in EventReader(database).stream(item_stream(lease.item)) if "ENDED" in event.type]
    assert len(ended) == 1


def test_an_approval_wakes_delivery(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    queue.on_batch([done(lease), Rejected(lease, "policy", "touches CODEOWNERS")])
    queue.mail.take()

    (reply,) = queue.on_batch([Steer("c1", "approve", lease.item, "me")])

    assert reply.code == "ok"
    assert queue.mail.told == [("delivery", OutboxReady())]


def test_a_publication_lets_go_of_the_locks(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    queue.on_batch([done(lease)])
    queue.mail.take()

    assert queue.on_batch([Published(lease, "url", "c")]) == [Ok()]

    assert queue.mail.told == [("locks", Release(lease))]
    assert status(database, lease.item) == "completed"


def test_the_gateway_hears_the_keys_of_living_leases_only(queue: Queue, items: WorkItems) -> None:
    living, ended = running(items), running(items)
    queue.on_batch([Finish(ended, 1, "agent", "gave up")])

    assert queue.on_batch([Enrolled()]) == [Enrolment({living.worker: "k" * 40})]


def test_a_worker_that_is_gone_is_no_longer_looked_for(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    queue.on_batch([Finish(lease, 1, "agent", "gave up")])
    assert queue.outstanding().unleased == (lease,)

    queue.on_batch([WorkerGone(lease, "its attempt is over")])

    assert queue.outstanding().unleased == ()


# -- time -------------------------------------------------------------------------------------------------------------


def test_beats_are_renewed_on_the_tick_and_the_dead_hear_that_they_are(queue: Queue, items: WorkItems) -> None:
    living, ended = running(items), running(items)
    queue.on_batch([Finish(ended, 1, "agent", "gave up")])
    queue.mail.take()

    queue.on_batch([Renew(living, "running", 1), Renew(ended, "running", 1), Renew(living, "running", 2)])
    assert queue.mail.told == []
    queue.on_tick()

    assert queue.mail.told == [
        (f"worker-{living.worker}", Renewed(living, TERMS.lease.lease)),
        (f"worker-{ended.worker}", LeaseEnded(ended, "the lease is over")),
    ]


def test_a_beat_is_renewed_once(queue: Queue, items: WorkItems) -> None:
    queue.on_batch([Renew(running(items), "running")])
    queue.on_tick()
    queue.mail.take()

    queue.on_tick()

    assert queue.mail.told == []


def test_no_lease_runs_out_before_the_boot_grace_is_over(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    lapse(database, lease)

    queue.tick_to(2.5)
    assert status(database, lease.item) == "running"

    queue.tick_to(0.5)
    assert status(database, lease.item) == "queued"
    over = LeaseEnded(lease, "the lease ran out")
    assert ("dispatcher", over) in queue.mail.told
    assert (f"worker-{lease.worker}", over) in queue.mail.told


def test_a_suspended_host_costs_no_lease(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    queue.tick_to(10)
    lapse(database, lease)

    queue.clock.advance(100 * H)
    queue.on_tick()
    queue.tick_to(2.5)
    assert status(database, lease.item) == "running"

    # Heard again within the quiet time, it lives on.
    queue.on_batch([Renew(lease, "running")])
    queue.tick_to(5)
    assert status(database, lease.item) == "running"


def test_a_beat_in_the_same_round_saves_a_lease_that_had_just_run_out(queue: Queue, items: WorkItems, database: Database) -> None:
    queue.tick_to(4)
    lease = running(items)
    lapse(database, lease)

    queue.on_batch([Renew(lease, "running")])
    queue.on_tick()

    assert status(database, lease.item) == "running"


# -- outages ----------------------------------------------------------------------------------------------------------


class Troubled:
    """A store whose rounds fail as often as asked, before or after they were committed, and take their time."""

    def __init__(self, items: WorkItems, clock: ManualClock | None = None) -> None:
        self._items = items
        self.clock = clock
        self.failing_before = self.failing_after = 0
        self.stalls = 0.0

    @contextmanager
    def round(self) -> Iterator[QueueRound]:
        if self.failing_before:
            self.failing_before -= 1
            raise StoreUnavailable("The server went away.")
        if self.clock is not None:
            self.clock.advance(self.stalls)
        with self._items.round() as round_:
            yield round_
        if self.failing_after:
            self.failing_after -= 1
            raise StoreUnavailable("The connection was lost at the commit.")


@pytest.fixture
def troubled(items: WorkItems) -> Troubled:
    return Troubled(items)


@pytest.fixture
def unlucky(troubled: Troubled) -> Queue:
    return Queue(troubled)


def test_a_round_that_never_began_is_made_once(unlucky: Queue, troubled: Troubled, database: Database) -> None:
    troubled.failing_before = 2
    submit = order()

    (answer,) = unlucky.on_batch([submit])

    assert answer.code == "ok"
    assert [event.type for event in EventReader(database).stream(item_stream(submit.item))] == ["WORK_ITEM.ENQUEUED.SUCCESS"]


def test_a_commit_whose_answer_was_lost_does_not_double_what_it_did(
    unlucky: Queue, troubled: Troubled, items: WorkItems, database: Database
) -> None:
    submit, lease = order(), running(items)
    troubled.failing_after = 2

    answer, _, reply = unlucky.on_batch([submit, done(lease), Steer("c1", "prioritise", lease.item, "me", argument="0")])

    assert (answer.code, reply.code) == ("ok", "ok")
    types = [event.type for event in EventReader(database).stream(item_stream(lease.item))]
    assert types.count("WORK_ITEM.RESULT.ACCEPTED") == types.count("WORK_ITEM.PRIORITISED.SUCCESS") == 1
    assert unlucky.mail.to(f"worker-{lease.worker}", Recorded) == [Recorded(lease, 7, "ok")]


def test_claims_of_a_lost_commit_count_although_nobody_was_told(unlucky: Queue, troubled: Troubled, items: WorkItems) -> None:
    for _ in range(5):
        submitted(items)
    known = unlucky.outstanding()
    credit = Credit(known.boot, known.made, 2)
    troubled.failing_after = 1

    unlucky.on_batch([credit])
    # Written before the dispatcher heard of anything.
    unlucky.on_batch([credit])

    told = unlucky.outstanding()
    assert len(told.leases) == 2
    assert told.boot != known.boot
    assert unlucky.claims() == []
    unlucky.on_batch([Credit(told.boot, told.made, 1)])
    assert len(unlucky.outstanding().leases) == 3


def test_a_stalled_store_costs_no_lease(items: WorkItems, database: Database) -> None:
    troubled = Troubled(items)
    queue = Queue(troubled)
    troubled.clock = queue.clock
    queue.tick_to(4)
    lease = running(items)
    lapse(database, lease)

    # The round is begun in time and goes on when the server does; what the worker said meanwhile lies in the inbox.
    troubled.stalls = 5 * H
    queue.on_tick()
    troubled.stalls = 0.0
    queue.on_batch([Renew(lease, "running")])
    queue.tick_to(4)

    assert status(database, lease.item) == "running"


# -- what the store does not take -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"title": "a\0b"}, {"priority": 9}, {"max_iterations": 0}, {"files": ("/etc/passwd",)}, {"spec": "x" * MAX_SUBMISSION}],
    ids=["zero byte", "priority", "iterations", "files", "size"],
)
def test_an_item_that_cannot_be_stored_is_invalid_and_holds_up_nobody(queue: Queue, changes: dict[str, object]) -> None:
    good = order()

    answers = queue.on_batch([order(**changes), good])

    assert [answer.code for answer in answers] == ["invalid", "ok"]
    assert answers[0].reason


def test_files_are_kept_as_the_lock_manager_names_them(queue: Queue) -> None:
    queue.credit(1)

    queue.on_batch([order(files=("./src//b.py", "a.py", "a.py"))])

    assert queue.mail.to("dispatcher", Claimed)[0].work[0].files == ("a.py", "src/b.py")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("ATTEMPT.GATE.FAILED", {"output": "a\0b"}),
        ("ATTEMPT.GATE.FAILED", {"ratio": float("nan")}),
        ("ATTEMPT.GATE.FAILED", {"ratio": float("-inf")}),
        ("ATTEMPT.ITERATION.STARTED", {"iteration": 2**40}),
        ("ATTEMPT.ITERATION.STARTED", {"iteration": -(2**40)}),
        ("ATTEMPT.ITERATION.STARTED", {"big": 1e300, "small": 5e-324, "zero": -0.0}),
    ],
)  # fmt: skip
def test_whatever_an_agent_says_is_stored_and_the_chain_stays_whole(
    queue: Queue, items: WorkItems, database: Database, kind: str, data: dict[str, object]
) -> None:
    lease, other = running(items), running(items)

    queue.on_batch([Happened(lease, 1, 1, kind, data), Happened(other, 1, 1, "ATTEMPT.WORKSPACE.READY", {})])

    for one in (lease, other):
        assert queue.mail.to(f"worker-{one.worker}", Recorded) == [Recorded(one, 1, "ok", 1)]
        assert EventReader(database).verify(item_stream(one.item)) is None


@pytest.mark.parametrize("outcome", ["agent", "gate", "stuck"])
def test_binary_output_as_evidence_ends_an_attempt_like_any_other(queue: Queue, items: WorkItems, database: Database, outcome: str) -> None:
    lease = running(items)

    queue.on_batch([Finish(lease, 1, outcome, "red\0", "\x7fELF\0\0")])  # type: ignore[arg-type]  # one of the literals

    assert queue.mail.to(f"worker-{lease.worker}", Recorded) == [Recorded(lease, 1, "ok")]
    assert status(database, lease.item) == "queued"


def test_binary_output_of_a_gate_rejects_a_result_like_any_other(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    queue.on_batch([done(lease)])

    assert queue.on_batch([Rejected(lease, "gate", "unit is red", "a\0b")]) == [Ok()]

    assert status(database, lease.item) == "queued"
