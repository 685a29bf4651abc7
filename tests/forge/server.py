"""The stand-in's HTTP side: a part of GitHub's REST API, and git's smart protocol through `git http-backend`.

    python -m tests.forge FOLDER PORT TOKEN...

`PUT /_script` sets the failures, `PUT /_tokens` the tokens that are accepted, `POST /_merge` plays a person.
"""

import base64
import json
import os
import re
import socket
import struct
import subprocess
import threading
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.forge import answers
from tests.forge.failures import Failure, Rule, Script
from tests.forge.hub import Hub, Missing, Unprocessable

_GIT = re.compile(r"/(?P<repo>[\w.-]+/[\w.-]+?)\.git/(?P<rest>info/refs|git-upload-pack|git-receive-pack)")
_API = re.compile(r"/repos/(?P<repo>[\w.-]+/[\w.-]+)(?P<rest>/.*)?")
_PULL = re.compile(r"/pulls/(\d+)")
_COMMENTS = re.compile(r"/issues/(\d+)/comments")
_BACKEND_SECONDS = 60
LIMIT = 5_000


class Forge(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path, port: int, tokens: list[str]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.hub, self.script, self.tokens = Hub(folder), Script(), set(tokens)
        self.over = threading.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Reset(Exception):
    """The connection is to be cut."""


class Handler(BaseHTTPRequestHandler):
    server: Forge
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Nothing: the ledger tells what happened."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except _Reset:
            self._cut()
        except (ConnectionError, BrokenPipeError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 - the base class looks for these names

    # -- every request ------------------------------------------------------------------------------------------------

    def _answer(self) -> None:
        self.body = self._read()
        path = urlsplit(self.path).path
        if path.startswith("/_"):
            self._control(path)
            return
        route = route_of(self.command, self.path)
        rule = self.server.script.next(route)
        self.server.hub.note("call", route=route, token=self._token_name())
        if rule is None:
            self._serve(path)
            return
        self.server.hub.note("failure", route=route, failure=rule.failure)
        self._fail(rule, path)

    def _serve(self, path: str, *, hidden: bool = False) -> None:
        if match := _GIT.fullmatch(path):
            self._git(match["repo"])
        elif not self._is_known():
            self._json(401, answers.error(401, "Bad credentials"))
        elif match := _API.fullmatch(path):
            self._api(match["repo"], match["rest"] or "", hidden=hidden)
        else:
            self._json(404, answers.error(404, "Not Found"))

    def _fail(self, rule: Rule, path: str) -> None:
        match rule.failure:
            case Failure.ERROR_AFTER | Failure.RESET_AFTER | Failure.TIMEOUT_AFTER | Failure.CUT_AFTER:
                self._lose(rule, path)
            case Failure.SLOW:
                self.server.over.wait(rule.seconds)
                self._serve(path)
            case Failure.HIDDEN:
                self._serve(path, hidden=True)
            case Failure.ERROR_BEFORE:
                self._page(502, "<html>Bad Gateway</html>")
            case Failure.RESET_BEFORE:
                raise _Reset
            case Failure.TIMEOUT_BEFORE:
                self.server.over.wait(rule.seconds)
                raise _Reset
            case Failure.GARBAGE:
                self._page(200, "<html>Log in to the network</html>")
            case _:
                self._refuse(rule)

    def _lose(self, rule: Rule, path: str) -> None:
        """Does what was asked, and something else than answering."""
        sent, self.wfile = self.wfile, _Kept()  # type: ignore[assignment] # a file that is only written to
        try:
            self._serve(path)
        finally:
            kept, self.wfile = self.wfile, sent
        if rule.failure is Failure.ERROR_AFTER:
            self._page(502, "<html>Bad Gateway</html>")
            return
        if rule.failure is Failure.CUT_AFTER:
            whole = kept.data  # type: ignore[attr-defined] # it is a _Kept
            self.wfile.write(whole[: len(whole) - 40])
            self.wfile.flush()
        self.server.over.wait(rule.seconds)
        raise _Reset

    def _refuse(self, rule: Rule) -> None:
        wait = {"Retry-After": str(int(rule.seconds))} if rule.seconds else {}
        secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        match rule.failure:
            case Failure.UNAUTHORIZED:
                self._json(401, answers.error(401, "Bad credentials"), {"WWW-Authenticate": 'Basic realm="GitHub"'})
            case Failure.FORBIDDEN:
                self._json(403, answers.error(403, "Resource not accessible by personal access token"))
            case Failure.SECONDARY_LIMIT:
                self._json(403, answers.error(403, secondary), wait)
            case Failure.TOO_MANY:
                self._json(429, answers.error(429, secondary), wait)
            case _:
                self._json(403, answers.error(403, "API rate limit exceeded for user ID 1."), remaining=0, reset=rule.seconds)

    # -- API ----------------------------------------------------------------------------------------------------------

    def _api(self, repo: str, rest: str, *, hidden: bool) -> None:
        try:
            self._resource(repo, rest, hidden=hidden)
        except Missing:
            self._json(404, answers.error(404, "Not Found"))
        except Unprocessable as error:
            self._json(422, answers.error(422, "Validation Failed", error.errors))

    def _resource(self, repo: str, rest: str, *, hidden: bool) -> None:
        hub, number = self.server.hub, self.server.hub.number_of(repo)
        given = json.loads(self.body or b"{}")
        match self.command, rest:
            case "GET", "":
                self._json(200, answers.repository(self.server.base, repo, number))
            case "GET", "/pulls":
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                found = [] if hidden else hub.pulls(repo, state=asked.get("state", "open"), head=asked.get("head", ""))
                self._json(200, [answers.pull(self.server.base, one, number) for one in found])
            case "POST", "/pulls":
                self._json(201, answers.pull(self.server.base, hub.create(repo, given), number))
            case "GET" | "PATCH", _ if match := _PULL.fullmatch(rest):
                which = int(match[1])
                one = hub.pull(repo, which) if self.command == "GET" else hub.change(repo, which, given)
                self._json(200, answers.pull(self.server.base, one, number))
            case "GET", _ if match := _COMMENTS.fullmatch(rest):
                which = int(match[1])
                said = enumerate(hub.pull(repo, which).comments, 1)
                self._json(200, [answers.comment(self.server.base, repo, which, place, body) for place, body in said])
            case "POST", _ if match := _COMMENTS.fullmatch(rest):
                which, body = int(match[1]), str(given.get("body", ""))
                self._json(201, answers.comment(self.server.base, repo, which, hub.comment(repo, which, body), body))
            case _:
                raise Missing(rest)

    # -- git ----------------------------------------------------------------------------------------------------------

    def _git(self, repo: str) -> None:
        if not self._is_known():
            self._json(401, answers.error(401, "Requires authentication"), {"WWW-Authenticate": 'Basic realm="GitHub"'})
            return
        try:
            self.server.hub.path(repo)
        except Missing:
            self._page(404, "Repository not found.")
            return
        if self.path.endswith("git-receive-pack") and self.command == "POST":
            with self.server.hub.pushing(repo):
                ended = self._backend()
        else:
            ended = self._backend()
        self._pass_on(ended)

    def _backend(self) -> bytes:
        parts = urlsplit(self.path)
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.server.hub.root), "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": parts.path, "QUERY_STRING": parts.query, "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "factory-bot", "CONTENT_TYPE": self.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(self.body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""), "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "http.receivepack", "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "*",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "http-backend"], input=self.body, env=environment, capture_output=True, check=False, timeout=_BACKEND_SECONDS
        )
        return done.stdout

    def _pass_on(self, ended: bytes) -> None:
        head, _, data = ended.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin1").splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        self._send(status, data, headers)

    # -- control ------------------------------------------------------------------------------------------------------

    def _control(self, path: str) -> None:
        given = json.loads(self.body or b"{}")
        match path:
            case "/_script":
                self.server.script.replace([Rule(**{**one, "failure": Failure(one["failure"])}) for one in given])
            case "/_tokens":
                self.server.tokens = set(given)
            case "/_merge":
                self.server.hub.merge(given["repo"], given["number"])
            case _:
                raise ValueError(path)
        self._json(200, {})

    # -- the wire -----------------------------------------------------------------------------------------------------

    def _token(self) -> str:
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            return base64.b64decode(value).decode().partition(":")[2]
        return value if kind.lower() in {"token", "bearer"} else ""

    def _is_known(self) -> bool:
        return self._token() in self.server.tokens

    def _token_name(self) -> str:
        """Never the token itself: ledgers are printed where a test fails."""
        token = self._token()
        return "none" if not token else "known" if token in self.server.tokens else "unknown"

    def _read(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        whole = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(whole)

    def _json(
        self, status: int, data: Any, more: dict[str, str] | None = None, *, remaining: int = LIMIT - 1, reset: float = 3_600
    ) -> None:
        # Both times of one moment, in whole seconds as GitHub's are.
        date = formatdate(usegmt=True)
        now = parsedate_to_datetime(date).timestamp()
        limits = {"X-RateLimit-Limit": str(LIMIT), "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": str(int(now + reset))}
        headers = {"Content-Type": "application/json; charset=utf-8", "Date": date, **limits, **(more or {})}
        self._send(status, json.dumps(data).encode(), headers)

    def _page(self, status: int, text: str) -> None:
        self._send(status, text.encode(), {"Content-Type": "text/html"})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status, HTTPStatus(status).phrase)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _cut(self) -> None:
        """Ends the connection with a reset instead of a farewell."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()


class _Kept:
    """An answer that is not sent."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = False

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None: ...
    def close(self) -> None: ...


def route_of(method: str, path: str) -> str:
    """What a rule names: `GET repo`, `GET pulls`, `POST pulls`, `PATCH pull`, `GET pull`, `POST comments`, `GET refs for git-receive-pack`,
    `POST git-receive-pack`, ...
    """
    parts = urlsplit(path)
    if match := _GIT.fullmatch(parts.path):
        return f"{method} refs for {parse_qs(parts.query)['service'][0]}" if match["rest"] == "info/refs" else f"{method} {match['rest']}"
    match = _API.fullmatch(parts.path)
    rest = (match["rest"] or "") if match else "/unknown"
    if _PULL.fullmatch(rest):
        return f"{method} pull"
    return f"{method} {rest.rpartition('/')[2] or 'repo'}"
