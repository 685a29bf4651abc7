"""Who calls, by their token, and what they may do: people by their role, Apps by what their token was limited to."""

import base64
from dataclasses import dataclass

from factory.standin.hub import Hub
from factory.standin.model import ROLES, App, Grant, Person, digest
from factory.standin.refusals import Forbidden, Missing, Unauthorized

_LEVELS = ("none", "read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it was.

    Attributes:
        login: the person's, or the App's with `[bot]`.
        account: whose rate limit it is.
        app: the App behind an installation token.
        permissions: of the token; None for a person, whose role decides.
        repositories: that the token is limited to; None for no limit but the account.
    """

    login: str
    account: str
    app: App | None = None
    permissions: dict[str, str] | None = None
    repositories: list[str] | None = None

    @property
    def is_app(self) -> bool:
        return self.app is not None


def token_of(authorization: str) -> str:
    """What stands in the header, also as git's password."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value).decode(errors="replace").partition(":")[2]
        except ValueError:
            return ""
    return value if kind.lower() in {"token", "bearer"} else ""


def caller_of(hub: Hub, token: str) -> Caller:
    """Raises `Unauthorized` where nobody has this token, or not any more."""
    if not token:
        raise Unauthorized("Requires authentication")
    known = digest(token)
    for person in hub.store.all(Person):
        if known in person.tokens:
            return Caller(person.login, f"user ID {person.login}")
    grant = hub.store.get(Grant, known)
    app = hub.store.get(App, str(grant.app)) if grant else None
    if grant is None or app is None or grant.ends <= hub.seconds:
        raise Unauthorized
    return Caller(app.login, f"installation ID {app.installation}", app, grant.permissions, grant.repositories)


def check(hub: Hub, caller: Caller, repo: str, *, areas: tuple[str, ...], level: str, role: str) -> None:
    """Whether they may do it there.

    Args:
        areas: of permissions, of which an App needs one.
        level: that it needs there, `read` or `write`.
        role: that a person needs.

    Raises:
        Missing: they may not even know that there is such a repository.
        Forbidden: they may not.
    """
    there = hub.repository(repo)
    if caller.app is not None:
        _check_app(caller.app, caller, repo, areas, level)
        return
    has = hub.role(there, caller.login)
    if not is_at_least(has, "read"):
        raise Missing
    if not is_at_least(has, role):
        raise Forbidden("Must have admin rights to Repository." if role == "admin" else f"Must have {role} access to this repository.")


def _check_app(app: App, caller: Caller, repo: str, areas: tuple[str, ...], level: str) -> None:
    owner, _, name = repo.partition("/")
    if owner != app.account or (caller.repositories is not None and name not in caller.repositories):
        raise Missing
    granted = caller.permissions or {}
    if not any(is_enough(granted.get(area, "read" if area == "metadata" else "none"), level) for area in areas):
        raise Forbidden("Resource not accessible by integration")


def is_enough(granted: str, level: str) -> bool:
    return _LEVELS.index(granted) >= _LEVELS.index(level)


def is_at_least(role: str, wanted: str) -> bool:
    return ROLES.index(role) >= ROLES.index(wanted)
