"""What the doctor looks at of the way issues come in: what logs in, the repositories that are watched, and the webhooks' secret."""

import re
import shlex
from collections.abc import Callable, Mapping

from factory.doctor import Verdict, fail, ok, warn
from factory.domain.forge import RepositoryState, github, token_of
from factory.domain.forge_app import app_of
from factory.domain.webhook import SECRETS, secrets_of
from factory.errors import ForgeUnavailable, Refused, Unauthorized

MOST_REPOSITORIES = 20
"""Looked at, side by side: each is two calls of the API, or three."""

_TOKEN = re.compile(r"gh[a-z]_[A-Za-z0-9_]{16,}|github_pat_[A-Za-z0-9_]{20,}|[0-9a-f]{40}")
_LOG_IN = 'export GITHUB_TOKEN="$(gh auth token)", or GH_APP_ID, GH_INSTALLATION_ID and GH_PRIVATE_KEY="$(cat app.private-key.pem)"'


def login(environ: Mapping[str, str]) -> Verdict:
    """By its form alone; the looks at the repositories show whether it is accepted."""
    try:
        github(environ)
    except ValueError as error:
        return fail(f"{error}.", "unset GITHUB_API_URL GITHUB_SERVER_URL, unless you mean a GitHub of your own")
    try:
        app, token = app_of(environ), token_of(environ)
    except ValueError as error:
        return fail(f"{error}.", _LOG_IN)
    if app:
        return ok(f"by the GitHub App {app.id}{', which goes before GITHUB_TOKEN' if token else ''}")
    if not token:
        return fail("repos is set, and there is nothing to log in to GitHub with.", _LOG_IN)
    if not _TOKEN.fullmatch(token):
        return warn("GITHUB_TOKEN does not look like a token of GitHub.", _LOG_IN)
    return ok("by GITHUB_TOKEN")


def repository(slug: str, label: str, api: str, look: Callable[[], RepositoryState]) -> Verdict:
    """One of those that are watched.

    Args:
        look: raises what the forge's errors mean.
    """
    try:
        found = look()
    except Unauthorized as error:
        return fail(str(error), _LOG_IN)
    except Refused as error:
        return fail(str(error), "correct repos in factory.toml, or give the token or App this repository on GitHub")
    except ForgeUnavailable as error:
        return warn(str(error), f"try again; whether there is a line to it: curl -sI {api}")
    return _judged(slug, label, found)


def _judged(slug: str, label: str, found: RepositoryState) -> Verdict:
    if found.is_archived:
        return fail(f"{slug} is archived: nobody can write there.", f"gh repo unarchive {slug}, or take it out of repos")
    if not found.has_issues:
        return fail(f"{slug} has no issues: they are turned off.", f"gh repo edit {slug} --enable-issues")
    if found.may_push is False:
        return fail(f"Whose token it is may not push to {slug}.", "give it write access there, or take another token")
    if not found.has_label:
        return warn(f"{slug} has no label {label} that people could choose.", f"gh label create {shlex.quote(label)} --repo {slug}")
    return ok(f"can be reached, and has the label {label}")


def more(count: int) -> Verdict:
    return ok(f"{count} more are not looked at here: `factory issues list` says which of them cannot be read, while it runs")


def webhooks(environ: Mapping[str, str]) -> Verdict:
    try:
        secrets_of(environ)
    except ValueError as error:
        return fail(f"{error}.", 'export GITHUB_WEBHOOK_SECRET="$(openssl rand -hex 32)", and give it to the webhook on GitHub')
    return ok(f"signed with {' or '.join(name for name in SECRETS if environ.get(name))}")
