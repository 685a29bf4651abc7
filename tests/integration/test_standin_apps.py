"""Apps at the GitHub stand-in: whose key it is, what a token reaches, and when it ends; and git with tokens."""

from pathlib import Path
from typing import Any

import github
import jwt
import pytest

from factory.clock import SystemClock
from factory.standin.client import AppKey, ask
from factory.standin.model import Grant
from factory.standin.person import Person
from tests.repositories import git
from tests.standin import TOKEN, place_repository
from tests.standin_watched import REPO, Scene

_SECONDS = 30


def installed(scene: Scene, permissions: dict[str, str], repositories: list[str] | None = None) -> github.GithubIntegration:
    key = scene.desk.app("acme", permissions, repositories)
    auth = github.Auth.AppAuth(key.app, key.private_key)
    return github.GithubIntegration(auth=auth, base_url=scene.desk.api, retry=None, seconds_between_requests=0, seconds_between_writes=0)


def test_a_token_of_an_app_reaches_what_it_was_minted_for_and_no_other(scene: Scene, tmp_path: Path) -> None:
    place_repository(tmp_path / "github", "acme/gears")
    place_repository(tmp_path / "github", "other/widgets")
    app = installed(scene, {"issues": "write", "contents": "read"})
    (installation,) = app.get_installations()
    minted = ask(scene.desk.api, app.auth.token, "POST", f"/app/installations/{installation.id}/access_tokens",
                 {"repositories": ["widgets"], "permissions": {"issues": "write"}})  # fmt: skip
    bot = Person(scene.desk.api, "bot", minted["token"], REPO)

    number = bot.open_issue("Of a machine")

    assert bot.issue(number)["user"]["login"] == "factory-app[bot]"
    assert minted["permissions"] == {"issues": "write", "metadata": "read"}
    assert scene.refused(bot, "GET", "/pulls") == 403
    for repo in ("acme/gears", "other/widgets", "acme/nothing"):
        assert scene.refused(Person(scene.desk.api, "bot", minted["token"], repo), "GET", "/issues") == 404
    assert scene.ledger("token") == [
        {"what": "token", "installation": installation.id, "repositories": ["widgets"], "permissions": minted["permissions"]}
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"permissions": {"contents": "write"}},
        {"repositories": ["gears"]},
        {"repositories": ["nothing"]},
        {"permissions": {"checks": "read"}},
    ],
)
def test_a_token_for_more_than_was_granted_is_not_minted(scene: Scene, tmp_path: Path, asked: dict[str, Any]) -> None:
    place_repository(tmp_path / "github", "acme/gears")
    app = installed(scene, {"issues": "write", "contents": "read"}, ["widgets"])
    (installation,) = app.get_installations()
    signed = Person(scene.desk.api, "app", app.auth.token, REPO)

    with pytest.raises(github.GithubException) as caught:
        app.requester.requestJsonAndCheck("POST", f"/app/installations/{installation.id}/access_tokens", input=asked)

    assert caught.value.status == 422
    assert signed.token
    assert scene.ledger("token") == []


def signed(key: AppKey, seconds: float) -> str:
    """For so long from now, which the library does not do."""
    now = SystemClock().now()
    return jwt.encode({"iat": int(now - 200), "exp": int(now + seconds), "iss": str(key.app)}, key.private_key, "RS256")


def test_who_signs_with_another_key_or_in_the_past_or_for_too_long_is_nobody(scene: Scene) -> None:
    key = scene.desk.app("acme", {"issues": "write"})
    foreign = scene.desk.app("acme", {"issues": "write"}, number=7).private_key
    good = github.Auth.AppAuth(key.app, key.private_key)

    tokens = {
        "good": good.token,
        "another's": github.Auth.AppAuth(key.app, foreign).token,
        "ended": signed(key, -120),
        "too long": signed(key, 3_600),
        "no app's": github.Auth.AppAuth(999, key.private_key).token,
        "no token": "ghs_something",
    }

    assert {name: scene.get("/app", token=token).status_code for name, token in tokens.items()} == {
        "good": 200, "another's": 401, "ended": 401, "too long": 401, "no app's": 401, "no token": 401,
    }  # fmt: skip


def test_a_token_that_ended_is_none_any_more(scene: Scene) -> None:
    machine = scene.desk.checks(REPO)
    machine.ask("GET", "/pulls")

    scene.desk.end_tokens()

    assert scene.refused(machine, "GET", "/pulls") == 401
    machine = scene.desk.checks(REPO)
    with scene.server.hub.turn:
        for grant in scene.server.hub.store.all(Grant):
            grant.ends = scene.server.hub.seconds
    assert scene.refused(machine, "GET", "/pulls") == 401


def test_no_token_stands_in_its_files(scene: Scene, ann: Person, tmp_path: Path) -> None:
    machine = scene.desk.checks(REPO)
    machine.ask("GET", "/pulls")
    ann.issues()

    tokens = [TOKEN.encode(), ann.token.encode(), machine.token.encode()]
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and any(token in path.read_bytes() for token in tokens)]

    assert holding == []


@pytest.mark.parametrize(("role", "words"), [("read", "403"), ("none", "not found")])
def test_git_takes_pushes_of_those_who_may_write(scene: Scene, role: str, words: str) -> None:
    ben = scene.desk.person("ben", REPO, role)
    address = scene.desk.api.replace("://", f"://x:{ben.token}@")

    with pytest.raises(AssertionError, match=words):
        git(scene.remote.tree.folder, "push", f"{address}/{REPO}.git", "HEAD:refs/heads/mine")

    scene.desk.person("ben", REPO, "write")
    git(scene.remote.tree.folder, "push", "--quiet", f"{address}/{REPO}.git", "HEAD:refs/heads/mine")
    assert [(one["ref"], one["old"]) for one in scene.ledger("ref")] == [("mine", None)]
