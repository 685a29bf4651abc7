"""People, and what they may do in a repository."""

from typing import Any

from factory.standin import answers
from factory.standin.call import Answer, Call
from factory.standin.model import App, Person
from factory.standin.refusals import Forbidden, Missing
from factory.standin.routing import Route

_LEGACY = {"triage": "read", "maintain": "write"}
"""The older word for each role, which knows four of them."""


def is_known(call: Call, login: str) -> bool:
    apps = (app.login for app in call.hub.store.all(App))
    return call.hub.store.get(Person, login) is not None or login in apps or login == call.place.get("repo", "").partition("/")[0]


def _permission(call: Call) -> Answer:
    login = call.place["login"]
    if not is_known(call, login):
        raise Missing(f"{login} is not a user")
    role = call.hub.role(call.repository, login)
    shown = {**answers.user(call.hub, login), "permissions": answers.permissions(role), "role_name": role}
    return Answer(data={"permission": _LEGACY.get(role, role), "role_name": role, "user": shown})


def _collaborators(call: Call) -> Answer:
    there = call.repository
    logins = [there.owner, *(person.login for person in call.hub.store.all(Person) if person.login != there.owner)]

    def shown(login: str) -> dict[str, Any]:
        role = call.hub.role(there, login)
        return {**answers.user(call.hub, login), "permissions": answers.permissions(role), "role_name": role}

    return call.page([login for login in logins if call.hub.role(there, login) != "none"], shown)


def _is_collaborator(call: Call) -> Answer:
    if call.hub.role(call.repository, call.place["login"]) == "none":
        raise Missing
    return Answer(204)


def _user(call: Call) -> Answer:
    if not is_known(call, call.place["login"]):
        raise Missing
    return Answer(data=_public(call, call.place["login"]))


def _me(call: Call) -> Answer:
    if call.by.is_app:
        raise Forbidden("Resource not accessible by integration")
    return Answer(data=_public(call, call.by.login))


def _public(call: Call, login: str) -> dict[str, Any]:
    then = "2026-01-01T00:00:00Z"
    empty = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    return {**answers.user(call.hub, login), **empty, **counts, "created_at": then, "updated_at": then}


ROUTES = (
    Route("GET", "/repos/{repo}/collaborators/{login}/permission", "permission", _permission),
    Route("GET", "/repos/{repo}/collaborators/{login}", "collaborator", _is_collaborator),
    Route("GET", "/repos/{repo}/collaborators", "collaborators", _collaborators),
    Route("GET", "/users/{login}", "user", _user),
    Route("GET", "/user", "me", _me),
)
