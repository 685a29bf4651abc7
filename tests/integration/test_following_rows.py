"""What is known of pull requests that are followed, on a real database."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from factory.delivery_ports import Look, ReworkOrder, Tracked
from factory.domain.ids import Commit, ItemId, branch_of
from factory.domain.work_item import RetryPolicy
from factory.learning_ports import HandedIn, Taking
from factory.protocol.attempt_mail import Result
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.issue_mail import Followed
from factory.protocol.mailbox import Lease
from factory.pull_request_ports import PullRequestOrder, PullRequestRef
from factory.storage.database import Database
from factory.storage.following import FollowRows
from factory.storage.learnings import Learnings
from factory.storage.outbox import OutboxStore
from factory.storage.pull_requests import PullRequestRows
from tests.items import RESULT, insert_item, publish, store
from tests.learnings import MODEL, vector
from tests.learnings import rows as learning_rows

_ITEM, _OTHER = ItemId("0000000001"), ItemId("0000000002")
_HEAD, _NEXT = Commit("b" * 40), Commit("c" * 40)
_URL = "https://github.com/acme/widgets/pull/7"
LOOK = Look("waits for a review.", "digest", 3, 60.0, {"head": _HEAD})
ORDER = ReworkOrder("", _HEAD, (), ("the check unit ended with failure",), "> 2 failed", conflicts=True)


def review(database: Database, item: ItemId = _ITEM, number: int = 7, *, followed: bool = True) -> None:
    """Publishes a queued item."""
    insert_item(database, item, "https://github.com/acme/widgets.git")
    lease = publish(database, item)
    _record(database, item, number, _HEAD)
    with store(database).round() as round_:
        assert round_.published(Published(lease, _URL, _HEAD, followed))


def _record(database: Database, item: ItemId, number: int, head: Commit) -> None:
    order = PullRequestOrder(item, "https://github.com/acme/widgets.git", branch_of(item), "main", head, "Do it", "Body")
    PullRequestRows(database).record(order, PullRequestRef(number, _URL, head, followed=True))


@pytest.fixture
def rows(database: Database) -> FollowRows:
    review(database)
    return FollowRows(database)


def follow(database: Database, what: str, item: ItemId = _ITEM, epoch: int = 1) -> str:
    with store(database).round() as round_:
        return round_.hear(Followed(item, epoch, what, "because", "> evidence")).refused  # type: ignore[arg-type] # one of its words


def test_one_is_due_as_soon_as_its_item_is_in_review_with_all_that_a_look_needs(rows: FollowRows) -> None:
    assert rows.due(10) == [Tracked(_ITEM, 1, "https://github.com/acme/widgets.git", 7, _URL, "main", _HEAD, (_HEAD,))]


def test_one_whose_item_was_done_when_it_was_opened_is_never_due(database: Database) -> None:
    review(database, followed=False)

    assert FollowRows(database).due(10) == []


def test_after_a_look_it_is_due_later_and_what_was_seen_is_kept(rows: FollowRows) -> None:
    rows.looked(_ITEM, LOOK)
    assert rows.due(10) == []

    rows.looked(_ITEM, replace(LOOK, delay=0.0))
    (tracked,) = rows.due(10)
    assert (tracked.digest, tracked.unchanged) == ("digest", 3)


def test_the_longest_due_comes_first_and_a_failed_look_waits(database: Database, rows: FollowRows) -> None:
    review(database, _OTHER, 8)
    rows.looked(_ITEM, replace(LOOK, delay=0.0))
    assert [tracked.item for tracked in rows.due(1)] == [_OTHER]

    rows.failed(_OTHER, "the network is away", 60.0)
    assert [tracked.item for tracked in rows.due(10)] == [_ITEM]


def test_with_a_clock_that_is_set_back_it_is_due_as_soon_as_before(database: Database, rows: FollowRows) -> None:
    rows.looked(_ITEM, replace(LOOK, delay=3_600.0))
    with store(database).round() as round_:
        round_.shift(-3_600.0)

    assert len(rows.due(10)) == 1


@pytest.mark.parametrize(
    "put_off", [lambda rows: rows.looked(_ITEM, LOOK), lambda rows: rows.failed(_ITEM, "502", 60.0)], ids=["look", "failure"]
)
def test_a_look_that_is_put_off_raises_the_clocks_mark(database: Database, rows: FollowRows, put_off: Callable[[FollowRows], None]) -> None:
    with store(database).round() as round_:
        now = round_.now()
        round_.mark(now - 7_000.0)

    put_off(rows)

    with store(database).round() as round_:
        assert (round_.marked() or 0.0) >= now


@pytest.mark.parametrize("repo", ["acme/widgets", "Acme/Widgets", "https://github.com/acme/widgets.git"])
def test_a_hint_makes_it_due_by_either_name_of_its_repository(rows: FollowRows, repo: str) -> None:
    rows.looked(_ITEM, LOOK)

    rows.hint(repo, 8)
    rows.hint("evil/acme-widgets", 7)
    assert rows.due(10) == []
    rows.hint(repo, 7)

    assert [tracked.unchanged for tracked in rows.due(10)] == [0]


def test_a_rework_is_ordered_once_for_each_head_and_holds_for_every_attempt_until_it_is_published(database, rows) -> None:
    rows.order_rework(_ITEM, _HEAD, ORDER, 5)
    rows.order_rework(_ITEM, _HEAD, replace(ORDER, evidence="other"), 6)
    rows.order_rework(_ITEM, _NEXT, ORDER, 9)

    assert rows.rework_of(_ITEM) == replace(ORDER, branch=branch_of(_ITEM), heads=(_HEAD,))
    assert [tracked.review for tracked in rows.due(10)] == [5]

    _record(database, _ITEM, 7, _NEXT)
    assert rows.rework_of(_ITEM) is None


def test_an_item_without_a_pull_request_begins_at_its_base_branch(database: Database) -> None:
    insert_item(database, _ITEM)

    assert FollowRows(database).rework_of(_ITEM) is None


@pytest.mark.parametrize(("what", "status"), [("merged", "completed"), ("closed", "cancelled")])
def test_its_end_ends_the_following(database: Database, rows: FollowRows, what: str, status: str) -> None:
    rows.looked(_ITEM, replace(LOOK, delay=0.0))
    assert follow(database, what) == ""

    assert rows.due(10) == []
    with database.transaction() as cursor:
        assert cursor.execute(b"SELECT status FROM work_items").fetchone() == {"status": status}


@pytest.mark.parametrize(("what", "status"), [("merged", "completed"), ("closed", "cancelled")])
def test_one_that_was_left_to_a_person_is_followed_until_they_have_decided(database, rows, what: str, status: str) -> None:
    rows.looked(_ITEM, replace(LOOK, delay=0.0))
    follow(database, "hands_off")

    assert [tracked.only_watched for tracked in rows.due(10)] == [True]
    assert follow(database, what) == ""

    assert rows.due(10) == []
    with database.transaction() as cursor:
        assert cursor.execute(b"SELECT status FROM work_items").fetchone() == {"status": status}


@pytest.mark.parametrize("failure", [None, "policy", "infra", "gate"])
def test_one_whose_item_is_worked_on_once_more_or_failed_is_watched_for_its_end(database: Database, rows: FollowRows, failure) -> None:
    """Of the attempt that the item is at: what is said of it ends that one."""
    rows.looked(_ITEM, replace(LOOK, delay=0.0))
    follow(database, "rework")
    assert [(tracked.epoch, tracked.only_watched) for tracked in rows.due(10)] == [(1, True)]

    lease = publish(database, _ITEM, result=_after(_HEAD))
    assert rows.due(10) == [], "delivery finds out itself what became of it"
    if failure is None:
        return
    with store(database, retry=RetryPolicy(max_attempts=1, max_setbacks=1)).round() as round_:
        assert round_.rejected(Rejected(lease, failure, "no good"), 0.5)

    assert [(tracked.epoch, tracked.head, tracked.only_watched) for tracked in rows.due(10)] == [(2, _HEAD, True)]
    assert follow(database, "merged", epoch=2) == ""
    assert rows.due(10) == []


def test_one_that_somebody_cancelled_is_not_followed_any_more(database: Database, rows: FollowRows) -> None:
    rows.looked(_ITEM, replace(LOOK, delay=0.0))
    follow(database, "rework")
    with store(database).round() as round_:
        round_.steer(Steer("c", "cancel", _ITEM, "me"))

    assert rows.due(10) == []


def test_learnings_of_what_was_merged_teach_although_its_last_attempt_failed(database: Database, rows: FollowRows) -> None:
    learnings = Learnings(database)
    rows.looked(_ITEM, LOOK)
    _take(learnings, 1, "of the first")
    follow(database, "rework")
    lease = publish(database, _ITEM, result=_after(_HEAD))
    _take(learnings, 2, "of the rework")
    with store(database, retry=RetryPolicy(max_attempts=1)).round() as round_:
        assert round_.rejected(Rejected(lease, "gate", "a gate is red"), 0.5)

    follow(database, "merged", epoch=2)

    learnings.settle([_ITEM])
    assert [(content, active) for content, active, _, _ in learning_rows(database)] == [("of the first", True), ("of the rework", False)]


def test_a_second_publication_counts_what_all_attempts_took_and_its_pull_request_is_due_at_once(database, rows) -> None:
    rows.looked(_ITEM, LOOK)
    follow(database, "rework")
    lease = publish(database, _ITEM, result=_after(_HEAD))

    (row,) = OutboxStore(database).open()
    assert (row.iterations, row.reworks, row.builds_on_ours) == (6, 1, True)
    _record(database, _ITEM, 7, _NEXT)
    with store(database).round() as round_:
        assert round_.published(Published(lease, _URL, _NEXT, followed=True))

    assert [(tracked.epoch, tracked.head, tracked.unchanged) for tracked in rows.due(10)] == [(2, _NEXT, 0)]


def _after(base: Commit) -> Result:
    return msgspec.structs.replace(RESULT, commit=_NEXT, base_commit=base)


def test_learnings_of_the_first_attempt_and_of_its_rework_teach_once_it_is_merged(database: Database, rows: FollowRows) -> None:
    learnings = Learnings(database)
    _take(learnings, 1, "of the first")
    rows.order_rework(_ITEM, _HEAD, ORDER, 5)
    follow(database, "rework")
    lease = publish(database, _ITEM, result=_after(_HEAD))
    _take(learnings, 2, "of the rework")
    _record(database, _ITEM, 7, _NEXT)
    with store(database).round() as round_:
        assert round_.published(Published(lease, _URL, _NEXT, followed=True))
    assert learnings.unsettled(10) == []

    follow(database, "merged", epoch=2)

    assert learnings.unsettled(10) == [_ITEM]
    learnings.settle([_ITEM])
    assert [(content, active) for content, active, _, _ in learning_rows(database)] == [("of the first", True), ("of the rework", True)]


def test_a_person_who_merges_while_a_rework_is_under_way_ends_the_item_without_what_that_made(database: Database, rows: FollowRows) -> None:
    learnings = Learnings(database)
    rows.looked(_ITEM, replace(LOOK, delay=0.0))
    _take(learnings, 1, "of the first")
    rows.order_rework(_ITEM, _HEAD, ORDER, 5)
    follow(database, "rework")
    lease = publish(database, _ITEM, result=_after(_HEAD))
    _take(learnings, 2, "of the rework")
    with store(database).round() as round_:
        assert round_.rejected(Rejected(lease, "policy", "the pull request is merged already"), 0.5)

    assert [(tracked.epoch, tracked.only_watched) for tracked in rows.due(10)] == [(2, True)]
    assert follow(database, "merged", epoch=2) == ""

    learnings.settle([_ITEM])
    assert [(content, active) for content, active, _, _ in learning_rows(database)] == [("of the first", True), ("of the rework", False)]


def test_learnings_of_what_was_closed_unmerged_teach_nobody(database: Database, rows: FollowRows) -> None:
    learnings = Learnings(database)
    _take(learnings, 1, "of the first")

    follow(database, "closed")

    assert learnings.unsettled(10) == []
    assert learning_rows(database)[0][1] is False


def _take(learnings: Learnings, epoch: int, text: str) -> None:
    handed = HandedIn(Lease(_ITEM, epoch), "https://github.com/acme/widgets.git", (text,))
    assert learnings.take(Taking(handed, MODEL, ((text, vector(1.0)),), ()))
