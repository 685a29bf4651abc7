"""What the doctor says of the way issues come in: each value has its level, and what is not well the command that mends it."""

import pytest

from factory import doctor_checks_issues as issues
from factory.doctor import Level
from factory.domain.forge import RepositoryState
from factory.errors import FactoryError, ForgeRefused, ForgeUnavailable, Unauthorized

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"
APP = {"GH_APP_ID": "12", "GH_INSTALLATION_ID": "34", "GH_PRIVATE_KEY": PEM}
FINE = RepositoryState(has_issues=True, is_archived=False, may_push=True, has_label=True)
REPO, LABEL = "acme/widgets", "ai-factory"


@pytest.mark.parametrize(
    ("environ", "level", "why"),
    [
        ({"GITHUB_TOKEN": TOKEN}, Level.OK, "by GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "github_pat_" + "a" * 60}, Level.OK, "by GITHUB_TOKEN"),
        (APP, Level.OK, "by the GitHub App 12"),
        ({**APP, "GITHUB_TOKEN": TOKEN}, Level.OK, "by the GitHub App 12, which goes before GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "my password"}, Level.FAIL, "GITHUB_TOKEN holds white space"),
        ({"GITHUB_TOKEN": "hunter2"}, Level.WARN, "GITHUB_TOKEN does not look like a token of GitHub"),
        ({**APP, "GH_APP_ID": "twelve"}, Level.FAIL, "GH_APP_ID is no number"),
        ({**APP, "GH_PRIVATE_KEY": "key.pem"}, Level.FAIL, "GH_PRIVATE_KEY is no private key"),
        ({"GH_APP_ID": "12"}, Level.FAIL, "a GitHub App needs GH_INSTALLATION_ID and GH_PRIVATE_KEY as well"),
        ({"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": "ftp://x"}, Level.FAIL, "GITHUB_API_URL is no address"),
        ({}, Level.FAIL, "there is nothing to log in to GitHub with"),
    ],
)
def test_what_logs_in_is_judged_by_its_form_and_is_never_shown(environ: dict[str, str], level: Level, why: str) -> None:
    verdict = issues.login(environ)

    assert (verdict.level, bool(verdict.mend)) == (level, level is not Level.OK)
    assert why in verdict.why
    assert not any(secret in verdict.why + verdict.mend for secret in (TOKEN, PEM, "my password", "hunter2"))


@pytest.mark.parametrize(
    ("environ", "mend"),
    [({"GITHUB_API_URL": "ftp://x"}, "unset GITHUB_API_URL"), ({}, "export GITHUB_TOKEN="), ({"GH_APP_ID": "1"}, "GH_PRIVATE_KEY=")],
)
def test_what_mends_it_is_about_what_is_wrong(environ: dict[str, str], mend: str) -> None:
    assert mend in issues.login(environ).mend


def look(answer: RepositoryState | FactoryError) -> RepositoryState:
    if isinstance(answer, FactoryError):
        raise answer
    return answer


@pytest.mark.parametrize(
    ("answer", "level", "mend"),
    [
        (FINE, Level.OK, ""),
        (RepositoryState(has_issues=True, is_archived=False, may_push=None, has_label=True), Level.OK, ""),
        (
            RepositoryState(has_issues=False, is_archived=False, may_push=True, has_label=True),
            Level.FAIL,
            f"gh repo edit {REPO} --enable-issues",
        ),
        (RepositoryState(has_issues=True, is_archived=True, may_push=True, has_label=True), Level.FAIL, f"gh repo unarchive {REPO}"),
        (RepositoryState(has_issues=True, is_archived=False, may_push=False, has_label=True), Level.FAIL, "give it write access there"),
        (
            RepositoryState(has_issues=True, is_archived=False, may_push=True, has_label=False),
            Level.WARN,
            f"gh label create {LABEL} --repo {REPO}",
        ),
        (ForgeRefused("GitHub has no repository acme/widgets that its token can see."), Level.FAIL, "correct repos"),
        (Unauthorized("GitHub does not accept the token for acme/widgets."), Level.FAIL, "export GITHUB_TOKEN"),
        (ForgeUnavailable("GitHub does not answer for acme/widgets."), Level.WARN, "curl -sI"),
    ],
)
def test_each_repository_is_told_with_what_keeps_its_issues_from_being_taken_up(answer, level: Level, mend: str) -> None:
    verdict = issues.repository(REPO, LABEL, "https://api.github.com", lambda: look(answer))

    assert verdict.level is level
    assert mend in verdict.mend
    assert bool(verdict.mend) is (level is not Level.OK)


def test_a_label_with_spaces_is_quoted_in_the_command_that_makes_it() -> None:
    bare = RepositoryState(has_issues=True, is_archived=False, may_push=True, has_label=False)

    assert issues.repository(REPO, "to do", "https://api.github.com", lambda: bare).mend == f"gh label create 'to do' --repo {REPO}"


@pytest.mark.parametrize(
    ("environ", "level", "why"),
    [
        ({"GITHUB_WEBHOOK_SECRET": "s" * 16}, Level.OK, "signed with GITHUB_WEBHOOK_SECRET"),
        ({"GITHUB_WEBHOOK_SECRET": "s" * 16, "GITHUB_WEBHOOK_SECRET_PREVIOUS": "t" * 16}, Level.OK, "or GITHUB_WEBHOOK_SECRET_PREVIOUS"),
        ({"GITHUB_WEBHOOK_SECRET": "short"}, Level.FAIL, "has 5 characters and could be guessed"),
        ({"GITHUB_WEBHOOK_SECRET_PREVIOUS": "t" * 16}, Level.FAIL, "GITHUB_WEBHOOK_SECRET is not"),
        ({}, Level.FAIL, "http_listen is set, and GITHUB_WEBHOOK_SECRET is not"),
    ],
)
def test_webhooks_need_a_secret_that_nobody_guesses(environ: dict[str, str], level: Level, why: str) -> None:
    verdict = issues.webhooks(environ)

    assert verdict.level is level
    assert why in verdict.why
    assert ("openssl rand -hex 32" in verdict.mend) is (level is not Level.OK)
    assert not any(secret in verdict.why for secret in ("s" * 16, "t" * 16, "short"))
