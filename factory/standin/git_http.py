"""Git's smart protocol over HTTP, through `git http-backend`, with the same tokens as the API."""

import os
import subprocess
from contextlib import nullcontext
from http import HTTPStatus

from factory.standin.callers import Caller, caller_of, check, token_of
from factory.standin.hub import Hub
from factory.standin.message import Asked, Reply
from factory.standin.refusals import Forbidden, Missing, Unauthorized

_SECONDS = 60
_RECEIVE = "git-receive-pack"


def serve(hub: Hub, repo: str, asked: Asked) -> Reply:
    is_write = asked.path.endswith(_RECEIVE) or asked.query.get("service") == _RECEIVE
    try:
        with hub.turn:
            by = _checked(hub, repo, asked, is_write=is_write)
    except Unauthorized as refusal:
        return _page(refusal.status, refusal.message, {"WWW-Authenticate": 'Basic realm="GitHub"'})
    except Missing:
        return _page(HTTPStatus.NOT_FOUND, "Repository not found.")
    except Forbidden:
        return _page(HTTPStatus.FORBIDDEN, "Write access to repository not granted.")
    with hub.pushing(repo, by.login) if asked.method == "POST" and asked.path.endswith(_RECEIVE) else nullcontext():
        return _reply(_run(hub, asked, by.login))


def _checked(hub: Hub, repo: str, asked: Asked, *, is_write: bool) -> Caller:
    by = caller_of(hub, token_of(asked.authorization))
    level = "write" if is_write else "read"
    check(hub, by, repo, areas=("contents",), level=level, role=level)
    return by


def _run(hub: Hub, asked: Asked, login: str) -> bytes:
    headers = asked.headers
    environment = {
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(hub.root), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": asked.method,
        "PATH_INFO": asked.path, "QUERY_STRING": asked.raw_query, "REMOTE_ADDR": "127.0.0.1", "REMOTE_USER": login,
        "CONTENT_TYPE": headers.get("content-type", ""), "CONTENT_LENGTH": str(len(asked.body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""), "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "http.receivepack", "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "*",
    }  # fmt: skip
    command = ["git", "http-backend"]
    return subprocess.run(command, input=asked.body, env=environment, capture_output=True, check=False, timeout=_SECONDS).stdout


def _reply(ended: bytes) -> Reply:
    head, _, data = ended.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin1").splitlines())
    status = int(headers.pop("Status", "200").split()[0])
    return Reply(status, data, headers)


def _page(status: int, text: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, text.encode(), {"Content-Type": "text/html", **(headers or {})})
