"""A usage limit, a missing login and an empty account: nobody runs into them twice, and no attempt is burnt."""

import pytest

from factory.protocol.attempt_mail import Finish
from factory.storage.database import Database
from factory.storage.limits import LimitStore
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from tests.integration.test_work_items import row
from tests.work import claimed, finish, running, store, submitted


def unparked(items: WorkItems) -> int:
    with items.round() as round_:
        return round_.unpark()


def open_now(database: Database) -> None:
    """Lets the time of every hold be over."""
    with database.transaction() as cursor:
        cursor.execute("UPDATE limits SET value = value || '{\"until\": 1}' WHERE name LIKE 'hold:%'")


def test_a_usage_limit_parks_the_item_and_holds_its_engine_for_everyone(database: Database) -> None:
    items = store(database)
    lease = running(items, engine="claude")
    submitted(items, engine="claude:--fast")
    other = submitted(items, engine="command:true")

    finish(items, Finish(lease, 0, "quota", "the limit opens at 15:00", retry_after=3600.0, holds="account"))

    after = row(database, lease.item)
    assert (after["status"], after["condition"], after["attempts"], after["setbacks"]) == ("parked", "hold:claude", 0, 0)
    assert [work.lease.item for work in claimed(items, 5)] == [other]


def test_when_the_limit_opens_the_item_is_queued_again_by_itself(database: Database) -> None:
    items = store(database)
    lease = running(items, engine="claude")
    finish(items, Finish(lease, 0, "quota", "later", retry_after=3600.0, holds="account"))
    assert unparked(items) == 0

    open_now(database)

    assert unparked(items) == 1
    assert [work.lease.item for work in claimed(items, 5)] == [lease.item]


@pytest.mark.parametrize(("outcome", "holds"), [("auth", "login"), ("quota", "credits")])
def test_what_only_a_person_can_mend_is_held_until_one_says_so(database: Database, outcome: str, holds: str) -> None:
    items = store(database)
    lease = running(items, engine="claude")
    finish(items, Finish(lease, 0, outcome, "log in first", retry_after=5.0, holds=holds))  # type: ignore[arg-type]  # two of the literals

    assert unparked(items) == 0
    assert LimitStore(database).lift_holds() == ["claude"]

    assert unparked(items) == 1
    assert row(database, lease.item)["attempts"] == 0


def test_a_throttle_waits_as_long_as_was_asked_and_burns_nothing(database: Database) -> None:
    items = store(database)
    lease = running(items, engine="claude")

    finish(items, Finish(lease, 0, "infra", "overloaded", retry_after=600.0))

    after = row(database, lease.item)
    assert (after["status"], after["attempts"]) == ("queued", 0)
    assert claimed(items) == []
    assert submitted(items, engine="claude") in {work.lease.item for work in claimed(items)}


def test_an_item_that_waits_for_its_engine_says_so(database: Database) -> None:
    items = store(database)
    lease = running(items, engine="claude")
    waiting = submitted(items, engine="claude")
    finish(items, Finish(lease, 0, "quota", "the limit opens at 15:00", retry_after=3600.0, holds="account"))

    (shown,) = Views(database).items([waiting])

    assert shown["why"] == "its engine is held: the limit opens at 15:00"
