"""What holds for every forge: one pull request per repository and branch, however often it is opened."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from factory.domain.ids import Commit, ItemId, branch_of
from factory.errors import ForgeRefused
from factory.integrations.local_pulls import LocalPullRequests
from factory.pull_request_ports import PullRequestOrder
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.pull_requests import PullRequestRows
from tests.contract.pull_requests import ONE, TWO, Forge, forge_of, order
from tests.items import insert_item

_TIMEOUT_SECONDS = 60


@pytest.fixture(params=["fake", "local", "github"])
def forge(request: pytest.FixtureRequest, tmp_path, database: Database) -> Forge:
    standin = request.getfixturevalue("standin") if request.param == "github" else None
    return forge_of(request.param, tmp_path, database, standin)


def test_before_it_is_opened_there_is_none(forge) -> None:
    assert forge.pulls.find(forge.repo, branch_of(ONE)) is None


def test_what_was_opened_is_found_by_repository_and_branch(forge) -> None:
    head = forge.pushed()

    opened = forge.pulls.open(order(forge, head))

    assert (opened.head, opened.state) == (head, "open")
    assert opened.url
    assert forge.pulls.find(forge.repo, branch_of(ONE)) == opened
    assert forge.pulls.find(forge.other_repo, branch_of(ONE)) is None
    assert forge.pulls.find(forge.repo, branch_of(TWO)) is None


def test_nothing_says_that_it_is_followed_as_long_as_nobody_follows_it(forge) -> None:
    assert not forge.pulls.open(order(forge, forge.pushed())).followed


def test_opening_it_again_is_the_same_one(forge) -> None:
    head = forge.pushed()

    assert forge.pulls.open(order(forge, head)) == forge.pulls.open(order(forge, head))


def test_opening_it_with_another_head_brings_it_up_to_date(forge) -> None:
    first = forge.pulls.open(order(forge, forge.pushed()))
    head = forge.pushed()

    second = forge.pulls.open(order(forge, head))

    assert second == replace(first, head=head)
    assert forge.pulls.find(forge.repo, branch_of(ONE)) == second


def test_two_items_have_two_pull_requests_with_numbers_of_their_own(forge) -> None:
    one, two = (forge.pulls.open(order(forge, forge.pushed(item), item)) for item in (ONE, TWO))

    assert one.number != two.number
    assert one.url != two.url


# -- where a person can end it ----------------------------------------------------------------------------------------


@pytest.fixture(params=["fake", "github"])
def real_forge(request: pytest.FixtureRequest, tmp_path, database: Database) -> Forge:
    standin = request.getfixturevalue("standin") if request.param == "github" else None
    return forge_of(request.param, tmp_path, database, standin)


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_one_that_is_over_is_still_the_one_of_its_result(real_forge, state) -> None:
    head = real_forge.pushed()
    opened = real_forge.pulls.open(order(real_forge, head))
    real_forge.ends(ONE, state)

    assert real_forge.pulls.find(real_forge.repo, branch_of(ONE)) == replace(opened, state=state)
    assert real_forge.pulls.open(order(real_forge, head)) == replace(opened, state=state)


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_one_that_is_over_takes_no_other_result_and_no_second_one_is_opened(real_forge, state) -> None:
    opened = real_forge.pulls.open(order(real_forge, real_forge.pushed()))
    real_forge.ends(ONE, state)

    with pytest.raises(ForgeRefused, match=state):
        real_forge.pulls.open(order(real_forge, real_forge.pushed()))

    assert real_forge.pulls.find(real_forge.repo, branch_of(ONE)).number == opened.number


# -- the factory's own record -----------------------------------------------------------------------------------------


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
        wanted = PullRequestOrder(item, "/srv/a.git", branch_of(item), "main", Commit("1" * 40), "Title", "Body")
        return LocalPullRequests(PullRequestRows(database)).open(wanted).number


@pytest.mark.parametrize("kind", ["local", "github"])
def test_opening_it_is_told_once_in_the_trail_of_the_item(request, tmp_path, database, kind) -> None:
    forge = forge_of(kind, tmp_path, database, request.getfixturevalue("standin") if kind == "github" else None)
    first = forge.pushed()

    forge.pulls.open(order(forge, first))
    forge.pulls.open(order(forge, forge.pushed()))

    trail = EventReader(database)
    opened = [event for event in trail.stream(f"item:{ONE}") if event.type.startswith("PULL_REQUEST")]
    assert [event.data["head"] for event in opened] == [first]
    assert trail.verify(f"item:{ONE}") is None
