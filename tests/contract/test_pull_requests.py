"""What holds for every forge: one pull request per repository and branch, however often it is opened."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from factory.domain.ids import Commit, ItemId, branch_of
from factory.integrations.local_pulls import LocalPullRequests
from factory.ports import PullRequestOrder, PullRequests
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.pull_requests import PullRequestRows
from tests.fakes.pull_requests import FakePullRequests
from tests.items import insert_item

_ONE, _TWO = ItemId("0000000001"), ItemId("0000000002")
_TIMEOUT_SECONDS = 60


@pytest.fixture(params=["fake", "local"])
def pulls(request: pytest.FixtureRequest, database: Database) -> PullRequests:
    if request.param == "fake":
        return FakePullRequests()
    for item in (_ONE, _TWO):
        insert_item(database, item)
    return LocalPullRequests(PullRequestRows(database))


def order(item: ItemId = _ONE, repo: str = "/srv/a.git", head: str = "1" * 40) -> PullRequestOrder:
    return PullRequestOrder(item, repo, branch_of(item), "main", Commit(head), "Title", "Body")


def test_before_it_is_opened_there_is_none(pulls) -> None:
    assert pulls.find("/srv/a.git", branch_of(_ONE)) is None


def test_what_was_opened_is_found_by_repository_and_branch(pulls) -> None:
    opened = pulls.open(order())

    assert opened.head == "1" * 40
    assert opened.url
    assert pulls.find("/srv/a.git", branch_of(_ONE)) == opened
    assert pulls.find("/srv/b.git", branch_of(_ONE)) is None
    assert pulls.find("/srv/a.git", branch_of(_TWO)) is None


def test_opening_it_again_is_the_same_one(pulls) -> None:
    assert pulls.open(order()) == pulls.open(order())


def test_opening_it_with_another_head_brings_it_up_to_date(pulls) -> None:
    first = pulls.open(order())

    second = pulls.open(order(head="2" * 40))

    assert second == replace(first, head=Commit("2" * 40))
    assert pulls.find("/srv/a.git", branch_of(_ONE)) == second


def test_two_items_have_two_pull_requests_with_numbers_of_their_own(pulls) -> None:
    one, two = pulls.open(order(_ONE)), pulls.open(order(_TWO))

    assert one.number != two.number
    assert one.url != two.url


def test_items_that_are_opened_at_the_same_time_get_different_numbers(dsn) -> None:
    items = [ItemId(f"000000001{digit}") for digit in range(4)]
    with Database(dsn, "test") as database:
        for item in items:
            insert_item(database, item)

    with ThreadPoolExecutor(4) as pool:
        numbers = [job.result(_TIMEOUT_SECONDS) for job in [pool.submit(_open, dsn, item) for item in items]]

    assert sorted(numbers) == [1, 2, 3, 4]


def _open(dsn: str, item: ItemId) -> int:
    with Database(dsn, "test") as database:
        return LocalPullRequests(PullRequestRows(database)).open(order(item)).number


def test_opening_it_is_told_once_in_the_trail_of_the_item(database) -> None:
    insert_item(database, _ONE)
    pulls = LocalPullRequests(PullRequestRows(database))

    pulls.open(order())
    pulls.open(order(head="2" * 40))

    trail = EventReader(database)
    opened = [event for event in trail.stream(f"item:{_ONE}") if event.type.startswith("PULL_REQUEST")]
    assert [event.data["head"] for event in opened] == ["1" * 40]
    assert trail.verify(f"item:{_ONE}") is None
