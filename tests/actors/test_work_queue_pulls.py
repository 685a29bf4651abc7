"""A pull request is merged or closed while its item is not in review: the item is over then, wherever it is. On a real database."""

from dataclasses import dataclass

import pytest

from factory.domain.work_item import RetryPolicy
from factory.protocol.attempt_mail import Finish, Recorded, Starting, WorkerGone
from factory.protocol.delivery_mail import Published
from factory.protocol.issue_mail import Followed
from factory.protocol.lease_mail import LeaseEnded
from factory.protocol.lock_mail import Release
from factory.protocol.mailbox import Lease, Ok, Refused
from factory.storage.database import Database
from factory.storage.work_items import WorkItems
from tests.actors.queue_site import Queue
from tests.actors.test_work_queue_issues import in_review, row, says
from tests.work import COMMIT, done, store

RETRY = RetryPolicy(max_attempts=1)
WORKED_ON = ["assigned", "running"]
ENDINGS = {
    "parked": Finish(Lease("", 0), 1, "waits", "a file is locked", condition="locks:/repo"),
    "stuck": Finish(Lease("", 0), 1, "stuck", "no progress"),
    "failed": Finish(Lease("", 0), 1, "agent", "no way"),
    "needs_approval": Finish(Lease("", 0), 1, "policy", "a guarded path"),
}
PLACES = ["queued", *WORKED_ON, *ENDINGS]


@dataclass
class Place:
    """A queue whose one item is worked on once more because of its pull request."""

    queue: Queue
    items: WorkItems
    database: Database
    lease: Lease

    def brought_to(self, status: str) -> Lease:
        """The lease of its last attempt."""
        if status == "queued":
            return self.lease
        self.queue.credit(1)
        self.lease = self.queue.claims()[-1]
        with self.items.round() as round_:
            assert round_.starting(Starting(self.lease, "k" * 40, "local", "confined", COMMIT))
            assert status == "assigned" or round_.accepted(self.lease)
        if status in ENDINGS:
            ended = ENDINGS[status]
            self.queue.on_batch([Finish(self.lease, 1, ended.outcome, ended.reason, condition=ended.condition)])
        assert row(self.database, self.lease.item)["status"] == status
        self.queue.mail.take()
        return self.lease

    def told(self, what: str) -> object:
        return says(self.queue, Followed(self.lease.item, self.lease.epoch, what, f"{what} by ann", head=COMMIT))  # type: ignore[arg-type] # one of its words


@pytest.fixture
def place(database: Database) -> Place:
    items = store(database, retry=RETRY)
    queue = Queue(items)
    lease = in_review(queue, items)
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO pull_requests (item, number, repo, branch, base_branch, head, title, body, url, state)"
            " VALUES (%s, 1, '/repo', 'factory/x', 'main', %s, 't', 'b', 'https://forge/pull/1', 'open')",
            (lease.item, COMMIT),
        )
    assert queue.on_batch([Followed(lease.item, lease.epoch, "rework", "the check test failed", "1 failed")]) == [Ok()]
    return Place(queue, items, database, lease)


@pytest.mark.parametrize("status", PLACES)
@pytest.mark.parametrize(("what", "end"), [("merged", "completed"), ("closed", "cancelled")])
def test_an_item_is_over_with_its_pull_request_wherever_it_is(place: Place, status: str, what: str, end: str) -> None:
    lease = place.brought_to(status)

    assert place.told(what) == Ok()

    found = row(place.database, lease.item)
    assert (found["status"], found["reason"], found["holder"], found["lease_until"]) == (end, f"{what} by ann", None, None)
    assert found["completed_at"] is not None
    with place.database.transaction() as cursor:
        assert cursor.execute(b"SELECT state FROM pull_requests").fetchone() == {"state": what}
    place.queue.credit(1)
    assert place.queue.claims() == []


@pytest.mark.parametrize("status", WORKED_ON)
def test_whoever_works_on_it_is_ended_without_burning_an_attempt_and_nothing_of_theirs_counts(place: Place, status: str) -> None:
    lease = place.brought_to(status)

    place.told("merged")

    over = LeaseEnded(lease, "its pull request is over")
    assert place.queue.mail.to("dispatcher", LeaseEnded) == [over]
    assert place.queue.mail.to(f"worker-{lease.worker}", LeaseEnded) == [over]
    assert place.queue.mail.to("locks", Release) == [Release(lease)]
    with place.database.transaction() as cursor:
        attempt = cursor.execute("SELECT outcome, burnt, ended_at FROM attempts WHERE epoch = %s", (lease.epoch,)).fetchone()
    assert attempt is not None
    assert (attempt["outcome"], attempt["burnt"], attempt["ended_at"] is None) == ("given_back", False, False)
    place.queue.on_batch([done(lease), WorkerGone(lease, "ended")])
    assert place.queue.mail.to(f"worker-{lease.worker}", Recorded)[-1].result == "stale"
    assert row(place.database, lease.item)["status"] == "completed"


def test_what_is_said_of_the_attempt_before_ends_nothing(place: Place) -> None:
    before = place.lease
    lease = place.brought_to("running")

    (answer,) = place.queue.on_batch([Followed(lease.item, before.epoch, "merged", "merged by ann")])

    assert answer == Refused(f"{lease.item} is at attempt {lease.epoch}, this is about {before.epoch}", "conflict")
    assert row(place.database, lease.item)["status"] == "running"


@pytest.mark.parametrize("what", ["merged", "closed"])
def test_a_result_on_its_way_to_the_pull_request_is_left_to_delivery(place: Place, what: str) -> None:
    lease = place.brought_to("running")
    place.queue.on_batch([done(lease)])

    assert isinstance(place.told(what), Refused)

    assert place.queue.on_batch([Published(lease, "https://forge/pull/1", COMMIT, followed=True)]) == [Ok()]
    assert row(place.database, lease.item)["status"] == "in_review"
