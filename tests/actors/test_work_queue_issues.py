"""The queue hears what issues and pull requests have to say: on a real database, each word said twice."""

from typing import Any

import pytest

from factory.domain.events import fold, item_stream
from factory.protocol.attempt_mail import Finish, Starting
from factory.protocol.commands import Reply, Steer
from factory.protocol.delivery_mail import Published
from factory.protocol.issue_mail import Followed, Questioned, Reopened, Reworded, Specified
from factory.protocol.lease_mail import Credit, LeaseEnded
from factory.protocol.lock_mail import Release
from factory.protocol.mailbox import Lease, Ok, Refused
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.work_items import WorkItems
from tests.actors.queue_site import Queue
from tests.work import COMMIT, done, order, running

SPEC = "# A goal\n\n- [ ] a task\n"


def row(database: Database, item: str) -> dict[str, Any]:
    with database.transaction() as cursor:
        found = cursor.execute("SELECT * FROM work_items WHERE id = %s", (item,)).fetchone()
    assert found is not None
    trail = EventReader(database)
    assert trail.verify(item_stream(item)) is None
    folded = fold(event.data for event in trail.stream(item_stream(item)))
    columns = {name: found[name] for name in ("status", "epoch", "attempts", "holder", "reason")}
    assert {name: folded[name] for name in columns} == columns
    return found


def says(queue: Queue, mail: object) -> object:
    """The answer, which is the same where it was lost and the word is said again."""
    first, second = queue.on_batch([mail])[0], queue.on_batch([mail])[0]
    assert first == second
    return first


def waiting(queue: Queue) -> str:
    submit = order(needs_spec=True, spec="")
    assert queue.on_batch([submit]) == [Reply("ok", data={"item": submit.item})]
    return submit.item


def in_review(queue: Queue, items: WorkItems) -> Lease:
    lease = running(items)
    queue.on_batch([done(lease)])
    assert queue.on_batch([Published(lease, "https://forge/pull/1", COMMIT, followed=True)]) == [Ok()]
    return lease


def test_an_item_without_a_spec_is_claimed_when_it_has_one(queue: Queue, database: Database) -> None:
    item = waiting(queue)
    queue.credit(3)
    queue.tick_to(5)
    assert (queue.claims(), row(database, item)["status"]) == ([], "parked")

    assert queue.on_batch([Specified(item, "The goal", SPEC, ("a.py",), "somebody", 12)]) == [Ok()]

    assert queue.claims() == [Lease(item, 1)]
    found = row(database, item)
    assert (found["spec"], found["title"], found["files"], found["condition"]) == (SPEC, "The goal", ["a.py"], None)
    # The writer whose answer was lost says it again.
    assert queue.on_batch([Specified(item, "The goal", SPEC)]) == [Ok()]
    assert row(database, item)["epoch"] == 1


def test_open_questions_ask_a_person_and_an_answer_lets_the_writer_try_again(queue: Queue, database: Database) -> None:
    item = waiting(queue)

    assert says(queue, Questioned(item, ("Which colour?", "How large?"))) == Ok()
    found = row(database, item)
    assert (found["status"], found["evidence"]) == ("needs_approval", "- Which colour?\n- How large?")
    assert found["reason"] == "The issue leaves open: Which colour? How large?"

    assert says(queue, Reopened(item, "ann")) == Ok()
    assert (row(database, item)["status"], row(database, item)["condition"]) == ("parked", "spec")


@pytest.mark.parametrize("verb", ["approve", "retry"])
def test_an_operator_sends_an_item_without_a_spec_back_to_the_writer_not_to_a_worker(queue: Queue, database: Database, verb: Any) -> None:
    item = waiting(queue)
    says(queue, Questioned(item, ("Which colour?",)))

    assert queue.on_batch([Steer("c1", verb, item, "me")])[0].code == "ok"

    found = row(database, item)
    assert (found["status"], found["condition"]) == ("parked", "spec")


def test_an_edit_ends_the_attempt_without_burning_one_and_shows_the_difference(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)

    assert says(queue, Reworded(lease.item, "ann changed the issue", "-red\n+blue")) == Ok()

    found = row(database, lease.item)
    assert (found["status"], found["attempts"], found["spec"], found["evidence"]) == ("needs_approval", 0, "", "-red\n+blue")
    assert queue.mail.to("dispatcher", LeaseEnded) == [LeaseEnded(lease, "its issue was changed")]
    assert queue.mail.to("locks", Release) == [Release(lease)]
    assert queue.on_batch([Steer("c1", "approve", lease.item, "me")])[0].code == "ok"
    assert row(database, lease.item)["condition"] == "spec"


def test_a_merged_pull_request_completes_its_item(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = in_review(queue, items)
    assert row(database, lease.item)["status"] == "in_review"

    assert says(queue, Followed(lease.item, lease.epoch, "merged", "merged by ann", head=COMMIT)) == Ok()

    assert (row(database, lease.item)["status"], row(database, lease.item)["completed_at"] is None) == ("completed", False)


def test_a_pull_request_that_is_closed_unmerged_cancels_its_item(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = in_review(queue, items)

    assert says(queue, Followed(lease.item, lease.epoch, "closed", "closed by ann")) == Ok()

    assert (row(database, lease.item)["status"], row(database, lease.item)["reason"]) == ("cancelled", "closed by ann")


def test_a_failed_check_queues_the_item_again_with_what_it_said(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = in_review(queue, items)
    queue.credit(1)

    assert queue.on_batch([Followed(lease.item, lease.epoch, "rework", "the check test failed", "1 failed")]) == [Ok()]

    assert queue.claims() == [Lease(lease.item, lease.epoch + 1)]
    work = items_leased(items)
    assert work.previous == "1 failed"
    # What is said about the attempt before comes too late.
    answer = queue.on_batch([Followed(lease.item, lease.epoch, "merged", "merged by ann")])[0]
    assert isinstance(answer, Refused)


def items_leased(items: WorkItems) -> Any:
    with items.round() as round_:
        return round_.leased()[0]


def test_after_enough_reworks_a_person_is_asked(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = in_review(queue, items)
    for number in range(3):
        assert queue.on_batch([Followed(lease.item, lease.epoch, "rework", "red", f"{number}")]) == [Ok()]
        known = queue.outstanding()
        queue.on_batch([Credit(known.boot, known.made, 1)])
        lease = Lease(lease.item, lease.epoch + 1)
        with items.round() as round_:
            assert round_.starting(Starting(lease, "k" * 40, "local", "confined", COMMIT))
            assert round_.accepted(lease)
        queue.on_batch([done(lease), Published(lease, "https://forge/pull/1", COMMIT, followed=True)])

    assert queue.on_batch([Followed(lease.item, lease.epoch, "rework", "red", "4")]) == [Ok()]

    assert (row(database, lease.item)["status"], row(database, lease.item)["reason"]) == ("stuck", "red (after 3 reworks)")


def test_nobody_hears_of_an_item_that_is_not_there(queue: Queue) -> None:
    assert queue.on_batch([Reopened("0000000000", "ann")]) == [Refused("there is no item 0000000000", "conflict")]


def test_a_failure_before_a_first_rework_shows_the_next_attempt_no_old_evidence(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    queue.on_batch([Finish(lease, 0, "given_back", "stopping", evidence="noise")])

    with items.round() as round_:
        (work,) = round_.claim(1)

    assert work.previous == ""
