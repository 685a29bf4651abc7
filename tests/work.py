"""Work items for tests: the queue's store with sensible terms, and orders to submit."""

from dataclasses import replace

import pytest

from factory.domain.ids import new_item_id
from factory.domain.lease import LeaseTerms
from factory.domain.work_item import RetryPolicy
from factory.protocol.attempt_mail import Finish, Result, Starting
from factory.protocol.commands import Submit
from factory.protocol.mailbox import Lease, Work
from factory.storage.database import Database
from factory.storage.rounds import QueueTerms
from factory.storage.work_items import WorkItems

TERMS = QueueTerms(LeaseTerms(5.0), RetryPolicy())
SPEC = "# Greet\n\n- [ ] say hello\n"
COMMIT = "a" * 40
BASE = "b" * 40


def order(**changes: object) -> Submit:
    item = new_item_id()
    given = {
        "command": f"c-{item}",
        "item": item,
        "repo": "/repo",
        "base_branch": "main",
        "title": "Greet",
        "spec": SPEC,
        "engine": "command:true",
    }
    return Submit(**{**given, **changes})  # type: ignore[arg-type]  # keywords of one struct, named by the tests


def store(database: Database, **changes: object) -> WorkItems:
    return WorkItems(database, replace(TERMS, **changes))  # type: ignore[arg-type]  # as above


@pytest.fixture
def items(database: Database) -> WorkItems:
    return store(database)


def submitted(items: WorkItems, **changes: object) -> str:
    submit = order(**changes)
    with items.round() as round_:
        assert round_.submit(submit) is None
    return submit.item


def claimed(items: WorkItems, count: int = 1) -> list[Work]:
    with items.round() as round_:
        return round_.claim(count)


def running(items: WorkItems, **changes: object) -> Lease:
    """A fresh item whose agent has its assignment."""
    submitted(items, **changes)
    lease = claimed(items)[0].lease
    with items.round() as round_:
        assert round_.starting(Starting(lease, "k" * 40, "local", "unconfined", BASE))
        assert round_.accepted(lease)
    return lease


def done(lease: Lease, *, last_event: int = 0) -> Finish:
    result = Result("/spool/x.bundle", "0" * 64, 10, COMMIT, BASE, 1, 1)
    return Finish(lease, 7, "done", iterations=3, tokens=5, last_event=last_event, result=result)


def finish(items: WorkItems, mail: Finish) -> str:
    with items.round() as round_:
        return round_.finish(mail, 0.0)
