"""Calls of the stand-in by somebody else than the factory: people, and whoever sets the stage for them."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from factory.standin.failures import Failure
from factory.standin.keys import make_key
from factory.standin.person import Person

_SECONDS = 30
_INSTALLATIONS = 9_000
_CHECKS = 102

Trouble = tuple[str, Failure] | tuple[str, Failure, int] | tuple[str, Failure, int, float] | tuple[str, Failure, int, float, int]
"""Route, failure, how often (once), seconds of its wait, so many calls that pass first."""


def ask(api: str, token: str, method: str, path: str, body: object = None) -> Any:
    """One call. Raises `urllib.error.HTTPError` where it is refused."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{api}{path}", data, headers, method=method)  # noqa: S310 - our own server
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
        return json.loads(answer.read() or b"null")


@dataclass(frozen=True, slots=True)
class AppKey:
    """What the owner of an App has: GH_APP_ID, GH_INSTALLATION_ID and GH_PRIVATE_KEY (PEM)."""

    app: int
    installation: int
    private_key: str
    login: str


class Desk:
    """Sets the stage: people, Apps, failures, limits, webhooks.

    Args:
        api: where the stand-in listens.
        token: what it was started with, where it is guarded.
    """

    def __init__(self, api: str, token: str = "") -> None:
        self.api, self._token = api, token

    def put(self, path: str, body: object) -> Any:
        return ask(self.api, self._token, "PUT", path, body)

    def person(self, login: str, repo: str, role: str = "write", kind: str = "User") -> Person:
        """Somebody with that role in that repository; the same person where the login is known already."""
        made = self.put("/_person", {"login": login, "repo": repo, "role": role, "kind": kind})
        return Person(self.api, login, made["token"], repo)

    def app(
        self,
        account: str,
        permissions: dict[str, str],
        repositories: Sequence[str] | None = None,
        *,
        number: int = 101,
        slug: str = "factory-app",
    ) -> AppKey:
        """An App, installed for the account. repositories: names without the account; None for all."""
        private, public = make_key()
        self._install(account, permissions, repositories, number, slug, public)
        return AppKey(number, number + _INSTALLATIONS, private, f"{slug}[bot]")

    def checks(self, repo: str) -> Person:
        """What runs the checks: an App, since only Apps may say how a check run went."""
        rights = {"checks": "write", "statuses": "write", "contents": "read", "pull_requests": "read"}
        self._install(repo.partition("/")[0], rights, None, _CHECKS, "ci", "")
        made = self.put("/_grant", {"app": _CHECKS})
        return Person(self.api, made["login"], made["token"], repo)

    def _install(  # noqa: PLR0917 - what an App is made of
        self, account: str, permissions: dict[str, str], repositories: Sequence[str] | None, number: int, slug: str, public_key: str
    ) -> None:
        listed = None if repositories is None else list(repositories)
        of = {"id": number, "slug": slug, "public_key": public_key, "installation": number + _INSTALLATIONS, "account": account}
        self.put("/_app", {**of, "repositories": listed, "permissions": permissions})

    def fails(self, *rules: Trouble) -> None:
        """Instead of what was to fail before; without a rule nothing fails."""
        names = ("route", "failure", "times", "seconds", "after")
        self.put("/_script", [dict(zip(names, rule, strict=False)) for rule in rules])

    def accepts(self, *tokens: str) -> None:
        """Of the bot, and no other."""
        self.put("/_tokens", tokens)

    def end_tokens(self) -> None:
        """All installation tokens end now."""
        self.put("/_end", {})

    def limits(self, limit: int = 5_000, window: float = 3_600.0, writes: int | None = None) -> None:
        """Calls in a window of seconds, and writes in a minute; counted anew."""
        self.put("/_limits", {"limit": limit, "window": window, "writes": writes})

    def passes(self, seconds: float) -> None:
        """So much time passes there, at once."""
        self.put("/_pass", {"seconds": seconds})

    def hook(self, url: str, secret: str | None, *events: str) -> None:
        """Sends webhooks there, of these events or of all; without a secret no more."""
        self.put("/_hook", {"url": url, "secret": secret, "events": list(events)})

    def redeliver(self, delivery: str) -> None:
        self.put("/_redeliver", {"id": delivery})

    def settings(self, repo: str, *, private: bool = True, default_branch: str = "main") -> None:
        self.put("/_repo", {"repo": repo, "private": private, "default_branch": default_branch})
