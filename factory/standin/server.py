"""The stand-in's HTTP server: each request once, by its script of failures."""

import json
import threading
from dataclasses import replace
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path

from factory.standin import git_http, limits, routes
from factory.standin.api import Api, Bend
from factory.standin.call import Answer
from factory.standin.callers import caller_of, token_of
from factory.standin.control import Control
from factory.standin.failures import Failure, Rule, Script
from factory.standin.hub import BOT, Hub
from factory.standin.limits import Limits
from factory.standin.message import Asked, Reply
from factory.standin.refusals import Forbidden, Missing, Refusal, Unauthorized, Unprocessable
from factory.standin.wire import Handler, Lost


class Server(ThreadingHTTPServer):
    """Listens on this machine only.

    Args:
        port: 0 for any that is free.
        tokens: of `BOT`, which may write everywhere.
        is_guarded: `control` takes a token of `BOT` too. Whoever sets the stage may play anybody, and what is labelled here is worked on
            with the account of the user; other users of the machine reach this port as well.

    Raises:
        InUse: another one serves this folder.
        OSError: nothing can listen there.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, folder: Path, port: int, tokens: list[str], *, is_guarded: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.over, self._is_guarded = threading.Event(), is_guarded
        self.hub, self.script, self.limits = Hub(folder), Script(), Limits()
        # Closes the server, and so the hub, where nothing can listen there.
        super().__init__(("127.0.0.1", port), Handler)
        self.hub.base = f"http://127.0.0.1:{self.server_address[1]}"
        self._api, self._control = Api(self.hub, self.limits), Control(self.hub, self.script, self.limits)
        if tokens:
            self._control.accept(tokens)

    def server_close(self) -> None:
        self.over.set()
        super().server_close()
        self.hub.close()

    def reply(self, asked: Asked) -> Reply:
        """Raises `Lost` where the line is to be cut instead."""
        if asked.path.startswith("/_"):
            return self._controlled(asked)
        route = routes.name_of(asked.method, asked.target)
        rule = self.script.next(route)
        self.hub.note("call", route=route, token=self._known(asked))
        reply: Reply | None = None
        try:
            if rule is None:
                reply = self._serve(asked)
            else:
                self.hub.note("failure", route=route, failure=rule.failure)
                reply = self._fail(rule, asked)
            return reply
        finally:
            status = reply.status if reply else 0
            self.hub.note("answer", route=route, status=status, counted=_is_counted(route) and status not in _FREE)

    def _serve(self, asked: Asked, bend: Bend | None = None) -> Reply:
        if git := routes.GIT.fullmatch(asked.path):
            return git_http.serve(self.hub, git["repo"], asked)
        return self._api.serve(asked, bend)

    def _fail(self, rule: Rule, asked: Asked) -> Reply:
        if refusal := _refusal(rule, self.hub.seconds):
            return self._api.refusal(refusal)
        if rule.failure in {Failure.TIMEOUT_BEFORE, Failure.SLOW}:
            self.over.wait(rule.seconds)
        reply = self._serve(asked, _BENDS.get(rule.failure)) if rule.failure.has_effect else None
        match rule.failure:
            case Failure.ERROR_BEFORE | Failure.ERROR_AFTER:
                return Reply(HTTPStatus.BAD_GATEWAY, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
            case Failure.GARBAGE:
                return Reply(HTTPStatus.OK, b"<html>Log in to the network</html>", {"Content-Type": "text/html"})
            case Failure.RESET_BEFORE | Failure.TIMEOUT_BEFORE:
                raise Lost
            case Failure.RESET_AFTER | Failure.TIMEOUT_AFTER | Failure.CUT_AFTER:
                raise Lost(reply if rule.failure is Failure.CUT_AFTER else None, rule.seconds)
        assert reply is not None  # noqa: S101 - what is left has an effect
        return reply

    def _controlled(self, asked: Asked) -> Reply:
        try:
            if self._is_guarded:
                self._check_bot(asked)
            told = self._control.do(asked.path, json.loads(asked.body or b"{}"))
        except Refusal as refusal:
            return self._api.refusal(refusal)
        return Reply(HTTPStatus.OK, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _check_bot(self, asked: Asked) -> None:
        with self.hub.turn:
            if caller_of(self.hub, token_of(asked.authorization)).login != BOT:
                raise Forbidden("Only whoever started this server may set the stage.")

    def _known(self, asked: Asked) -> str:
        """Never the token itself: ledgers are printed where a test fails."""
        token = token_of(asked.authorization)
        if not token:
            return "none"
        try:
            with self.hub.turn:
                caller_of(self.hub, token)
        except Unauthorized:
            return "unknown"
        return "known"


def _is_counted(route: str) -> bool:
    """Whether the limit of so many calls an hour is about it. GraphQL has one of its own, git none."""
    return "git-" not in route and not route.endswith(" graphql")


_FREE = {0, HTTPStatus.NOT_MODIFIED, HTTPStatus.UNAUTHORIZED}


def _hide(answer: Answer) -> Answer:
    return replace(answer, data=[], headers={}) if isinstance(answer.data, list) else answer


def _shorten(answer: Answer) -> Answer:
    return replace(answer, data=answer.data[: len(answer.data) // 2], headers={}) if isinstance(answer.data, list) else answer


def _leave_open(answer: Answer) -> Answer:
    undecided = {"mergeable": None, "rebaseable": None, "mergeable_state": "unknown"}
    is_pull = isinstance(answer.data, dict) and "mergeable" in answer.data
    return replace(answer, data={**answer.data, **undecided}) if is_pull else answer


_BENDS: dict[Failure, Bend] = {Failure.HIDDEN: _hide, Failure.SHORT: _shorten, Failure.UNDECIDED: _leave_open}


def _refusal(rule: Rule, now: float) -> Refusal | None:
    match rule.failure:
        case Failure.UNAUTHORIZED:
            return Unauthorized()
        case Failure.FORBIDDEN:
            return Forbidden("Resource not accessible by personal access token")
        case Failure.NOT_FOUND:
            return Missing()
        case Failure.UNPROCESSABLE:
            return Unprocessable({"resource": "Any", "field": "any", "code": "invalid"})
        case Failure.PRIMARY_LIMIT | Failure.SECONDARY_LIMIT:
            return limits.refused(rule.failure.split(" ")[1], rule.seconds, now)
        case Failure.TOO_MANY:
            return limits.refused("429", rule.seconds, now)
    return None
