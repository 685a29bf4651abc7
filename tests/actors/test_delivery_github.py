"""Delivery to a GitHub, with real git and HTTP: whatever is killed, lost or refused, there is one pull request at the accepted commit."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from factory.delivery_ports import Publication
from factory.domain.delivery import digest
from factory.domain.forge import GitHub
from factory.domain.ids import Commit
from factory.integrations import github_caller
from factory.integrations.git_remote import Remotes
from factory.integrations.github_pulls import GitHubPullRequests
from factory.integrations.github_token import FixedToken, GitHubAccess
from factory.protocol.delivery_mail import OutboxReady, Prepare, PrepareFailed, Published, Rejected
from factory.protocol.mailbox import Lease
from factory.standin.failures import Failure
from factory.storage.database import Database
from factory.storage.pull_requests import PullRequestRows
from tests.actors.delivery_site import GATES, PASSED, Site, Trap
from tests.fakes.clock import ManualClock
from tests.items import insert_item
from tests.living_folder import holders_below
from tests.repositories import ITEM, Remote, git
from tests.standin import TOKEN, StandIn, stand_in

_REPO = "acme/widgets"
_BRANCH = f"factory/{ITEM}"


@dataclass(frozen=True, slots=True)
class Hosted(Remote):
    """A repository that is reached by its address."""

    address: str

    @property
    def repo(self) -> str:
        return self.address


@dataclass(slots=True)
class Place:
    """A GitHub, and a delivery that delivers to it."""

    standin: StandIn
    database: Database
    site: Site
    store: Trap = field(init=False)

    def __post_init__(self) -> None:
        self.store = Trap(PullRequestRows(self.database))
        self.use(TOKEN)

    def use(self, token: str) -> None:
        """What the factory is given from here on."""
        place = GitHub(self.standin.api, self.standin.api)
        rows: Any = self.store
        self.site.traps["pulls"].port = GitHubPullRequests(place, FixedToken(token), rows, self.site.clock)

    def result(self, text: str = "a\n", epoch: int = 1, *earlier: Publication) -> Publication:
        heads = tuple(Commit(one.result.commit) for one in earlier)
        return self.site.result({"a.txt": text}, epoch=epoch, earlier_heads=heads)

    def rows(self) -> list[tuple[int, str, str, str]]:
        with self.database.transaction() as cursor:
            found = cursor.execute(b"SELECT number, url, head, state FROM pull_requests").fetchall()
        return [(row["number"], row["url"], row["head"], row["state"]) for row in found]

    def updates(self) -> list[tuple[str | None, str | None]]:
        """Of the item's branch; no other ref may have been touched."""
        entries = self.standin.ledger("ref")
        assert {entry["ref"] for entry in entries} <= {_BRANCH}
        return [(entry["old"], entry["new"]) for entry in entries]

    def pull(self) -> dict[str, Any]:
        """The only one that ever was."""
        (made,), (pull,) = self.standin.ledger("pull"), self.standin.pulls()
        assert made["number"] == pull["number"]
        return pull

    def delivered(self, row: Publication) -> None:
        """One pull request, its head the accepted commit, one row, one word to the queue, and nothing left."""
        pull, url = self.pull(), f"{self.standin.api}/{_REPO}/pull/1"
        assert (pull["head"], pull["base"], pull["state"], pull["sha"]) == (_BRANCH, "main", "open", row.result.commit)
        assert self.updates() == [(None, row.result.commit)]
        assert self.rows() == [(1, url, row.result.commit, "open")]
        assert self.site.queue.words == [Published(row.lease, url, row.result.commit, followed=False, gates=(PASSED,))]
        assert self.site.left_over() == []


@pytest.fixture
def place(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(github_caller, "TIMEOUT_SECONDS", 1)
    insert_item(database, ITEM)
    with stand_in(tmp_path / "github") as standin:
        made = standin.repository(_REPO)
        access = GitHubAccess(GitHub(standin.api, standin.api), FixedToken(TOKEN))
        remote = Hosted(made.bare, made.tree, standin.address(_REPO))
        site = Site(tmp_path, remote, ManualClock(), settings=GATES, remotes=Remotes(access))
        yield Place(standin, database, site)
        site.background.close()


# -- every step may be cut off ----------------------------------------------------------------------------------------

STEPS = [
    ("repositories", "import_bundle"),
    ("repositories", "inspect"),
    ("host", "start"),
    ("host", "collect"),
    ("pulls", "find"),
    ("repositories", "push"),
    ("pulls", "open"),
    ("store", "record"),
    ("mailbox", "ask"),
    ("repositories", "discard"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "method"), STEPS)
def test_a_process_killed_at_any_step_leads_to_one_pull_request(place: Place, port: str, method: str, after: bool) -> None:
    """F41: killed at each step."""
    row = place.result()
    trap = place.store if port == "store" else place.site.traps[port]
    trap.set(method, after=after)

    place.site.survive()

    assert trap.method == "", "the trap was never reached"
    place.delivered(row)


# -- every answer may be lost -----------------------------------------------------------------------------------------

ROUTES = [
    "GET refs for git-upload-pack",
    "POST git-upload-pack",
    "GET refs for git-receive-pack",
    "POST git-receive-pack",
    "GET repo",
    "GET pulls",
    "POST pulls",
]


LOST = [Failure.ERROR_BEFORE, Failure.ERROR_AFTER, Failure.RESET_BEFORE, Failure.RESET_AFTER, Failure.CUT_AFTER]


FAST = {*((route, LOST[number % len(LOST)]) for number, route in enumerate(ROUTES)), ("POST pulls", Failure.ERROR_AFTER),
        ("POST git-receive-pack", Failure.RESET_AFTER)}  # fmt: skip
"""Each route with a failure: part of `make test`. The others run with `make faults`."""

CASES = [pytest.param(route, failure, marks=() if (route, failure) in FAST else pytest.mark.faults) for route in ROUTES for failure in LOST]


@pytest.mark.parametrize(("route", "failure"), CASES)
def test_a_call_whose_answer_is_lost_leads_to_one_pull_request(place: Place, route: str, failure: Failure) -> None:
    """F42: one pull request after a lost answer; lookups are repeated."""
    row = place.result()
    place.standin.fails((route, failure, 2))

    # The mirror of the site is up to date; the commands that fetch are those of a new attempt.
    if route == "POST git-upload-pack":
        _lose_the_mirror(place)
    place.site.settle()

    assert place.standin.ledger("failure"), "the failure never took effect"
    place.delivered(row)


def _lose_the_mirror(place: Place) -> None:
    (mirror,) = (place.site.folder / "mirrors").glob("*.git")
    mirror.rename(place.site.folder / "elsewhere")


@pytest.mark.parametrize("failure", [Failure.TIMEOUT_BEFORE, Failure.TIMEOUT_AFTER])
@pytest.mark.parametrize("route", ["GET pulls", "POST pulls"])
def test_a_call_that_hangs_leads_to_one_pull_request(place: Place, route: str, failure: Failure) -> None:
    """F42: one pull request after a lost answer; lookups are repeated."""
    row = place.result()
    place.standin.fails((route, failure, 1, 3.0))

    place.site.settle()

    place.delivered(row)


def test_a_forge_that_is_gone_for_a_while_gets_its_pull_request_afterwards(place: Place) -> None:
    row = place.result()
    place.standin.kill()
    place.site.actor.on_mail(OutboxReady())
    place.site.until(lambda: len(place.site.outbox.errors) >= 3)

    place.standin.start()
    place.site.settle()

    place.delivered(row)
    assert len(place.site.orders) == 1, "the gates were run again"


# -- limits and tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Failure.SECONDARY_LIMIT, Failure.TOO_MANY, Failure.PRIMARY_LIMIT])
def test_a_limit_is_waited_out_without_a_call_and_the_result_waits_with_it(place: Place, failure: Failure) -> None:
    """F43: no call before the time that was named; items are parked, not failed."""
    row = place.result()
    place.standin.fails(("POST pulls", failure, 1, 120.0))
    place.site.actor.on_mail(OutboxReady())
    place.site.until(lambda: place.site.outbox.errors)
    since, calls = place.site.clock.monotonic(), len(place.standin.ledger("call"))

    place.site.until(lambda: len(place.standin.ledger("call")) > calls)
    waited = place.site.clock.monotonic() - since
    place.site.settle()

    assert waited >= 120.0
    assert "GitHub allows no call for 12" in place.site.outbox.errors[0]
    place.delivered(row)


def test_a_token_that_stays_refused_is_tried_a_few_times_and_then_a_person_is_asked_who_can_go_on(place: Place) -> None:
    row = place.result()
    place.standin.fails(("GET pulls", Failure.UNAUTHORIZED, -1))

    place.site.settle()

    (word,) = place.site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, len(place.site.outbox.errors)) == ("policy", place.site.settings.unauthorized - 1)
    assert "give the factory a valid GITHUB_TOKEN" in word.reason
    assert (place.standin.ledger("ref"), place.rows()) == ([], [])

    place.standin.fails()
    place.site.outbox.add(replace(row, approved_digest=digest(row.result.base_commit, row.result.commit)))
    place.site.settle()

    assert isinstance(place.site.queue.words[1], Published)
    assert place.pull()["sha"] == row.result.commit


def test_one_refusal_of_a_token_costs_nothing(place: Place) -> None:
    """F43: 401 in mid-run; a token is renewed once."""
    row = place.result()
    place.standin.fails(
        ("GET repo", Failure.UNAUTHORIZED), ("POST pulls", Failure.UNAUTHORIZED), ("POST git-receive-pack", Failure.UNAUTHORIZED)
    )

    place.site.settle()

    assert len(place.standin.ledger("failure")) == 3
    assert place.site.outbox.errors == []
    place.delivered(row)


def test_workers_that_wait_for_a_repository_whose_token_is_refused_are_told_that_it_is_nobodys_fault(place: Place) -> None:
    place.standin.accepts("another")

    place.site.actor.on_mail(Prepare(Lease(ITEM, 1), place.site.remote.repo, "main"))
    place.site.until(lambda: place.site.queue.told)

    (_, mail) = place.site.queue.told[0]
    assert isinstance(mail, PrepareFailed)
    assert mail.failure == "infra"
    assert "does not accept the factory's token" in mail.reason


# -- what others do meanwhile -----------------------------------------------------------------------------------------


def test_a_second_attempt_moves_the_branch_of_the_same_pull_request_and_its_text(place: Place) -> None:
    first = place.result()
    place.site.settle()
    second = place.result("b\n", 2, first)

    place.site.settle()

    pull = place.pull()
    assert (pull["sha"], place.updates()) == (
        second.result.commit,
        [(None, first.result.commit), (first.result.commit, second.result.commit)],
    )
    assert f"Checked at `{second.result.commit}`" in pull["body"]
    assert [head for _, _, head, _ in place.rows()] == [second.result.commit]


def test_a_commit_that_a_person_pushed_to_the_pull_request_is_not_replaced(place: Place) -> None:
    """S5: pushed with a lease."""
    first = place.result()
    place.site.settle()
    theirs = place.site.remote.push({"theirs.txt": "x\n"}, _BRANCH)
    place.result("b\n", 2, first)

    place.site.settle()

    word = place.site.queue.words[-1]
    assert isinstance(word, Rejected)
    assert (word.failure, place.pull()["sha"]) == ("policy", theirs)
    assert theirs[:12] in word.reason


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_a_pull_request_that_is_over_takes_no_second_attempt_and_nothing_is_pushed(place: Place, state: str) -> None:
    first = place.result()
    place.site.settle()
    _end(place, state)
    place.result("b\n", 2, first)

    place.site.settle()

    word = place.site.queue.words[-1]
    assert isinstance(word, Rejected)
    assert word.reason == (
        f"The item's pull request {place.standin.api}/{_REPO}/pull/1 is {state} already, and a second one is not opened: "
        "reopen it and approve, or cancel the item."
    )
    assert place.updates() == [(None, first.result.commit)]


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_one_that_is_over_before_it_could_be_told_is_told_and_its_deleted_branch_stays_deleted(place: Place, state: str) -> None:
    row = place.result()
    place.site.traps["mailbox"].set("ask", after=False)
    with pytest.raises(BaseException, match="ask"):
        place.site.settle()
    _end(place, state)
    git(place.site.remote.bare, "update-ref", "-d", f"refs/heads/{_BRANCH}")

    place.site.restart()
    place.site.settle()

    assert [type(word) for word in place.site.queue.words] == [Published]
    assert [(head, at) for _, _, head, at in place.rows()] == [(row.result.commit, state)]
    assert f"refs/heads/{_BRANCH}" not in place.site.remote.branches()


def test_a_branch_deleted_before_its_pull_request_could_be_opened_is_pushed_again(place: Place) -> None:
    row = place.result()
    place.standin.fails(("POST pulls", Failure.ERROR_BEFORE))
    place.site.actor.on_mail(OutboxReady())
    place.site.until(lambda: place.site.outbox.errors)
    git(place.site.remote.bare, "update-ref", "-d", f"refs/heads/{_BRANCH}")

    place.site.settle()

    assert place.pull()["sha"] == place.site.remote.branches()[f"refs/heads/{_BRANCH}"] == row.result.commit


def test_a_branch_moved_before_its_pull_request_could_be_opened_waits_for_a_person(place: Place) -> None:
    place.result()
    place.standin.fails(("POST pulls", Failure.ERROR_BEFORE))
    place.site.actor.on_mail(OutboxReady())
    place.site.until(lambda: place.site.outbox.errors)
    theirs = place.site.remote.push({"theirs.txt": "x\n"}, _BRANCH)

    place.site.settle()

    (word,) = place.site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, place.standin.pulls()) == ("policy", [])
    assert place.site.remote.branches()[f"refs/heads/{_BRANCH}"] == theirs


def _end(place: Place, state: str) -> None:
    if state == "merged":
        place.standin.merge(_REPO, 1)
    else:
        place.standin.asks("PATCH", f"/repos/{_REPO}/pulls/1", {"state": "closed"})


def test_a_canary_in_the_token_is_in_nothing_that_delivery_says_or_keeps(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """S4: canaries in no file, log or bundle."""
    place.result()
    place.standin.fails(("GET pulls", Failure.UNAUTHORIZED, 2), ("POST git-receive-pack", Failure.ERROR_BEFORE))

    with caplog.at_level("DEBUG"):
        place.site.settle()

    kept = list(holders_below(place.site.folder, TOKEN.encode()))
    said = [*place.site.outbox.errors, *map(str, place.site.queue.words), caplog.text, str(place.rows()), place.pull()["body"]]
    assert place.site.outbox.errors
    assert (kept, [text for text in said if TOKEN in text]) == ([], [])
