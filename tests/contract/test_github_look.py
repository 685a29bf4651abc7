"""The doctor's look at a repository of GitHub: what it says of it, with a token and as an App, and that it ends."""

import socket
from collections.abc import Iterator

import pytest

from factory import wiring_github
from factory.config import Settings
from factory.doctor import Check, Level
from factory.domain.forge import RepositoryState
from factory.errors import ForgeRefused, ForgeUnavailable, Unauthorized
from factory.integrations.github_look import look
from factory.integrations.github_token import FixedToken
from factory.standin.failures import Failure
from tests.standin import TOKEN, StandIn, stand_in

REPO, LABEL = "acme/widgets", "ai-factory"
SECONDS = 20.0


@pytest.fixture(scope="module")
def standin(tmp_path_factory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("github")) as standin:
        standin.repository(REPO)
        yield standin


def seen(standin: StandIn, repo: str = REPO, token: str = TOKEN) -> RepositoryState:
    return look(standin.api, FixedToken(token), repo, LABEL, SECONDS)


def test_it_shows_whether_the_repository_takes_issues_may_be_pushed_to_and_has_the_label(standin: StandIn) -> None:
    assert seen(standin) == RepositoryState(has_issues=True, is_archived=False, may_push=True, has_label=False)

    standin.person("ada", REPO).ask("POST", "/labels", {"name": LABEL, "color": "ededed"})

    assert seen(standin).has_label
    rudi = standin.person("rudi", REPO, "read")
    assert seen(standin, token=rudi.token).may_push is False


def test_what_cannot_be_seen_is_refused_and_what_is_not_accepted_is_said_to_be(standin: StandIn) -> None:
    with pytest.raises(ForgeRefused, match="no repository acme/gadgets"):
        seen(standin, "acme/gadgets")
    with pytest.raises(Unauthorized, match="does not accept the token"):
        seen(standin, token="ghp_" + "0" * 36)
    standin.fails(("GET repo", Failure.ERROR_BEFORE, 1))
    with pytest.raises(ForgeUnavailable, match="502"):
        seen(standin)


def test_a_server_that_never_answers_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ForgeUnavailable, match="does not answer"):
        look(f"http://127.0.0.1:{silent.getsockname()[1]}", FixedToken(TOKEN), REPO, LABEL, 0.2)


def checks(standin: StandIn, environ: dict[str, str], **settings: object) -> dict[str, Check]:
    given = Settings(repos=(REPO,), **settings)
    return {check.name: check for check in wiring_github.issue_checks(given, {"GITHUB_API_URL": standin.api, **environ})}


def test_an_app_is_looked_at_with_what_intake_asks_for(standin: StandIn) -> None:
    app = standin.app("acme", {"contents": "write", "pull_requests": "write", "issues": "write", "checks": "read", "statuses": "read"})
    environ = {"GH_APP_ID": str(app.app), "GH_INSTALLATION_ID": str(app.installation), "GH_PRIVATE_KEY": app.private_key}

    found = {name: check.look() for name, check in checks(standin, environ, intake_label="todo").items()}

    assert found["login"].why == f"by the GitHub App {app.app}"
    assert (found[REPO].level, found[REPO].mend) == (Level.WARN, f"gh label create todo --repo {REPO}")


def test_only_what_is_set_is_looked_at_and_nothing_that_cannot_log_in(standin: StandIn) -> None:
    assert list(checks(standin, {"GITHUB_TOKEN": TOKEN})) == ["login", REPO]
    assert list(checks(standin, {}, http_listen="127.0.0.1:8080")) == ["login", "webhooks"]
    assert wiring_github.issue_checks(Settings(), {}) == []
    many = Settings(repos=tuple(f"acme/number{number}" for number in range(23)))
    names = [check.name for check in wiring_github.issue_checks(many, {"GITHUB_TOKEN": TOKEN})]
    assert (len(names), names[-1]) == (22, "others")
