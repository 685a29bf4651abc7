"""Tokens of a GitHub App: for one repository, with the least permissions, and replaced before they end."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from factory.domain.forge import GitHub
from factory.domain.forge_app import DELIVERY, INTAKE, App, Permissions, app_of
from factory.errors import ForgeUnavailable, Unauthorized
from factory.integrations.git_remote import Remotes
from factory.integrations.github_app import EARLY_SECONDS, AppTokens
from factory.integrations.github_token import GitHubAccess
from factory.standin.apps import TOKEN_SECONDS
from factory.standin.client import AppKey
from factory.standin.failures import Failure
from tests.fakes.clock import ManualClock
from tests.standin import StandIn

REPO, OTHER = "acme/widgets", "acme/gadgets"
GRANTED = {"contents": "write", "pull_requests": "write", "issues": "write", "checks": "read", "statuses": "read"}


@pytest.fixture
def key(standin: StandIn) -> AppKey:
    standin.repository(REPO)
    standin.repository(OTHER)
    return standin.app("acme", GRANTED)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tokens(standin: StandIn, key: AppKey, clock: ManualClock) -> Callable[[Permissions], AppTokens]:
    return lambda permissions: AppTokens(standin.api, app(key), permissions, clock)


def app(key: AppKey) -> App:
    found = app_of({"GH_APP_ID": str(key.app), "GH_INSTALLATION_ID": str(key.installation), "GH_PRIVATE_KEY": key.private_key})
    assert found is not None
    return found


def minted(standin: StandIn) -> list[tuple[object, object]]:
    return [(one["repositories"], one["permissions"]) for one in standin.ledger("token")]


def test_a_token_is_for_one_repository_and_may_do_what_was_asked_for(standin: StandIn, tokens: Callable[[Permissions], AppTokens]) -> None:
    """S5: tokens for one repository."""
    read = standin.asks("GET", f"/repos/{REPO}", token=tokens(INTAKE)(REPO, renew=False))

    assert read["full_name"] == REPO
    assert minted(standin) == [(["widgets"], {**INTAKE, "metadata": "read"})]


@pytest.mark.parametrize("permissions", [DELIVERY, INTAKE], ids=["delivery", "intake"])
def test_no_token_may_change_workflows_although_the_app_might(standin: StandIn, clock: ManualClock, permissions: Permissions) -> None:
    """S6: no permission for workflows. S5: tokens for one repository."""
    standin.repository(REPO)
    generous = standin.app("acme", {**GRANTED, "workflows": "write", "administration": "write"}, number=9)

    AppTokens(standin.api, app(generous), permissions, clock)(REPO, renew=False)

    assert minted(standin) == [(["widgets"], {**permissions, "metadata": "read"})]
    assert permissions.keys() <= GRANTED.keys()


def test_a_token_is_kept_until_shortly_before_it_ends(
    standin: StandIn, tokens: Callable[[Permissions], AppTokens], clock: ManualClock
) -> None:
    mint = tokens(DELIVERY)
    first = mint(REPO, renew=False)
    clock.advance(TOKEN_SECONDS - EARLY_SECONDS - 5)
    assert mint(REPO, renew=False) == first
    other = mint(OTHER, renew=False)

    clock.advance(10)

    assert len({first, other, mint(REPO, renew=False)}) == 3
    assert [repositories for repositories, _ in minted(standin)] == [["widgets"], ["gadgets"], ["widgets"]]


def test_one_that_was_refused_is_replaced(tokens: Callable[[Permissions], AppTokens]) -> None:
    mint = tokens(DELIVERY)

    assert mint(REPO, renew=False) != mint(REPO, renew=True)


def test_git_reaches_a_private_repository_with_it(standin: StandIn, tokens: Callable[[Permissions], AppTokens], tmp_path: Path) -> None:
    standin.put("/_repo", {"repo": REPO, "private": True})
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "init", "--bare", "--quiet", str(clone)], check=True, timeout=60, env={"PATH": os.environ["PATH"]})
    remotes = Remotes(GitHubAccess(GitHub(standin.api, standin.api), tokens(DELIVERY)))

    fetch = ["fetch", standin.address(REPO), "main:main"]
    assert remotes.run(standin.address(REPO), clone, fetch, timeout=60).code == 0
    standin.put("/_end", {})
    assert remotes.run(standin.address(REPO), clone, fetch, timeout=60).code == 0
    assert len(minted(standin)) == 2


def test_what_the_installation_may_not_is_a_sentence_with_what_it_needs(standin: StandIn, clock: ManualClock) -> None:
    standin.repository(REPO)
    key = standin.app("acme", {"issues": "read"}, number=7)

    with pytest.raises(Unauthorized, match=r"no token for acme/widgets \(422: .*\): it must be installed there and may need issues: write"):
        AppTokens(standin.api, app(key), INTAKE, clock)(REPO, renew=False)


def test_a_key_of_another_app_is_refused(standin: StandIn, key: AppKey, clock: ManualClock) -> None:
    other = standin.app("acme", GRANTED, number=8)
    mixed = AppKey(key.app, key.installation, other.private_key, "")

    with pytest.raises(Unauthorized, match="401"):
        AppTokens(standin.api, app(mixed), DELIVERY, clock)(REPO, renew=False)


def test_a_key_that_cannot_sign_is_one_sentence(standin: StandIn, key: AppKey, clock: ManualClock) -> None:
    broken = AppKey(key.app, key.installation, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "")

    with pytest.raises(Unauthorized, match="GH_PRIVATE_KEY is no key that can sign"):
        AppTokens(standin.api, app(broken), DELIVERY, clock)(REPO, renew=False)


@pytest.mark.parametrize("failure", [Failure.ERROR_BEFORE, Failure.RESET_AFTER, Failure.GARBAGE, Failure.SECONDARY_LIMIT])
def test_an_answer_that_does_not_come_is_tried_again_later(
    standin: StandIn, tokens: Callable[[Permissions], AppTokens], failure: Failure
) -> None:
    mint = tokens(DELIVERY)
    standin.fails(("POST access_tokens", failure))

    with pytest.raises(ForgeUnavailable):
        mint(REPO, renew=False)
    assert mint(REPO, renew=False)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"GH_APP_ID": "1"}, "a GitHub App needs GH_INSTALLATION_ID and GH_PRIVATE_KEY as well"),
        ({"GH_APP_ID": "one", "GH_INSTALLATION_ID": "2", "GH_PRIVATE_KEY": "x"}, "GH_APP_ID is no number"),
        ({"GH_APP_ID": "1", "GH_INSTALLATION_ID": "2", "GH_PRIVATE_KEY": "a-canary"}, "GH_PRIVATE_KEY is no private key in PEM"),
    ],
)
def test_what_cannot_be_used_is_said_without_showing_it(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as raised:
        app_of(environ)
    assert "canary" not in str(raised.value)


def test_a_key_in_one_line_is_the_same_key(key: AppKey) -> None:
    lines = app(key)

    assert (
        app_of({"GH_APP_ID": lines.id, "GH_INSTALLATION_ID": lines.installation, "GH_PRIVATE_KEY": lines.key.replace("\n", "\\n")}) == lines
    )


def test_without_an_app_there_is_none() -> None:
    assert app_of({"GITHUB_TOKEN": "ghp_x"}) is None
