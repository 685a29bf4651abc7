"""The queue's store on a real database."""

from collections.abc import Callable

import msgspec
import pytest
from psycopg.types.json import Jsonb

from factory.domain.events import NewEvent, fold, item_stream
from factory.protocol.attempt_mail import Finish, Happened, Renew, Starting
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.mailbox import Lease
from factory.storage import queries
from factory.storage.database import Database
from factory.storage.events import EventReader, append
from factory.storage.work_items import WorkItems
from tests.work import BASE, claimed, done, finish, order, running, store, submitted


def row(database: Database, item: str) -> dict[str, object]:
    with database.transaction() as cursor:
        found = cursor.execute("SELECT * FROM work_items WHERE id = %s", (item,)).fetchone()
    assert found is not None
    return found


def event_types(database: Database, item: str) -> list[str]:
    return [event.type for event in EventReader(database).stream(item_stream(item))]


def expire_now(database: Database, lease: Lease) -> None:
    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET lease_until = clock_timestamp() - interval '1 day' WHERE id = %s", (lease.item,))


def taken_over(items: WorkItems, database: Database) -> tuple[Lease, Lease]:
    """A lease that ran out, and the one that followed it."""
    old = running(items)
    expire_now(database, old)
    with items.round() as round_:
        assert round_.expire(0.0) == [old]
    new = claimed(items)[0].lease
    assert new == Lease(old.item, old.epoch + 1)
    return old, new


def test_claims_go_by_priority_then_age(database: Database) -> None:
    items = store(database)
    low, critical, medium = (submitted(items, priority=priority) for priority in (3, 0, 2))

    work = claimed(items, 3)

    assert [one.lease.item for one in work] == [critical, medium, low]


def test_an_old_item_of_low_priority_passes_a_young_one_of_high_priority(database: Database) -> None:
    items = store(database)
    old = submitted(items, priority=3)
    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET rank = rank - 3 * 3600 - 60 WHERE id = %s", (old,))
    submitted(items, priority=0)

    assert claimed(items)[0].lease.item == old


def test_an_item_scheduled_for_later_is_not_claimed(database: Database) -> None:
    items = store(database)
    submitted(items, delay=60.0)

    assert claimed(items) == []


def test_a_factory_for_one_item_leaves_the_others_alone(database: Database) -> None:
    everything = store(database)
    submitted(everything)
    wanted = submitted(everything)

    assert [one.lease.item for one in claimed(store(database, only=wanted), 5)] == [wanted]


def test_the_same_submission_twice_is_one_item(database: Database) -> None:
    items = store(database)
    submit = order()
    with items.round() as round_:
        assert round_.submit(submit) is None
        assert round_.submit(submit) is None

    assert len(claimed(items, 5)) == 1


def test_another_item_of_the_same_source_is_refused_with_a_reason(database: Database) -> None:
    items = store(database)
    submitted(items, source="github", source_id="o/r#7")

    with items.round() as round_:
        reason = round_.submit(order(source="github", source_id="o/r#7"))

    assert reason is not None
    assert "o/r#7" in reason


def test_a_result_goes_to_the_outbox_and_its_publication_completes_the_item(database: Database) -> None:
    items = store(database)
    lease = running(items)

    assert finish(items, done(lease)) == "ok"
    assert row(database, lease.item)["status"] == "publishing"
    with items.round() as round_:
        assert round_.published(Published(lease, "url", "c"))

    after = row(database, lease.item)
    assert (after["status"], after["pr_url"]) == ("completed", "url")
    with database.transaction() as cursor:
        assert cursor.execute("SELECT done_at IS NOT NULL AS over FROM outbox").fetchall() == [{"over": True}]


def test_done_is_not_accepted_before_all_events_are_stored(database: Database) -> None:
    items = store(database)
    lease = running(items)

    assert finish(items, done(lease, last_event=2)) == "incomplete"
    with items.round() as round_:
        round_.happened([Happened(lease, 1, number, "ATTEMPT.ITERATION.SUCCESS", {"iteration": number}) for number in (2, 1)])

    assert finish(items, done(lease, last_event=2)) == "ok"


def test_done_said_twice_is_accepted_once(database: Database) -> None:
    items = store(database)
    lease = running(items)

    assert [finish(items, done(lease)), finish(items, done(lease))] == ["ok", "ok"]

    assert event_types(database, lease.item).count("WORK_ITEM.RESULT.ACCEPTED") == 1


def test_an_agents_event_number_is_stored_once(database: Database) -> None:
    items = store(database)
    lease = running(items)
    event = Happened(lease, 1, 1, "ATTEMPT.ITERATION.STARTED", {"iteration": 1})

    for _ in range(3):
        with items.round() as round_:
            assert round_.happened([event, event]) == {lease: 1}

    assert event_types(database, lease.item).count("ATTEMPT.ITERATION.STARTED") == 1


def test_what_an_earlier_version_stored_before_what_was_lost_is_not_stored_again(database: Database) -> None:
    items = store(database)
    lease = running(items)
    first, second, third = (Happened(lease, 1, number, "ATTEMPT.ITERATION.STARTED", {"iteration": number}) for number in (1, 2, 3))
    with database.transaction() as cursor:
        append(cursor, [NewEvent(item_stream(lease.item), third.kind, {"agent": third.data}, epoch=lease.epoch, number=3)])

    with items.round() as round_:
        assert round_.happened([first, second, third]) == {lease: 3}

    assert event_types(database, lease.item).count("ATTEMPT.ITERATION.STARTED") == 3


def test_an_outage_burns_no_attempt_and_a_failing_agent_burns_one(database: Database) -> None:
    items = store(database)
    outage, failing = running(items), running(items)

    finish(items, Finish(outage, 0, "infra", "host gone"))
    finish(items, Finish(failing, 0, "agent", "gave up"))

    assert (row(database, outage.item)["attempts"], row(database, outage.item)["setbacks"]) == (0, 1)
    assert (row(database, failing.item)["attempts"], row(database, failing.item)["status"]) == (1, "queued")


def test_the_third_failed_attempt_fails_the_item_with_its_evidence(database: Database) -> None:
    items = store(database)
    lease = running(items)
    for epoch in (1, 2, 3):
        lease = Lease(lease.item, epoch)
        if epoch > 1:
            assert claimed(items)[0].lease == lease
        finish(items, Finish(lease, 0, "agent", "gave up", "tests are red"))

    after = row(database, lease.item)
    assert (after["status"], after["attempts"], after["evidence"]) == ("failed", 3, "tests are red")


def test_a_red_gate_hands_its_output_to_the_next_attempt(database: Database) -> None:
    items = store(database)
    lease = running(items)
    finish(items, done(lease))

    with items.round() as round_:
        assert round_.rejected(Rejected(lease, "gate", "unit is red", "1 failed"), 0.0)

    (work,) = claimed(items)
    assert (work.lease.epoch, work.previous) == (2, "1 failed")
    assert row(database, lease.item)["attempts"] == 1


ZOMBIE: dict[str, Callable[[WorkItems, Lease], object]] = {
    "start_work_items": lambda items, lease: _round(items, lambda round_: round_.accepted(lease)),
    "renew_leases": lambda items, lease: _round(items, lambda round_: lease in round_.renew([Renew(lease, "running")])),
    "end_lease": lambda items, lease: finish(items, Finish(lease, 0, "agent", "late")) == "ok",
    "accept_results": lambda items, lease: finish(items, done(lease)) == "ok",
    "worker_starting": lambda items, lease: _round(
        items, lambda round_: round_.starting(Starting(lease, "k" * 40, "local", "unconfined", BASE))
    ),
    "publish_work_item": lambda items, lease: _round(items, lambda round_: round_.published(Published(lease, "url", "c"))),
    "reject_result": lambda items, lease: _round(items, lambda round_: round_.rejected(Rejected(lease, "gate", "red"), 0.0)),
}


def _round(items: WorkItems, act: Callable[..., object]) -> object:
    with items.round() as round_:
        return act(round_)


@pytest.mark.parametrize("statement", ZOMBIE)
def test_a_worker_that_was_given_up_changes_nothing(database: Database, statement: str) -> None:
    items = store(database)
    old, new = taken_over(items, database)
    if statement in {"publish_work_item", "reject_result"}:
        with items.round() as round_:
            round_.accepted(new)
        finish(items, done(new))
    before = row(database, new.item)

    assert not ZOMBIE[statement](items, old)

    assert row(database, new.item) == before
    if statement != "renew_leases":
        assert "WORK_ITEM.STALE.REFUSED" in event_types(database, new.item)


FENCE = "epoch = %(epoch)s"


@pytest.mark.parametrize(
    "statement",
    ["start_work_items", "end_lease", "accept_results", "worker_starting", "publish_work_item", "reject_result", "renew_leases"],
)
def test_every_statement_that_changes_a_leased_item_is_fenced_by_its_epoch(database: Database, statement: str) -> None:
    """The statement alone, with the old epoch: nothing. Without its fence: the zombie wins, so this test sees the fence."""
    items = store(database)
    old, new = taken_over(items, database)
    with items.round() as round_:
        round_.accepted(new)
    if statement in {"publish_work_item", "reject_result"}:
        finish(items, done(new))
    sql = queries.query(statement)
    unfenced = sql.replace(f"AND item.{FENCE}", "").replace(f"AND {FENCE}", "").replace("AND item.epoch = beat.number", "")
    unfenced = unfenced.replace("AND item.epoch = said.epoch", "")
    assert unfenced != sql

    assert _rows(database, sql, old) == 0
    assert _rows(database, unfenced, old) == 1


def _rows(database: Database, sql: str, lease: Lease) -> int:
    bound = {
        "item": lease.item, "epoch": lease.epoch, "worker": f"{lease.item}-2", "lease": 15.0, "status": "queued", "attempts": 1,
        "setbacks": 0, "condition": None, "reason": "", "evidence": "", "delay": 0.0, "terminal": False, "url": "u",
        "public_key": "k", "host": "h", "isolation": "i", "items": [lease.item], "epochs": [lease.epoch],
        "said": Jsonb([
            {"item": lease.item, "epoch": lease.epoch, "worker": "w", "stream": "s", "iterations": 1, "tokens": 1, "last_event": 0,
             "commits": 1, "files_changed": 1, "head_commit": "c", "payload": {}}
        ]),
    }  # fmt: skip
    with database.transaction() as cursor:
        return len(cursor.execute(sql.encode(), bound).fetchall())


def test_a_killed_item_goes_back_to_the_queue_and_its_lease_is_over(database: Database) -> None:
    items = store(database)
    lease = running(items)

    with items.round() as round_:
        reply, ended = round_.steer(Steer("c1", "kill", lease.item, "me"))

    assert (reply.code, ended) == ("ok", lease)
    assert (row(database, lease.item)["status"], row(database, lease.item)["attempts"]) == ("queued", 1)
    assert finish(items, done(lease)) == "stale"


def test_a_command_meant_for_an_earlier_attempt_is_a_conflict(database: Database) -> None:
    items = store(database)
    lease = running(items)

    with items.round() as round_:
        reply, ended = round_.steer(Steer("c1", "kill", lease.item, "me", expected_epoch=lease.epoch + 1))

    assert (reply.code, ended) == ("conflict", None)


def test_what_is_guarded_waits_for_a_person_and_goes_on_when_approved(database: Database) -> None:
    items = store(database)
    lease = running(items)
    finish(items, done(lease))
    with items.round() as round_:
        assert round_.rejected(Rejected(lease, "policy", "touches CODEOWNERS"), 0.0)
    assert row(database, lease.item)["status"] == "needs_approval"

    with items.round() as round_:
        reply, _ = round_.steer(Steer("c1", "approve", lease.item, "me"))

    assert reply.code == "ok"
    assert row(database, lease.item)["status"] == "publishing"
    assert row(database, lease.item)["approved_digest"]


def test_a_result_that_was_taken_is_not_refused_when_it_is_said_again_after_it_was_rejected(database: Database) -> None:
    items = store(database)
    lease = running(items)
    finish(items, done(lease))
    with items.round() as round_:
        assert round_.rejected(Rejected(lease, "policy", "touches CODEOWNERS"), 0.0)

    # A refusal would have its bundle thrown away, which an approval still needs.
    assert finish(items, done(lease)) == "ok"
    other = done(lease)
    assert other.result is not None
    assert finish(items, msgspec.structs.replace(other, result=msgspec.structs.replace(other.result, commit="d" * 40))) == "stale"


def test_a_parked_item_is_queued_when_its_files_are_free(database: Database) -> None:
    items = store(database)
    holder, waiting = running(items, files=("a.py",)), running(items, files=("a.py",))
    with database.transaction() as cursor:
        cursor.execute("INSERT INTO file_locks VALUES ('/repo', 'a.py', %s, %s, %s)", (holder.item, holder.epoch, holder.worker))
    finish(items, Finish(waiting, 0, "waits", "locked", condition="locks:/repo"))

    with items.round() as round_:
        assert round_.unpark() == 0
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM file_locks")
    with items.round() as round_:
        assert round_.unpark() == 1

    assert (row(database, waiting.item)["status"], row(database, waiting.item)["attempts"]) == ("queued", 0)


def test_folding_the_trail_gives_the_row_and_its_chain_is_whole(database: Database) -> None:
    items = store(database)
    old, new = taken_over(items, database)
    with items.round() as round_:
        round_.accepted(new)
        round_.steer(Steer("c1", "prioritise", new.item, "me", argument="0"))
    finish(items, done(old))
    finish(items, done(new))
    reader = EventReader(database)

    events = reader.stream(item_stream(new.item))

    current = row(database, new.item)
    assert fold(event.data for event in events) == {
        key: current[key] for key in ("status", "epoch", "attempts", "priority", "holder", "reason")
    }
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert reader.verify(item_stream(new.item)) is None


def test_a_tampered_event_is_found(database: Database) -> None:
    items = store(database)
    lease = running(items)
    stream = item_stream(lease.item)
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
        cursor.execute("""UPDATE events SET data = data || '{"reason": "x"}' WHERE stream = %s AND seq = 2""", (stream,))

    assert EventReader(database).verify(stream) == f"{stream}: event 2 does not carry the hash it should"


def test_a_reader_does_not_skip_a_transaction_that_commits_late(database: Database, dsn: str) -> None:
    items, reader = store(database), EventReader(database)
    place = reader.mark()
    with Database(dsn, "late") as other:
        late = store(other)
        with late.round() as held:
            held.submit(order())
            # Its events are appended, and its transaction id taken, before those of the one that overtakes it.
            held.tx.cursor.execute("SELECT pg_current_xact_id()")
            submitted(items)
            place, seen_early = reader.after(place)
        place, seen_later = reader.after(place)

    assert len(seen_early) + len(seen_later) == 2
