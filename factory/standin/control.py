"""What no client can ask of GitHub: `PUT /_...` of tests, demonstrations and of whoever plays the people.

/_script    [{"route", "failure", "times", "seconds", "after"}]      failures by script
/_tokens    ["ghp_..."]                                              tokens of the bot that are accepted
/_person    {"login", "role", "kind", "token", "repo"}               somebody, everywhere or in one repository
/_repo      {"repo", "private", "default_branch"}                    what git does not know of a repository
/_app       {"id", "slug", "public_key", "installation", "account", "repositories", "permissions"}
/_grant     {"app", "repositories", "permissions"}                   a token of it, without its key
/_end       {}                                                       all installation tokens end now
/_limits    {"limit", "window", "writes"}                            rate limits, counted anew
/_hook      {"url", "secret", "events", "installation"}              webhooks; a null secret takes it away
/_redeliver {"id"}                                                   one webhook again, with the same id
/_merge     {"repo", "number"}                                       closed as merged, without a look at the base
/_pass      {"seconds"}                                              so much time passes at once
"""

import secrets
from collections.abc import Callable
from typing import Any

from factory.standin.apps import TOKEN_SECONDS
from factory.standin.failures import Failure, Rule, Script
from factory.standin.hub import BOT, Hub
from factory.standin.limits import Limits
from factory.standin.model import App, Grant, Hook, Person, digest
from factory.standin.refusals import Missing, Refusal

_BAD_REQUEST = 400


class Control:
    def __init__(self, hub: Hub, script: Script, limits: Limits) -> None:
        self._hub, self._script, self._limits = hub, script, limits
        self._does: dict[str, Callable[[Any], Any]] = {
            "/_script": self._fail, "/_tokens": self.accept, "/_person": self._person, "/_repo": self._repo, "/_app": self._app,
            "/_grant": self._grant, "/_end": self._end, "/_limits": self._limit, "/_hook": self._hook,
            "/_redeliver": self._redeliver, "/_merge": self._merge, "/_pass": self._pass,
        }  # fmt: skip

    def do(self, path: str, given: Any) -> Any:
        """Returns what is to be told. Raises `Refusal`."""
        does = self._does.get(path)
        if does is None:
            raise Missing
        try:
            with self._hub.turn:
                return does(given) or {}
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal(_BAD_REQUEST, f"{path}: {type(error).__name__} {error}") from None

    def accept(self, tokens: list[str]) -> None:
        """Tokens of the bot. Those that it had are none any more."""
        self._hub.store.put(Person(BOT, [digest(token) for token in tokens], "Bot", "write"))

    def _fail(self, given: list[dict[str, Any]]) -> None:
        self._script.replace([Rule(**{**one, "failure": Failure(one["failure"])}) for one in given])

    def _person(self, given: dict[str, Any]) -> dict[str, str]:
        store, login = self._hub.store, str(given["login"])
        token = given.get("token") or f"ghp_{secrets.token_hex(18)}"
        one = store.get(Person, login) or Person(login, [])
        one.tokens.append(digest(token))
        one.kind = given.get("kind") or one.kind
        if repo := given.get("repo"):
            there = self._hub.repository(repo)
            there.roles[login] = given["role"]
            store.put(there)
        else:
            one.role = given.get("role") or one.role
        store.put(one)
        return {"login": login, "token": token}

    def _repo(self, given: dict[str, Any]) -> None:
        there = self._hub.repository(given["repo"])
        there.private, there.default_branch = given.get("private", there.private), given.get("default_branch", there.default_branch)
        self._hub.store.put(there)

    def _app(self, given: dict[str, Any]) -> None:
        self._hub.store.put(App(**given))

    def _grant(self, given: dict[str, Any]) -> dict[str, str]:
        app = self._hub.store.get(App, str(given["app"]))
        if app is None:
            raise Missing
        ends = self._hub.seconds + TOKEN_SECONDS
        token = f"ghs_{secrets.token_hex(18)}"
        grant = Grant(
            digest(token),
            app.id,
            given.get("repositories", app.repositories),
            given.get("permissions", app.permissions),
            ends,
        )
        self._hub.store.put(grant)
        return {"login": app.login, "token": token}

    def _end(self, _: Any) -> None:
        for grant in self._hub.store.all(Grant):
            self._hub.store.drop(grant)

    def _limit(self, given: dict[str, Any]) -> None:
        self._limits.set(**given)

    def _hook(self, given: dict[str, Any]) -> None:
        if given["secret"] is None:
            self._hub.store.drop(Hook(given["url"], ""))
        else:
            self._hub.store.put(Hook(**given))

    def _redeliver(self, given: dict[str, Any]) -> None:
        if not self._hub.courier.again(given["id"]):
            raise Missing

    def _pass(self, given: dict[str, Any]) -> None:
        self._hub.ahead += float(given["seconds"])

    def _merge(self, given: dict[str, Any]) -> None:
        issue = self._hub.issue(given["repo"], given["number"])
        if issue.pull is None:
            raise Missing
        issue.state, issue.closed_at = "closed", self._hub.now
        issue.pull.merged_at, issue.pull.merged_by, issue.pull.merge_sha = self._hub.now, issue.author, issue.pull.sha
        self._hub.touched(issue)
