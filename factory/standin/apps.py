"""Apps: a JSON web token signed with the App's key gets tokens of an installation, which are limited and end."""

import secrets
from typing import Any

import jwt

from factory.standin import answers
from factory.standin.call import Answer, Call
from factory.standin.callers import Caller, is_enough, token_of
from factory.standin.hub import Hub, stamp
from factory.standin.model import App, Grant, digest
from factory.standin.refusals import Missing, Unauthorized, Unprocessable
from factory.standin.routing import Route

TOKEN_SECONDS = 3_600
_MAX_JWT_SECONDS = 600
_DRIFT_SECONDS = 60
_EXPIRED = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
_JWT_PARTS = 3


def app_of(hub: Hub, authorization: str) -> Caller:
    """Who signed the JSON web token of the header.

    Raises:
        Unauthorized: nobody that is known, with another key, too early, too late, or for too long.
    """
    token = token_of(authorization)
    if token.count(".") != _JWT_PARTS - 1:
        raise Unauthorized("A JSON web token could not be decoded")
    try:
        app = hub.store.get(App, str(jwt.decode(token, options={"verify_signature": False}).get("iss")))
        if app is None:
            raise Unauthorized("Integration not found")
        claims = jwt.decode(token, app.public_key, ["RS256"], options={"require": ["iat", "exp", "iss"], "verify_sub": False})
    except jwt.ExpiredSignatureError:
        raise Unauthorized(_EXPIRED) from None
    except jwt.ImmatureSignatureError:
        raise Unauthorized("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued") from None
    except jwt.InvalidTokenError:
        raise Unauthorized("A JSON web token could not be decoded") from None
    if claims["exp"] > hub.seconds + _MAX_JWT_SECONDS + _DRIFT_SECONDS:
        raise Unauthorized("'Expiration time' claim ('exp') is too far in the future")
    return Caller(app.login, f"app ID {app.id}", app)


def _mint(call: Call) -> Answer:
    app, hub, given = _installation(call), call.hub, call.given
    repositories, permissions = _asked_repositories(hub, app, given), _asked_permissions(app, given)
    token = f"ghs_{secrets.token_urlsafe(27)}"
    grant = Grant(digest(token), app.id, repositories, permissions, hub.seconds + TOKEN_SECONDS)
    hub.store.put(grant)
    hub.note("token", installation=app.installation, repositories=repositories, permissions=permissions)
    selection = {"repository_selection": "all" if repositories is None else "selected"}
    listed = (
        {}
        if repositories is None
        else {"repositories": [answers.whole_repository(hub, f"{app.account}/{name}", "write") for name in repositories]}
    )
    return Answer(201, {"token": token, "expires_at": stamp(grant.ends), "permissions": permissions, **selection, **listed})


def _asked_repositories(hub: Hub, app: App, given: dict[str, Any]) -> list[str] | None:
    """Names of the account's repositories that the token may see; None for all that the installation may."""
    there = {name.partition("/")[2]: hub.number_of(name) for name in hub.repositories(app.account)}
    allowed = {name: number for name, number in there.items() if app.repositories is None or name in app.repositories}
    names = [str(name) for name in given.get("repositories") or []]
    numbers = [int(number) for number in given.get("repository_ids") or []]
    if not names and not numbers:
        return app.repositories
    if any(name not in allowed for name in names) or any(number not in allowed.values() for number in numbers):
        raise Unprocessable(message="There is at least one repository that does not exist or is not accessible to the parent installation.")
    return sorted({*names, *(name for name, number in allowed.items() if number in numbers)})


def _asked_permissions(app: App, given: dict[str, Any]) -> dict[str, str]:
    asked = {str(area): str(level) for area, level in (given.get("permissions") or app.permissions).items()}
    if any(level not in {"read", "write"} or not is_enough(app.permissions.get(area, "none"), level) for area, level in asked.items()):
        raise Unprocessable(message="The permissions requested are not granted to this installation.")
    return {**asked, "metadata": "read"}


def _installation(call: Call) -> App:
    app = _app(call)
    if app.installation != int(call.place["id"]):
        raise Missing
    return app


def _app(call: Call) -> App:
    if call.by.app is None:
        raise Unauthorized("A JSON web token could not be decoded")
    return call.by.app


def _shape(call: Call, app: App) -> dict[str, Any]:
    hub, then = call.hub, "2026-01-01T00:00:00Z"
    url = f"{hub.base}/app/installations/{app.installation}"
    return {
        "id": app.installation, "account": answers.user(hub, app.account), "access_tokens_url": f"{url}/access_tokens", "app_id": app.id,
        "repository_selection": "all" if app.repositories is None else "selected", "target_id": answers.number_of(app.account),
        "repositories_url": f"{hub.base}/installation/repositories", "html_url": f"{hub.base}/settings/installations/{app.installation}",
        "target_type": "User", "permissions": app.permissions, "events": [], "created_at": then, "updated_at": then, "app_slug": app.slug,
        "single_file_name": None, "has_multiple_single_files": False, "single_file_paths": [], "suspended_at": None, "suspended_by": None,
    }  # fmt: skip


def _me(call: Call) -> Answer:
    app = _app(call)
    return Answer(data={**answers.app(call.hub, app.slug, app), "installations_count": 1})


def _all(call: Call) -> Answer:
    return call.page([_app(call)], lambda app: _shape(call, app))


def _one(call: Call) -> Answer:
    return Answer(data=_shape(call, _installation(call)))


def _of_repository(call: Call) -> Answer:
    app, (owner, _, name) = _app(call), call.repo.partition("/")
    call.hub.bare(call.repo)
    if owner != app.account or (app.repositories is not None and name not in app.repositories):
        raise Missing
    return Answer(data=_shape(call, app))


BY_APP = frozenset({"app", "installation", "installations", "access_tokens", "repo installation"})
"""Routes that a JSON web token opens, and no other token."""

ROUTES = (
    Route("GET", "/app", "app", _me, ()),
    Route("GET", "/app/installations", "installations", _all, ()),
    Route("GET", "/app/installations/{id}", "installation", _one, ()),
    Route("POST", "/app/installations/{id}/access_tokens", "access_tokens", _mint, ()),
    Route("GET", "/repos/{repo}/installation", "repo installation", _of_repository, ()),
)
