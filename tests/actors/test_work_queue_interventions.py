"""A person steps in: a note to the agent, and everything stopped at once."""

import pytest

from factory.protocol.attempt_mail import Finish, Noted
from factory.protocol.commands import MAX_NOTE, MAX_WHY, EmergencyStop, Reply, Steer
from factory.protocol.lease_mail import Claimed, Credit, LeaseEnded
from factory.protocol.lock_mail import Release
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.rounds import MOST_NOTES
from factory.storage.work_items import WorkItems
from tests.actors.queue_site import Queue, status
from tests.work import claimed, done, finish, running, submitted


def noted(queue: Queue, item: str, text: str, command: str = "") -> Reply:
    (reply,) = queue.on_batch([Steer(command or f"c-{text[:20]}", "note", item, "ada", None, text)])
    assert isinstance(reply, Reply)
    return reply


# -- a reason ---------------------------------------------------------------------------------------------------------


def test_the_reason_of_a_rejection_is_in_the_item_and_in_its_event(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "policy", "touches deploy/", evidence="deploy/x"))

    (reply,) = queue.on_batch([Steer("c-1", "reject", lease.item, "ada", lease.epoch, " It drops\nthe \x1b[31mtests. ")])

    assert isinstance(reply, Reply)
    assert (reply.code, reply.data["status"]) == ("ok", "cancelled")
    told = "rejected by ada: It drops the tests."
    with database.transaction() as cursor:
        row = cursor.execute("SELECT status, reason FROM work_items WHERE id = %s", [lease.item]).fetchone()
    assert row == {"status": "cancelled", "reason": told}
    last = EventReader(database).stream(f"item:{lease.item}")[-1]
    assert (last.type, last.data["reason"]) == ("WORK_ITEM.CANCELLED.SUCCESS", told)


def test_a_reason_that_is_too_long_is_refused_and_changes_nothing(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "policy", "touches deploy/", evidence="deploy/x"))

    (reply,) = queue.on_batch([Steer("c-1", "reject", lease.item, "ada", None, "x" * (MAX_WHY + 1))])

    assert reply == Reply("invalid", "a reason has at most 800 characters, this one has 801")
    assert status(database, lease.item) == "needs_approval"


def test_the_answer_to_a_priority_names_the_version_that_shows_it(queue: Queue, items: WorkItems, database: Database) -> None:
    item = submitted(items)

    (reply,) = queue.on_batch([Steer("c-1", "prioritise", item, "ada", None, "1")])

    assert isinstance(reply, Reply)
    with database.transaction() as cursor:
        row = cursor.execute("SELECT version, priority FROM work_items WHERE id = %s", [item]).fetchone()
    assert row == {"version": reply.data["version"], "priority": 1}


# -- notes ------------------------------------------------------------------------------------------------------------


def test_a_note_goes_to_the_worker_at_work_and_into_the_trail(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)

    reply = noted(queue, lease.item, "use tabs\x1b[31m")

    assert (reply.code, reply.data["read_by"]) == ("ok", lease.worker)
    (told,) = queue.mail.to(f"worker-{lease.worker}", Noted)
    assert (told.noted, [text[:8] for text in told.notes]) == (1, ["use tabs"])
    assert "\x1b" not in told.notes[0]
    types = [event.type for event in EventReader(database).stream(f"item:{lease.item}")]
    assert types[-1] == "WORK_ITEM.NOTED.SUCCESS"
    assert [event.data["verb"] for event in EventReader(database).stream("operator:ada")] == ["note"]


def test_a_note_for_an_item_that_waits_is_handed_to_its_next_attempts(queue: Queue, items: WorkItems) -> None:
    item = submitted(items)
    assert noted(queue, item, "first").data["read_by"] == ""
    noted(queue, item, "second")

    (work,) = claimed(items)
    assert (work.notes, work.noted) == (("first", "second"), 2)
    with items.round() as round_:
        assert round_.leased()[0].notes == ("first", "second")
    assert queue.mail.to(f"worker-{work.lease.worker}", Noted) == []


def test_of_many_notes_the_latest_are_given(queue: Queue, items: WorkItems) -> None:
    item = submitted(items)
    for number in range(MOST_NOTES + 3):
        noted(queue, item, f"note {number}")

    (work,) = claimed(items)

    assert (work.noted, len(work.notes), work.notes[-1]) == (MOST_NOTES + 3, MOST_NOTES, f"note {MOST_NOTES + 2}")


def test_a_note_said_twice_is_one_note(queue: Queue, items: WorkItems) -> None:
    item = submitted(items)
    assert noted(queue, item, "once", "c1") == noted(queue, item, "once", "c1")

    assert claimed(items)[0].notes == ("once",)


@pytest.mark.parametrize("text", ["", "  \n", "x" * (MAX_NOTE + 1)])
def test_a_note_that_is_empty_or_too_long_is_refused(queue: Queue, items: WorkItems, text: str) -> None:
    assert noted(queue, submitted(items), text, "c").code == "invalid"


def test_an_item_that_has_ended_takes_no_note(queue: Queue, items: WorkItems) -> None:
    item = submitted(items)
    queue.on_batch([Steer("c1", "cancel", item, "ada")])

    assert noted(queue, item, "late").code == "conflict"


# -- emergency stop ---------------------------------------------------------------------------------------------------


def test_an_emergency_stop_gives_everything_back_and_nothing_counts(queue: Queue, items: WorkItems, database: Database) -> None:
    first, second = running(items), running(items)
    queue.mail.take()

    (reply,) = queue.on_batch([EmergencyStop("c1", "ada")])

    assert sorted(reply.data["stopped"]) == sorted([first.item, second.item])
    for lease in (first, second):
        assert status(database, lease.item) == "queued"
        assert [ended.lease for ended in queue.mail.to(f"worker-{lease.worker}", LeaseEnded)] == [lease]
    assert len(queue.mail.to("dispatcher", LeaseEnded)) == 2
    assert len(queue.mail.to("locks", Release)) == 2
    with database.transaction() as cursor:
        counted = cursor.execute("SELECT sum(attempts) + sum(setbacks) AS n FROM work_items").fetchone()
    assert counted == {"n": 0}


def test_credit_from_before_an_emergency_stop_claims_nothing(queue: Queue, items: WorkItems, database: Database) -> None:
    before = queue.outstanding()
    running(items)
    waiting = submitted(items)
    queue.on_batch([EmergencyStop("c1", "ada")])
    queue.mail.take()

    queue.on_batch([Credit(before.boot, before.made, 5)])
    queue.on_tick()

    assert queue.mail.to("dispatcher", Claimed) == []
    assert status(database, waiting) == "queued"


def test_an_emergency_stop_said_twice_stops_once(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    (first,) = queue.on_batch([EmergencyStop("c1", "ada")])
    (again,) = claimed(items)

    (second,) = queue.on_batch([EmergencyStop("c1", "ada")])

    assert first == second == Reply("ok", data={"stopped": [lease.item]})
    assert status(database, again.lease.item) == "assigned"


def test_a_result_that_comes_after_the_stop_is_stale(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    queue.on_batch([EmergencyStop("c1", "ada")])

    assert finish(items, done(lease)) == "stale"
    assert status(database, lease.item) == "queued"
