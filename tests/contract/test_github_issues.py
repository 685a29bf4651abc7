"""GitHub's issues through its API: what a look costs, what a short or lost answer must not do, and when no call may be made."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from factory.domain.forge import GitHub
from factory.domain.issue import IssueText
from factory.errors import ForgeRefused, ForgeUnavailable, Retryable, Unauthorized
from factory.integrations import github_caller, github_calls, github_issues
from factory.integrations.github_calls import Calls
from factory.integrations.github_issues import LOOK_ROUND_SECONDS, PERMISSION_SECONDS, GitHubIssues
from factory.issue_ports import Look, Mark
from factory.standin.failures import Failure
from factory.standin.person import Person
from factory.storage.database import Database
from factory.storage.pull_requests import PullRequestRows
from tests.fakes.clock import ManualClock
from tests.repositories import git
from tests.standin import TOKEN, StandIn, stand_in

LABEL = "ai-factory"
_NUMBERS = count(1)


@dataclass(slots=True)
class Forge:
    """The adapter against the stand-in, with a repository of its own; `renewed` says for each token whether it was to be another one."""

    standin: StandIn
    database: Database
    clock: ManualClock = field(default_factory=ManualClock)
    tokens: list[str] = field(default_factory=lambda: [TOKEN])
    renewed: list[bool] = field(default_factory=list)
    issues: GitHubIssues = field(init=False)
    wanda: Person = field(init=False)
    repo: str = field(default_factory=lambda: f"acme/widgets{next(_NUMBERS)}")
    before: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.standin.fails()
        self.standin.repository(self.repo)
        self.wanda = self.standin.person("wanda", self.repo)
        self.before = self.standin.counted()
        self.restart()

    def cost(self, route: str) -> int:
        """Calls of the route that counted, in this test."""
        return self.standin.counted()[route] - self.before[route]

    def restart(self) -> None:
        calls = Calls(GitHub(self.standin.api, self.standin.api), self._mint, PullRequestRows(self.database), self.clock)
        self.issues = GitHubIssues(calls, self.clock)

    def labelled(self, title: str = "Widgets") -> int:
        number = self.wanda.open_issue(title, "Body", "bug")
        self.wanda.label(number, LABEL)
        return number

    def look(self, mark: Mark | None = None, *, follows: bool = False) -> Look:
        return self.issues.look(self.repo, LABEL, mark or Mark(), follows=follows)

    def _mint(self, slug: str, *, renew: bool) -> str:
        self.renewed.append(renew)
        return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]


@pytest.fixture(scope="module")
def standin(tmp_path_factory) -> Iterator[StandIn]:
    """One for all: each test has a repository of its own."""
    with stand_in(tmp_path_factory.mktemp("github")) as standin:
        yield standin


@pytest.fixture
def forge(standin, database, monkeypatch) -> Forge:
    monkeypatch.setattr(github_caller, "TIMEOUT_SECONDS", 1)
    return Forge(standin, database)


def numbers(look: Look) -> list[int]:
    return sorted(one.number for one in look.issues)


# -- looks ------------------------------------------------------------------------------------------------------------


def test_a_look_shows_what_is_open_and_labelled_and_no_pull_request(forge: Forge) -> None:
    wanted, other, closed = forge.labelled(), forge.wanda.open_issue("Other"), forge.labelled()
    forge.wanda.close(closed)

    (found,) = forge.look().issues

    assert (found.number, other) == (wanted, wanted + 1)
    assert (found.seen.text.title, found.seen.text.body, found.seen.author) == ("Widgets", "Body", "wanda")
    assert sorted(found.seen.labels) == [LABEL, "bug"]


def test_a_look_that_finds_nothing_new_costs_nothing_and_one_after_a_change_shows_it(forge: Forge) -> None:
    number = forge.labelled()
    mark = forge.look().mark
    before, unmodified = forge.cost("GET issues"), forge.standin.not_modified()["GET issues"]

    again = forge.look(mark)

    assert (again.issues, forge.cost("GET issues")) == ((), before)
    assert forge.standin.not_modified()["GET issues"] > unmodified
    forge.wanda.edit(number, title="Gadgets")
    assert [one.seen.text.title for one in forge.look(mark).issues] == ["Gadgets"]


def test_what_is_followed_is_seen_closed_relabelled_and_commented_at_one_call_a_change(forge: Forge) -> None:
    number = forge.labelled()
    first = forge.look().mark
    forge.wanda.unlabel(number, LABEL)
    mark = forge.look(first, follows=True).mark
    forge.wanda.close(number)
    before = forge.cost("GET issues")

    look = forge.look(mark, follows=True)
    forge.look(look.mark, follows=True)

    assert [(one.number, one.seen.is_open) for one in look.issues] == [(number, False)]
    assert forge.cost("GET issues") == before + 1


def test_every_page_is_read_once(forge: Forge, monkeypatch) -> None:
    monkeypatch.setattr(github_calls, "PER_PAGE", 2)
    there = sorted(forge.labelled() for _ in range(5))

    assert numbers(forge.look()) == there
    assert forge.cost("GET issues") == 3


def test_of_more_changes_than_a_page_the_next_look_begins_behind_the_first_page(forge: Forge, monkeypatch) -> None:
    monkeypatch.setattr(github_calls, "PER_PAGE", 2)
    monkeypatch.setattr(github_issues, "_MOST_CHANGED", 1)
    there = [forge.labelled() for _ in range(5)]

    look = forge.look(Mark(since=1_700_000_000.0), follows=True)

    oldest = sorted((one.seen.updated_at, one.number) for one in look.issues)[:2]
    assert numbers(look) == there
    assert look.mark == Mark(look.mark.asked, oldest[-1][0], "")


@pytest.mark.parametrize("failure", [Failure.ERROR_BEFORE, Failure.RESET_BEFORE, Failure.CUT_AFTER, Failure.GARBAGE])
@pytest.mark.parametrize("page", [0, 1])
def test_a_look_of_which_a_page_fails_is_none_and_the_next_one_shows_all(forge: Forge, monkeypatch, failure, page: int) -> None:
    """F46: a page is missing."""
    monkeypatch.setattr(github_calls, "PER_PAGE", 2)
    there = sorted(forge.labelled() for _ in range(3))
    forge.standin.fails(("GET issues", failure, 1, 0.0, page))

    with pytest.raises(ForgeUnavailable):
        forge.look()

    assert numbers(forge.look()) == there


def test_once_an_hour_it_is_listed_whatever_the_tag_says(forge: Forge) -> None:
    number = forge.labelled()
    mark = forge.look().mark
    forge.clock.advance(LOOK_ROUND_SECONDS)

    assert numbers(forge.look(mark)) == [number]
    assert numbers(forge.look(mark)) == []


# -- tokens and limits ------------------------------------------------------------------------------------------------


def test_a_token_that_is_refused_is_renewed_once(forge: Forge) -> None:
    """F43: a token is renewed once."""
    number = forge.labelled()
    forge.tokens = ["ghp_old", TOKEN]

    assert numbers(forge.look()) == [number]
    assert forge.renewed == [False, True]

    forge.tokens = ["ghp_old"]
    with pytest.raises(Unauthorized):
        forge.look()
    assert forge.renewed == [False, True, False, True]


@pytest.mark.parametrize("failure", [Failure.SECONDARY_LIMIT, Failure.PRIMARY_LIMIT, Failure.TOO_MANY])
def test_while_a_limit_holds_no_call_is_made_also_by_a_new_process(forge: Forge, failure) -> None:
    """F43: no call before the time that was named."""
    forge.labelled()
    forge.standin.fails(("GET issues", failure, 1, 120.0))
    with pytest.raises(ForgeUnavailable) as told:
        forge.look()
    assert 119 <= told.value.retry_after <= 122
    calls = len(forge.standin.ledger("call"))

    for restarts in (False, True):
        if restarts:
            forge.restart()
        with pytest.raises(ForgeUnavailable):
            forge.issues.history(forge.repo, 1)
    assert len(forge.standin.ledger("call")) == calls

    forge.clock.advance(122.0)
    assert len(forge.issues.history(forge.repo, 1)) > 0


# -- history and permission -------------------------------------------------------------------------------------------


def test_the_history_tells_who_did_what(forge: Forge) -> None:
    number = forge.labelled()
    rudi = forge.standin.person("rudi", forge.repo, "read")
    rudi.comment(number, "Why?")
    forge.wanda.edit(number, title="Gadgets")
    forge.wanda.close(number)

    history = forge.issues.history(forge.repo, number)

    told = [(one.kind, one.who.login, one.label, one.text) for one in history if one.label in {"", LABEL}]
    assert told == [
        ("labeled", "wanda", LABEL, ""), ("commented", "rudi", "", "Why?"), ("renamed", "wanda", "", ""), ("closed", "wanda", "", ""),
    ]  # fmt: skip
    assert all(one.number and one.at and not one.who.is_program for one in history)


def test_what_no_database_stores_is_left_out_of_all_that_is_read(forge: Forge) -> None:
    number = forge.wanda.open_issue("Wid\0gets", "Bo\ud800dy", "b\ud800ug")
    forge.wanda.label(number, LABEL)
    forge.wanda.comment(number, "Yes\0, \udfff do.")

    (one,) = forge.look().issues
    assert (one.seen.text, one.seen.labels) == (IssueText("Widgets", "Body"), ("bug", LABEL))
    assert [each.text for each in forge.issues.history(forge.repo, number) if each.kind == "commented"] == ["Yes,  do."]


def test_a_permission_is_what_the_forge_says_asked_for_once_in_a_while(forge: Forge) -> None:
    forge.standin.person("rudi", forge.repo, "triage")

    told = [forge.issues.permission(forge.repo, login) for login in ("wanda", "rudi", "nobody-of-this-name", "wanda", "Wanda")]

    assert told == ["write", "read", "none", "write", "write"]
    assert forge.cost("GET permission") == 3
    forge.clock.advance(PERMISSION_SECONDS)
    forge.issues.permission(forge.repo, "wanda")
    assert forge.cost("GET permission") == 4


def test_whether_a_pull_request_is_merged_is_what_the_forge_says_now(forge: Forge) -> None:
    bare = forge.standin.folder / "repositories" / f"{forge.repo}.git"
    git(bare, "update-ref", "refs/heads/side", git(bare, "commit-tree", "main^{tree}", "-p", "main", "-m", "Do it").strip())
    pull = forge.wanda.ask("POST", "/pulls", {"title": "Do it", "head": "side", "base": "main"})["number"]
    assert forge.issues.is_merged(forge.repo, pull) is False

    forge.wanda.merge(pull)

    assert forge.issues.is_merged(forge.repo, pull) is True
    with pytest.raises(ForgeRefused):
        forge.issues.is_merged(forge.repo, 99)


# -- labels and comments ----------------------------------------------------------------------------------------------


def test_labels_are_exchanged_and_doing_it_again_changes_nothing(forge: Forge) -> None:
    number = forge.labelled()

    for _ in range(2):
        there = forge.issues.relabel(forge.repo, number, ["ai-factory-processing"], [LABEL])
        assert sorted(there) == ["ai-factory-processing", "bug"]

    assert sorted(forge.wanda.labels(number)) == ["ai-factory-processing", "bug"]
    assert [one.kind for one in forge.issues.history(forge.repo, number)] == ["labeled", "labeled", "labeled", "unlabeled"]


def test_of_several_who_take_a_label_off_one_is_told_that_it_was_there(forge: Forge) -> None:
    number = forge.labelled()

    assert [forge.issues.take_off(forge.repo, number, LABEL.upper()) for _ in range(2)] == [("bug",), None]
    assert forge.issues.take_off(forge.repo, number, "bug") == ()


@pytest.mark.parametrize(
    "failure", [Failure.ERROR_BEFORE, Failure.ERROR_AFTER, Failure.RESET_AFTER, Failure.TIMEOUT_AFTER, Failure.CUT_AFTER]
)
def test_a_comment_whose_answer_is_lost_is_written_once(forge: Forge, failure) -> None:
    """F42: one comment after a lost answer."""
    number = forge.labelled()
    forge.standin.fails(("POST comments", failure, 1, 3.0))

    with pytest.raises(Retryable):
        forge.issues.comment(forge.repo, number, "Hello", "<!-- mark -->", look_first=False)
    at = forge.issues.comment(forge.repo, number, "Hello", "<!-- mark -->", look_first=True)

    assert [one["body"] for one in forge.wanda.comments(number)] == ["Hello\n<!-- mark -->"]
    assert at > 1_700_000_000


def test_what_is_not_there_is_refused_for_good(forge: Forge) -> None:
    with pytest.raises(ForgeRefused):
        forge.issues.comment(forge.repo, 999, "Hello", "<!-- mark -->", look_first=False)
    with pytest.raises(ForgeRefused):
        forge.issues.look("acme/nothing", LABEL, Mark(), follows=False)


def test_a_token_is_in_no_error(forge: Forge) -> None:
    forge.standin.fails(("GET issues", Failure.UNAUTHORIZED, -1))

    with pytest.raises(Unauthorized) as told:
        forge.look()

    assert TOKEN not in str(told.value)


def test_the_bound_of_a_list_is_the_bound_of_a_look(forge: Forge, monkeypatch) -> None:
    monkeypatch.setattr(github_calls, "PER_PAGE", 1)
    monkeypatch.setattr(github_calls, "MAX_PAGES", 2)
    monkeypatch.setattr(github_issues, "PER_PAGE", 1)
    for _ in range(3):
        forge.labelled()

    with pytest.raises(ForgeRefused, match="more than 2 entries"):
        forge.look()
