"""Git towards private repositories of a GitHub: the token reaches that server and no other place, and failures lead to one branch."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from factory.cli.git_look import default_branch
from factory.domain.forge import GitHub, with_token
from factory.domain.ids import Commit
from factory.errors import InvalidInput, RepositoryRefused, RepositoryUnavailable, Unauthorized
from factory.integrations.git import GitRepositories
from factory.integrations.git_remote import Credential, Remotes
from factory.integrations.github_token import FixedToken, GitHubAccess
from factory.standin.failures import Failure
from tests.integration.git_site import BRANCH, NAME
from tests.repositories import Remote
from tests.standin import TOKEN, StandIn, stand_in

_TRIES = 5


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    with stand_in(tmp_path / "github") as standin:
        yield standin


@pytest.fixture
def remote(standin: StandIn) -> Remote:
    return standin.repository()


def repositories_of(standin: StandIn, folder: Path, token: str = TOKEN) -> GitRepositories:
    place = GitHub(standin.api, standin.api)
    return GitRepositories(folder / "mirrors", folder / "imports", Remotes(GitHubAccess(place, FixedToken(token))))


@pytest.fixture
def repositories(standin: StandIn, remote: Remote, tmp_path: Path) -> GitRepositories:
    repositories = repositories_of(standin, tmp_path)
    repositories.refresh(standin.address(), "main")
    return repositories


@pytest.fixture
def result(repositories: GitRepositories, standin: StandIn, remote: Remote, tmp_path: Path) -> tuple[Path, Commit]:
    """An import, and the commit that it is of."""
    return imported(repositories, standin, remote, tmp_path)


def imported(repositories: GitRepositories, standin: StandIn, remote: Remote, folder: Path) -> tuple[Path, Commit]:
    tree = remote.worker(folder / "worker")
    commit = tree.commit({"a.txt": "a\n"})
    return repositories.import_bundle(standin.address(), NAME, tree.bundle(f"origin/main..{BRANCH}"), commit), commit


def insist(repositories: GitRepositories, standin: StandIn, at: Path, commit: Commit, expected: Commit | None = None) -> int:
    """Pushes until it worked; how often that took."""
    for tries in range(1, _TRIES + 1):
        try:
            repositories.push(standin.address(), at, commit, BRANCH, expected)
            return tries
        except RepositoryUnavailable:
            continue
    raise AssertionError(f"not within {_TRIES} tries")


def updates(standin: StandIn) -> list[tuple[str, str | None, str | None]]:
    return [(entry["ref"], entry["old"], entry["new"]) for entry in standin.ledger("ref")]


# -- with the token ---------------------------------------------------------------------------------------------------


def test_a_private_repository_is_fetched_and_pushed_to(repositories, standin, result) -> None:
    """S5: no other branch."""
    at, commit = result

    repositories.push(standin.address(), at, commit, BRANCH, None)

    assert updates(standin) == [(BRANCH, None, commit)]


def test_without_a_token_of_ours_a_private_repository_is_refused(standin, remote, tmp_path) -> None:
    with pytest.raises(RepositoryRefused, match="asks for credentials"):
        GitRepositories(tmp_path / "mirrors", tmp_path / "imports").refresh(standin.address(), "main")


def test_a_token_that_is_not_accepted_is_told_as_that(standin, remote, tmp_path) -> None:
    repositories = repositories_of(standin, tmp_path, "ghp_wrong")

    with pytest.raises(Unauthorized, match="does not accept the factory's token") as caught:
        repositories.refresh(standin.address(), "main")

    assert "ghp_wrong" not in str(caught.value)


def test_a_token_that_ended_is_replaced_once(standin, remote, tmp_path) -> None:
    asked: list[bool] = []

    def access(repo: str, *, renew: bool) -> Credential:
        asked.append(renew)
        return Credential(standin.api, TOKEN if renew else "ghs_ended")

    GitRepositories(tmp_path / "mirrors", tmp_path / "imports", Remotes(access)).refresh(standin.address(), "main")

    assert asked == [False, True]


# -- lost answers -----------------------------------------------------------------------------------------------------


LOST = [Failure.ERROR_BEFORE, Failure.ERROR_AFTER, Failure.RESET_BEFORE, Failure.RESET_AFTER, Failure.CUT_AFTER]


@pytest.mark.parametrize("route", ["GET refs for git-upload-pack", "GET refs for git-receive-pack", "POST git-receive-pack"])
@pytest.mark.parametrize("failure", LOST)
def test_a_push_whose_answer_is_lost_moves_the_branch_once(repositories, standin, result, route, failure) -> None:
    at, commit = result
    standin.fails((route, failure))

    assert insist(repositories, standin, at, commit) <= 2

    assert [entry["failure"] for entry in standin.ledger("failure")] == [failure]
    assert updates(standin) == [(BRANCH, None, commit)]


# -- where the token is not -------------------------------------------------------------------------------------------

SPY = """#!/bin/sh
echo "$@" >> "{log}"
exec "{git}" "$@"
"""


def test_the_token_is_in_no_argument_no_file_and_no_message(standin, remote, tmp_path, monkeypatch, caplog) -> None:
    (tmp_path / "bin").mkdir()
    spy = tmp_path / "bin" / "git"
    spy.write_text(SPY.format(log=tmp_path / "arguments", git=shutil.which("git")))
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    repositories = repositories_of(standin, tmp_path)

    with caplog.at_level("DEBUG"):
        repositories.refresh(standin.address(), "main")
        at, commit = imported(repositories, standin, remote, tmp_path)
        repositories.push(standin.address(), at, commit, BRANCH, None)

    arguments = (tmp_path / "arguments").read_text()
    assert "push" in arguments
    held = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert (held, TOKEN in arguments, TOKEN in caplog.text) == ([], False, False)
    assert TOKEN not in repr(Credential(standin.api, TOKEN)) + repr(FixedToken(TOKEN)) + repr(GitHubAccess(GitHub(), FixedToken(TOKEN)))


def test_the_users_own_helpers_neither_give_nor_keep_a_credential_of_that_server(standin, remote, tmp_path, monkeypatch) -> None:
    kept = tmp_path / "kept"
    helper = f"!f() {{ echo $1 >> {kept}; cat >> {kept}; test $1 = get && echo username=me && echo password=theirs; }}; f"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "credential.helper")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", helper)

    repositories_of(standin, tmp_path).refresh(standin.address(), "main")

    assert not kept.exists()


def test_a_redirect_to_another_server_is_given_no_token(tmp_path) -> None:
    heard: list[str] = []
    with serving(_asking(heard)) as thief, serving(_redirect_to(thief)) as address:
        access = GitHubAccess(GitHub(address, address), FixedToken(TOKEN))
        repositories = GitRepositories(tmp_path / "mirrors", tmp_path / "imports", Remotes(access))
        with pytest.raises(RepositoryRefused, match="asks for credentials"):
            repositories.refresh(f"{address}/acme/widgets.git", "main")

    assert set(heard) == {""}


def test_the_command_line_reads_the_default_branch_of_a_private_repository_with_the_same_token(standin, remote, monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", standin.api)
    with pytest.raises(InvalidInput, match="could not read Username"):
        default_branch(standin.address())

    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)

    assert default_branch(standin.address()) == "main"


@pytest.mark.parametrize(
    "repo",
    ["/srv/acme/widgets.git", "https://gitlab.com/acme/widgets.git", "git@github.com:acme/widgets.git", "http://github.com/acme/widgets"],
)
def test_remotes_that_are_not_that_server_over_http_are_left_to_the_user(repo) -> None:
    assert GitHubAccess(GitHub(), FixedToken(TOKEN))(repo, renew=False) is None


def test_the_users_own_settings_by_environment_are_kept_beside_the_token() -> None:
    own = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.proxy", "GIT_CONFIG_VALUE_0": "http://proxy"}

    given = with_token(own, "https://github.com", TOKEN)

    assert given["GIT_CONFIG_COUNT"] == "3"
    assert (given["GIT_CONFIG_KEY_0"], given["GIT_CONFIG_VALUE_0"]) == ("http.proxy", "http://proxy")
    assert [name for name, value in given.items() if TOKEN in value] == ["FACTORY_REMOTE_TOKEN"]


def test_a_mirror_of_a_private_repository_says_nothing_of_its_address(repositories, tmp_path, standin) -> None:
    (mirror,) = (tmp_path / "mirrors").glob("*.git")

    assert standin.api not in (mirror / "config").read_text()
    assert stat.S_IMODE(mirror.stat().st_mode) == 0o755


# -- a server that sends on -------------------------------------------------------------------------------------------


def _redirect_to(address: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(301)
            self.send_header("Location", f"{address}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Nothing."""

    return Handler


def _asking(heard: list[str]) -> type[BaseHTTPRequestHandler]:
    """Asks for a login, and notes what it is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("authorization", ""))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Nothing."""

    return Handler


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
