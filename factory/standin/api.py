"""The way of a call of the API: who calls, whether they may, what it does, and an answer that may be left out where it is known."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from factory.standin import answers, graphql, routes
from factory.standin.apps import BY_APP, app_of
from factory.standin.call import Answer, Call
from factory.standin.callers import Caller, caller_of, check, token_of
from factory.standin.hub import Hub
from factory.standin.limits import Limits
from factory.standin.message import Asked, Reply
from factory.standin.refusals import Missing, Refusal
from factory.standin.routing import Route

_RATE_LIMIT = "/rate_limit"
_READS = {"GET", "HEAD"}

Bend = Callable[[Answer], Answer]
"""What a failure makes of an answer, before it is sent."""


class Api:
    def __init__(self, hub: Hub, limits: Limits) -> None:
        self._hub, self._limits = hub, limits

    def serve(self, asked: Asked, bend: Bend | None = None) -> Reply:
        try:
            return self._serve(asked, bend or (lambda answer: answer))
        except Refusal as refusal:
            return self.refusal(refusal)

    def refusal(self, refusal: Refusal, account: str = "nobody") -> Reply:
        return self._reply(account, Answer(refusal.status, answers.error(refusal.status, refusal.message, refusal.errors), refusal.headers))

    def _serve(self, asked: Asked, bend: Bend) -> Reply:
        found = routes.match(asked.method, asked.path)
        by = self._caller(found[0] if found else None, asked.authorization)
        if asked.path == _RATE_LIMIT:
            shown = self._limits.shown(by.account, self._hub.seconds)
            return self._reply(by.account, Answer(data={"resources": {"core": shown, "search": shown}, "rate": shown}))
        is_write, account = asked.method not in _READS, by.account
        if asked.path == graphql.PATH:
            # With limits of its own.
            is_write, account = False, f"{account} by GraphQL"
        try:
            self._limits.check(account, self._hub.seconds, is_write=is_write)
        except Refusal as refusal:
            return self.refusal(refusal, account)
        call = Call(self._hub, by, found[1] if found else {}, asked)
        answer = self._answered(found[0] if found else None, call, bend)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self._limits.count(account, self._hub.seconds, is_write=is_write)
        return self._reply(account, answer)

    def _caller(self, route: Route | None, authorization: str) -> Caller:
        if route and route.name in BY_APP:
            return app_of(self._hub, authorization)
        return caller_of(self._hub, token_of(authorization))

    def _answered(self, route: Route | None, call: Call, bend: Bend) -> Answer:
        try:
            if route is None:
                raise Missing
            with self._hub.turn:
                _check(route, call)
                return _conditional(call, bend(route.does(call)))
        except Refusal as refusal:
            return Answer(refusal.status, answers.error(refusal.status, refusal.message, refusal.errors), refusal.headers)

    def _reply(self, account: str, answer: Answer) -> Reply:
        usual = self._limits.headers(account, self._hub.seconds)
        kind = {"Content-Type": "application/json; charset=utf-8"} if answer.data is not None else {}
        more = {**usual, "X-GitHub-Media-Type": "github.v3; format=json", **kind, **answer.headers}
        return Reply(answer.status, b"" if answer.data is None else json.dumps(answer.data).encode(), more)


def _check(route: Route, call: Call) -> None:
    if "repo" not in call.place or route.name in BY_APP:
        return
    areas = route.areas
    if "number" in call.place and {"issues", "pull_requests"} <= set(areas):
        # Of the two permissions it takes the one for what this number is.
        check(call.hub, call.by, call.repo, areas=areas, level="read", role="read")
        areas = ("pull_requests",) if call.issue.pull else ("issues",)
    check(call.hub, call.by, call.repo, areas=areas, level=route.level, role=route.role)


def _conditional(call: Call, answer: Answer) -> Answer:
    """With an entity tag; and nothing but that where the caller has it already."""
    if call.asked.method != "GET" or answer.status != HTTPStatus.OK:
        return answer
    # The links too: a first page stays the same while a second one comes.
    content = json.dumps([answer.data, answer.headers]).encode()
    tag = f'W/"{hashlib.sha256(content).hexdigest()}"'
    headers = {**answer.headers, "ETag": tag, "Cache-Control": "private, max-age=60, s-maxage=60"}
    asked = [known.strip().removeprefix("W/") for known in call.asked.headers.get("if-none-match", "").split(",")]
    if tag.removeprefix("W/") in asked:
        return Answer(HTTPStatus.NOT_MODIFIED, None, headers)
    return replace(answer, headers=headers)
