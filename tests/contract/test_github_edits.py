"""When an issue's body was changed, as GitHub's GraphQL tells it: nothing but a plain answer says that it was not."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from factory.domain.forge import GitHub
from factory.errors import ForgeUnavailable, Unauthorized
from factory.integrations import github_caller
from factory.integrations.github_calls import Calls
from factory.integrations.github_issues import GitHubIssues
from factory.integrations.github_token import FixedToken
from factory.standin.failures import Failure
from factory.standin.person import Person
from factory.storage.database import Database
from factory.storage.pull_requests import PullRequestRows
from tests.fakes.clock import ManualClock
from tests.standin import TOKEN, StandIn, stand_in

REPO = "acme/widgets"


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("github")) as standin:
        standin.repository(REPO)
        yield standin


@pytest.fixture
def ask(standin: StandIn, database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., float | None]:
    monkeypatch.setattr(github_caller, "TIMEOUT_SECONDS", 1)
    standin.fails()

    def asks(number: int, seen_at: float = 0.0, token: str = TOKEN) -> float | None:
        return issues_at(standin.api, database, token).body_changed_at(REPO, number, seen_at)

    return asks


def issues_at(api: str, database: Database, token: str = TOKEN) -> GitHubIssues:
    clock = ManualClock()
    return GitHubIssues(Calls(GitHub(api, api), FixedToken(token), PullRequestRows(database), clock), clock)


@pytest.fixture
def wanda(standin: StandIn) -> Person:
    return standin.person("wanda", REPO)


def changed_at(wanda: Person, number: int) -> float:
    return datetime.fromisoformat(wanda.issue(number)["updated_at"]).timestamp()


def test_a_new_body_is_told_with_its_time_and_neither_a_title_nor_a_comment_is_one(standin: StandIn, ask, wanda: Person) -> None:
    """S2: edit before the look."""
    number = wanda.open_issue("Widgets", "Blue")
    wanda.edit(number, title="Gadgets")
    wanda.comment(number, "Yes.")
    assert ask(number) == 0.0

    standin.passes(30)
    wanda.edit(number, body="Red")
    edited = changed_at(wanda, number)
    standin.passes(30)
    wanda.comment(number, "Yes.")

    assert ask(number) == edited <= changed_at(wanda, number) - 30


def test_an_answer_that_is_older_than_what_was_seen_says_nothing(ask, wanda: Person) -> None:
    number = wanda.open_issue("Widgets", "Blue")
    at = changed_at(wanda, number)
    assert ask(number, at) == 0.0

    with pytest.raises(ForgeUnavailable, match="older there than it was seen"):
        ask(number, at + 1)


@pytest.mark.parametrize("failure", [Failure.ERROR_BEFORE, Failure.RESET_AFTER, Failure.GARBAGE, Failure.SECONDARY_LIMIT, Failure.TOO_MANY])
def test_where_it_cannot_be_told_now_it_is_asked_again(standin: StandIn, ask, wanda: Person, failure: Failure) -> None:
    number = wanda.open_issue("Widgets", "Blue")
    standin.fails(("POST graphql", failure))

    with pytest.raises(ForgeUnavailable):
        ask(number)


def test_a_token_that_is_refused_is_that(ask, wanda: Person) -> None:
    with pytest.raises(Unauthorized):
        ask(wanda.open_issue("Widgets", "Blue"), token="ghp_wrong")


def test_who_may_not_read_the_issue_does_not_know_and_neither_does_a_server_without_it(standin: StandIn, ask, wanda: Person) -> None:
    number = wanda.open_issue("Widgets", "Blue")
    standin.app("acme", {"contents": "read"}, number=7)
    blind = standin.put("/_grant", {"app": 7})["token"]

    assert ask(number, token=blind) is None
    assert ask(999) is None
    standin.fails(("POST graphql", Failure.NOT_FOUND))
    assert ask(number) is None


@pytest.fixture
def says() -> Iterator[Callable[[object], str]]:
    """A server that gives one answer to everything, such as no stand-in gives; its address."""
    told: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(len(told[0])))
            self.end_headers()
            self.wfile.write(told[0])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

        def say(answer: object) -> str:
            told.append(json.dumps(answer).encode())
            return f"http://127.0.0.1:{server.server_port}"

        yield say
        server.shutdown()


ISSUE = {"updatedAt": "2026-11-01T12:00:00Z", "lastEditedAt": None}


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]},
        {"data": {"repository": {"issue": ISSUE}}, "errors": [{"message": "Something went wrong while executing your query."}]},
        {"data": {"repository": {"issue": ISSUE}}, "errors": [{"type": "NOT_FOUND", "message": "x"}, {"message": "y"}]},
        {"data": {"repository": {"issue": None}}}, {"data": {"repository": None}}, {"data": None}, {}, [], 7, {"errors": "x"},
        {"data": {"repository": {"issue": {"updatedAt": "2026-11-01T12:00:00Z"}}}},
        {"data": {"repository": {"issue": {"updatedAt": "soon", "lastEditedAt": None}}}},
        {"data": {"repository": {"issue": {**ISSUE, "lastEditedAt": "yesterday"}}}},
    ],
)  # fmt: skip
def test_no_answer_that_is_not_plain_says_that_it_was_not_changed(
    database: Database, says: Callable[[object], str], answer: object
) -> None:
    """S2: edit before the look."""
    with pytest.raises(ForgeUnavailable):
        issues_at(says(answer), database).body_changed_at(REPO, 1, 0.0)
