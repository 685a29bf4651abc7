"""The queue's actor on a real database: time, outages, and what the store does not take."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actors.parcels import MAX_SUBMISSION
from factory.domain.events import item_stream
from factory.errors import StoreUnavailable
from factory.protocol.attempt_mail import Finish, Happened, Recorded, Renew, Renewed
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Rejected
from factory.protocol.lease_mail import Claimed, Credit, LeaseEnded
from factory.protocol.mailbox import Ok
from factory.queue_ports import QueueRound
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.work_items import WorkItems
from tests.actors.queue_site import H, Queue, lapse, status
from tests.fakes.clock import ManualClock
from tests.work import TERMS, done, order, running, submitted


class Troubled:
    """A store whose rounds fail as often as asked, before or after they were committed, and take their time."""

    def __init__(self, items: WorkItems, clock: ManualClock | None = None) -> None:
        self._items = items
        self.clock = clock
        self.failing_before = self.failing_after = self.losing = 0
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
            if self.losing:
                self.losing -= 1
                raise StoreUnavailable("The connection was lost before the commit.")
        if self.failing_after:
            self.failing_after -= 1
            raise StoreUnavailable("The connection was lost at the commit.")


@pytest.fixture
def troubled(items: WorkItems) -> Troubled:
    return Troubled(items)


@pytest.fixture
def unlucky(troubled: Troubled) -> Queue:
    return Queue(troubled)


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

    # It begins with the first tick: before that nobody knows what the store's clock did.
    queue.tick_to(3)
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


def test_a_clock_that_was_set_back_while_no_queue_was_there_makes_nothing_wait_longer(
    queue: Queue, items: WorkItems, database: Database
) -> None:
    waiting, soon = submitted(items), submitted(items)
    queue.tick_to(0.5)
    set_back(database, 3_600)
    after = Queue(items)

    after.credit(5)

    assert {lease.item for lease in after.claims()} == {waiting, soon}
    later = submitted(items)
    after.credit(5)
    after.tick_to(0.5)
    assert [lease.item for lease in after.claims()] == [later], "made up for once"


def test_what_was_made_up_for_is_not_again_where_the_commits_answer_was_lost(
    unlucky: Queue, troubled: Troubled, database: Database
) -> None:
    unlucky.tick_to(0.5)
    far = order(delay=5_000.0)
    unlucky.on_batch([far])
    set_back(database, 3_600)
    troubled.failing_after = 3

    unlucky.tick_to(2)

    assert _starts_in(database, far.item) == pytest.approx(5_000, abs=60)


def test_a_step_that_no_commit_made_up_for_is_made_up_for_later(unlucky: Queue, troubled: Troubled, database: Database) -> None:
    unlucky.tick_to(0.5)
    far = order(delay=5_000.0)
    unlucky.on_batch([far])
    set_back(database, 3_600)
    troubled.losing = 2

    unlucky.tick_to(2)

    assert _starts_in(database, far.item) == pytest.approx(5_000, abs=60)


def set_back(database: Database, seconds: float) -> None:
    """As it looks in the tables: all that was written before is of a later time."""
    with database.transaction() as cursor:
        cursor.execute(
            "UPDATE limits SET value = jsonb_set(value, '{seconds}', to_jsonb((value ->> 'seconds')::float8 + %s)) WHERE name = 'clock'",
            (seconds,),
        )
        cursor.execute(
            "UPDATE work_items SET scheduled_at = scheduled_at + make_interval(secs => %s), rank = rank + %s", (seconds, seconds)
        )


def _starts_in(database: Database, item: str) -> float:
    with database.transaction() as cursor:
        row = cursor.execute(
            "SELECT extract(epoch FROM scheduled_at - clock_timestamp())::float8 AS seconds FROM work_items WHERE id = %s", (item,)
        ).fetchone()
    assert row is not None
    return float(row["seconds"])


# -- outages ----------------------------------------------------------------------------------------------------------


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
    [
        {"title": "a\0b"}, {"priority": 9}, {"max_iterations": 0}, {"files": ("/etc/passwd",)}, {"spec": "x" * MAX_SUBMISSION},
        {"repo": "https://ghp_x@github.com/o/r"},
    ],
    ids=["zero byte", "priority", "iterations", "files", "size", "token"],
)  # fmt: skip
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
        ("ATTEMPT.ITERATION.STARTED", {"iteration": True}),
        ("ATTEMPT.ITERATION.STARTED", {"iteration": 1.5}),
        ("ATTEMPT.ITERATION.STARTED", {"iteration": "1"}),
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
