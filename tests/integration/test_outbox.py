"""Delivery's side of the outbox, on a real database."""

import msgspec.structs
import pytest

from factory.domain.delivery import digest
from factory.domain.ids import ItemId
from factory.protocol.attempt_mail import Finish, Starting
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.mirrors import MirrorStore
from factory.storage.outbox import OutboxStore
from tests.items import RESULT, insert_item, publish, store

_ITEM = ItemId("0000000001")


@pytest.fixture
def lease(database: Database) -> Lease:
    insert_item(database, _ITEM)
    return publish(database, _ITEM)


@pytest.fixture
def outbox(database: Database) -> OutboxStore:
    return OutboxStore(database)


def test_an_accepted_result_is_due_with_all_that_it_takes_to_publish_it(outbox, lease) -> None:
    (row,) = outbox.open()

    assert (row.lease, row.result, row.due, row.tries, row.iterations) == (lease, RESULT, True, 0, 3)
    assert (row.repo, row.base_branch, row.title) == ("/srv/a.git", "main", f"Title of {_ITEM}")
    assert (row.name, row.branch, row.approved_digest, row.earlier_heads) == (f"{_ITEM}-1", f"factory/{_ITEM}", "", ())
    assert outbox.is_open(lease)


def test_a_result_is_told_with_where_its_worker_was_and_how_it_was_kept_from_there(database: Database, outbox: OutboxStore) -> None:
    insert_item(database, _ITEM)
    with store(database).round() as round_:
        (work,) = round_.claim(1)
        assert round_.starting(Starting(work.lease, "k" * 40, "anvil", "container", RESULT.base_commit))
        assert round_.accepted(work.lease)
        assert round_.finish(Finish(work.lease, 1, "done", iterations=3, result=RESULT), 0.0) == "ok"

    (row,) = outbox.open()
    assert (row.host, row.isolation) == ("anvil", "container")


def test_a_failure_makes_the_row_wait_and_keeps_it(outbox, lease) -> None:
    outbox.note_error(lease, "the network is away", 60.0)
    outbox.note_error(lease, "the network is still away", 60.0)

    (row,) = outbox.open()
    assert (row.due, row.tries) == (False, 2)


def test_a_row_is_due_again_after_its_delay(outbox, lease) -> None:
    outbox.note_error(lease, "a moment", 0.0)

    assert outbox.open()[0].due


def test_a_published_result_is_closed_and_told_as_ended(database, outbox, lease) -> None:
    with store(database).round() as round_:
        assert round_.published(Published(lease, "url", RESULT.commit))

    assert outbox.open() == []
    assert not outbox.is_open(lease)
    assert [(ended.lease, ended.bundle) for ended in outbox.ended()] == [(lease, RESULT.bundle)]


def test_a_result_that_waits_for_a_yes_keeps_its_bundle_and_comes_back_with_it(database, outbox, lease) -> None:
    with store(database).round() as round_:
        assert round_.rejected(Rejected(lease, "policy", "guarded"), 0.5)
    assert [ended.bundle for ended in outbox.ended()] == [""]

    with store(database).round() as round_:
        reply, _ = round_.steer(Steer("c1", "approve", _ITEM, "ann"))

    assert reply.code == "ok"
    (row,) = outbox.open()
    assert row.approved_digest == digest(RESULT.base_commit, RESULT.commit)


def test_a_cancelled_item_is_not_wanted_any_more(database, outbox, lease) -> None:
    with store(database).round() as round_:
        round_.steer(Steer("c1", "cancel", _ITEM, "ann"))

    assert outbox.open() == []
    assert not outbox.is_open(lease)


def test_heads_of_earlier_attempts_are_known_to_the_next_one(database, outbox, lease) -> None:
    with store(database).round() as round_:
        round_.steer(Steer("c1", "cancel", _ITEM, "ann"))
        round_.steer(Steer("c2", "retry", _ITEM, "ann"))

    again = publish(database, _ITEM, msgspec.structs.replace(RESULT, commit="c" * 40))

    (row,) = outbox.open()
    assert (row.lease, row.earlier_heads) == (again, (RESULT.commit,))


def test_results_of_living_leases_of_open_rows_and_of_items_that_wait_for_a_yes_are_wanted(database, outbox, lease) -> None:
    others = [ItemId(f"000000000{number}") for number in (2, 3, 4)]
    for item in others:
        insert_item(database, item)
    asked_for, over = publish(database, others[0]), publish(database, others[1])
    with store(database, only=others[2]).round() as round_:
        (work,) = round_.claim(1)
    with store(database).round() as round_:
        assert round_.rejected(Rejected(asked_for, "policy", "guarded"), 0.5)
        assert round_.published(Published(over, "url", RESULT.commit))
    unknown, later = Lease("zzzzzzzzzz", 1), Lease(lease.item, 7)

    wanted = outbox.wanted([lease, asked_for, over, work.lease, unknown, later])

    assert wanted == {lease, asked_for, work.lease}
    assert outbox.wanted([]) == set()


def test_a_mirror_is_noted_with_its_last_failure_until_it_is_fine_again(database) -> None:
    mirrors = MirrorStore(database)

    mirrors.failed("/srv/a.git", "not there")
    assert _mirror(database) == ("", "not there", False)
    mirrors.refreshed("/srv/a.git", "/mirrors/a")
    assert _mirror(database) == ("/mirrors/a", "", True)
    mirrors.failed("/srv/a.git", "gone again")
    assert _mirror(database) == ("/mirrors/a", "gone again", True)


def _mirror(database: Database) -> tuple[str, str, bool]:
    with database.transaction() as cursor:
        row = cursor.execute("SELECT path, last_error, fetched_at FROM mirrors WHERE repo = '/srv/a.git'").fetchone()
    assert row is not None
    return row["path"], row["last_error"], row["fetched_at"] is not None
