"""Work items in a real database, brought to where a test begins."""

from factory.domain.ids import Commit, ItemId
from factory.domain.lease import LeaseTerms
from factory.domain.work_item import RetryPolicy
from factory.protocol.attempt_mail import Finish, Result
from factory.protocol.commands import Submit
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.rounds import QueueTerms
from factory.storage.work_items import WorkItems

RESULT = Result("/spool/x.bundle", "0" * 64, 10, Commit("b" * 40), Commit("a" * 40), commits=1, files_changed=2)


def store(database: Database, only: str | None = None, retry: RetryPolicy | None = None) -> WorkItems:
    return WorkItems(database, QueueTerms(LeaseTerms(5.0), retry or RetryPolicy(), only))


def insert_item(database: Database, item: ItemId, repo: str = "/srv/a.git") -> None:
    """A queued item."""
    order = Submit(f"submit {item}", item, repo, "main", f"Title of {item}", "- [ ] Do it\n", "command:true")
    with store(database).round() as round_:
        assert round_.submit(order) is None


def publish(database: Database, item: ItemId, result: Result = RESULT) -> Lease:
    """Takes a queued item through its attempt to the outbox."""
    items = store(database, only=item)
    with items.round() as round_:
        (work,) = round_.claim(1)
    with items.round() as round_:
        assert round_.accepted(work.lease)
    with items.round() as round_:
        assert round_.finish(Finish(work.lease, 1, "done", iterations=3, result=result), 0.5) == "ok"
    return work.lease
