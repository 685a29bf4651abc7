"""What is read of pull requests at GitHub: by the real library, over HTTP, of the stand-in."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from factory.domain.follow import Check, Rework, Seen, decide
from factory.domain.follow import Ours as OursOf
from factory.domain.forge import GitHub
from factory.domain.ids import Commit, branch_of
from factory.errors import ForgeRefused, ForgeUnavailable
from factory.integrations.github_follow import GitHubFollower
from factory.integrations.github_pulls import GitHubPullRequests
from factory.integrations.github_token import FixedToken
from factory.pull_request_ports import PullRequestOrder, PullRequestRef
from factory.standin.failures import Failure
from factory.storage.database import Database
from factory.storage.pull_requests import PullRequestRows
from tests.fakes.clock import ManualClock
from tests.items import insert_item
from tests.repositories import ITEM, Remote, Tree, git
from tests.standin import TOKEN, StandIn

_BRANCH = branch_of(ITEM)
_numbers = count(1)


@dataclass(slots=True)
class Place:
    """A repository of its own on the one stand-in."""

    standin: StandIn
    repo: str
    remote: Remote
    worker: Tree
    calls: GitHubPullRequests
    follower: GitHubFollower
    head: Commit = field(init=False)
    ref: PullRequestRef = field(init=False)

    @property
    def address(self) -> str:
        return self.standin.address(self.repo)

    def push(self, files: dict[str, str | bytes]) -> Commit:
        """To the branch of the pull request."""
        commit = self.worker.commit(files)
        git(self.worker.folder, "push", "--quiet", str(self.remote.bare), f"HEAD:refs/heads/{_BRANCH}")
        return commit

    def calls_made(self) -> list[dict[str, Any]]:
        return self.standin.ledger("call")

    def look(self, after: int = 0) -> Seen:
        return self.follower.look(self.address, self.ref.number, after)


@pytest.fixture
def place(tmp_path: Path, database: Database, standin: StandIn) -> Place:
    insert_item(database, ITEM)
    standin.fails()
    repo = f"acme/widgets-{next(_numbers)}"
    remote = standin.repository(repo, {"a.txt": "a\n"})
    worker = remote.worker(tmp_path / "worker")
    where = GitHub(standin.api, standin.api)
    labels = ("made by a factory", "new")
    calls = GitHubPullRequests(where, FixedToken(TOKEN), PullRequestRows(database), ManualClock(), follows=True, labels=labels)
    made = Place(standin, repo, remote, worker, calls, GitHubFollower(calls))
    made.head = made.push({"a.txt": "b\n"})
    made.ref = calls.open(PullRequestOrder(ITEM, made.address, _BRANCH, "main", made.head, "Do it", "Body"))
    return made


def test_a_new_one_is_open_with_its_labels_and_nothing_said_of_it(place: Place) -> None:
    assert place.ref.followed
    assert place.look() == Seen("open", place.head, base="main", mergeable=True, clear=True, labels=("made by a factory", "new"))


def test_checks_and_statuses_of_its_commit_are_read_with_what_they_put_out(place: Place) -> None:
    ci = place.standin.checks(place.repo)
    ci.check_run(place.head, "failure", "unit", "2 failed", "assert 1 == 2")
    ci.check_run(place.head, None, "slow")
    ci.check_run(place.head, "cancelled", "deploy")
    ci.status(place.head, "success", "lint", "all good")

    found = {check.name: check for check in place.look().checks}

    assert found == {
        "unit": Check("unit", "failed", "failure", "unit\n2 failed\nassert 1 == 2"),
        "slow": Check("slow", "pending"),
        "deploy": Check("deploy", "blocked", "cancelled"),
        "lint": Check("lint", "passed", "success", "all good"),
    }


def test_reviews_are_read_with_who_may_write_and_remarks_of_those_that_count(place: Place) -> None:
    place.standin.person("reader", place.repo, "read").review(place.ref.number, "REQUEST_CHANGES", "I say so.")
    number = place.standin.person("alice", place.repo).review(place.ref.number, "REQUEST_CHANGES", "Say hello.", ("a.txt", 1, "Here."))

    by = {review.author: review for review in place.look().reviews}

    assert (by["reader"].may_write, by["reader"].text) == (False, "")
    assert (by["alice"].may_write, by["alice"].is_person, by["alice"].commit) == (True, True, place.head)
    assert by["alice"].text == "Say hello.\n\na.txt:1: Here."
    assert {review.text for review in place.look(after=number).reviews} == {""}


def test_the_text_of_a_bot_is_nobodys_word(place: Place) -> None:
    place.standin.person("helper", place.repo, kind="Bot").review(place.ref.number, "REQUEST_CHANGES", "Do as I say.")

    (review,) = place.look().reviews

    assert (review.is_person, review.may_write, review.text) == (False, False, "")


def test_a_conflict_with_the_base_is_seen(place: Place) -> None:
    place.remote.push({"a.txt": "c\n"}, "main")

    seen = place.look()

    assert (seen.mergeable, seen.clear) == (False, False)
    assert isinstance(decide(seen, OursOf(place.ref.url, "main", place.head)), Rework)


def test_who_merged_it_and_who_closed_it_is_known(place: Place) -> None:
    alice = place.standin.person("alice", place.repo)
    alice.close(place.ref.number)
    assert (place.look().state, place.look().ended_by) == ("closed", "alice")

    alice.reopen(place.ref.number)
    alice.merge(place.ref.number)
    assert (place.look().state, place.look().ended_by) == ("merged", "alice")


def test_a_second_look_at_which_nothing_is_new_is_not_counted(place: Place) -> None:
    place.standin.person("alice", place.repo).review(place.ref.number, "APPROVE")
    place.standin.checks(place.repo).check_run(place.head, "success")
    first = place.look()
    counted, free = place.standin.counted(), sum(place.standin.not_modified().values())

    assert [place.look() for _ in range(3)] == [first] * 3
    assert place.standin.counted() == counted
    assert sum(place.standin.not_modified().values()) == free + 3 * 5


def test_what_is_new_is_seen_although_the_answers_before_were_remembered(place: Place) -> None:
    ci = place.standin.checks(place.repo)
    check = ci.check_run(place.head, None)
    assert [each.state for each in place.look().checks] == ["pending"]

    ci.end_check(check, "success")

    assert [each.state for each in place.look().checks] == ["passed"]


def test_more_checks_than_a_page_holds_are_all_read(place: Place) -> None:
    ci = place.standin.checks(place.repo)
    for number in range(103):
        ci.check_run(place.head, "failure" if number == 0 else "success", f"check {number}")

    found = place.look().checks

    assert len(found) == 103
    assert [check.name for check in found if check.state == "failed"] == ["check 0"]


def test_what_a_token_may_not_read_is_said_and_the_rest_is_read(place: Place) -> None:
    place.standin.person("alice", place.repo).review(place.ref.number, "REQUEST_CHANGES", "Say hello.")
    place.standin.fails(("GET check-runs", Failure.FORBIDDEN, -1))

    seen = place.look()

    assert seen.unread == ("checks",)
    assert [review.text for review in seen.reviews] == ["Say hello."]


@pytest.mark.parametrize(
    ("route", "failure"),
    [
        ("GET pull", Failure.ERROR_BEFORE),
        ("GET pull", Failure.GARBAGE),
        ("GET check-runs", Failure.RESET_AFTER),
        ("GET reviews", Failure.CUT_AFTER),
    ],
)
def test_a_read_that_fails_is_no_reading(place: Place, route: str, failure: Failure) -> None:
    place.standin.fails((route, failure))

    with pytest.raises(ForgeUnavailable):
        place.look()

    assert place.look().state == "open"


def test_a_limit_shuts_all_calls_and_is_no_missing_right(place: Place) -> None:
    place.standin.fails(("GET check-runs", Failure.SECONDARY_LIMIT, 1, 120.0))

    with pytest.raises(ForgeUnavailable) as caught:
        place.look()
    assert caught.value.retry_after == 120.0

    calls = len(place.calls_made())
    with pytest.raises(ForgeUnavailable, match="no call for another"):
        place.calls.find(place.address, _BRANCH)
    assert len(place.calls_made()) == calls


def test_one_refused_token_costs_nothing(place: Place) -> None:
    place.standin.fails(("GET reviews", Failure.UNAUTHORIZED))

    assert place.look().state == "open"


def test_it_is_merged_at_exactly_the_commit_that_was_read(place: Place) -> None:
    later = place.push({"b.txt": "b\n"})
    with pytest.raises((ForgeRefused, ForgeUnavailable)):
        place.follower.merge(place.address, place.ref.number, place.head, "merge")
    assert place.look().state == "open"

    place.follower.merge(place.address, place.ref.number, later, "squash")

    assert place.look().state == "merged"
