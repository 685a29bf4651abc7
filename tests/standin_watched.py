"""The GitHub stand-in within the process of the test, each of whose answers is checked against GitHub's own description."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import github
import pytest
import requests

from factory.standin.client import Desk
from factory.standin.message import Asked, Reply
from factory.standin.person import Person
from factory.standin.routes import match
from factory.standin.server import Server
from tests.openapi import complaints
from tests.repositories import Remote
from tests.standin import TOKEN, place_repository

REPO = "acme/widgets"
_JOIN_SECONDS = 60
_SECONDS = 30


class Watched(Server):
    """Notes what GitHub would not have answered so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 0, [TOKEN])
        self.folder = folder
        self.wrong: list[str] = []
        self.seen: set[tuple[str, int]] = set()

    def reply(self, asked: Asked) -> Reply:
        reply = super().reply(asked)
        found = match(asked.method, asked.path)
        # A page of HTML is a failure by script.
        if found and "html" not in reply.headers.get("Content-Type", ""):
            route = f"{found[0].method} {found[0].path}"
            value = json.loads(reply.body) if reply.body else None
            self.wrong += [f"{route} {reply.status}: {complaint}" for complaint in complaints(route, reply.status, value)]
            self.seen.add((route, reply.status))
        return reply


@dataclass
class Scene:
    server: Watched
    remote: Remote
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.server.hub.base)

    def client(self, token: str = TOKEN) -> github.Github:
        """As whoever uses the library has it."""
        auth = github.Auth.Token(token)
        return github.Github(auth=auth, base_url=self.desk.api, retry=None, seconds_between_requests=0, seconds_between_writes=0)

    def get(self, path: str, etag: str = "", token: str = TOKEN) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **({"If-None-Match": etag} if etag else {})}
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{self.desk.api}{path}", headers=headers, timeout=_SECONDS)

    def ledger(self, *kinds: str) -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in (self.server.folder / "ledger.jsonl").read_text().splitlines()]
        return [entry for entry in entries if not kinds or entry["what"] in kinds]

    def refused(self, who: Person, method: str, path: str, body: object = None) -> int:
        with pytest.raises(HTTPError) as caught:
            who.ask(method, path, body)
        caught.value.close()
        return caught.value.code


@contextmanager
def serving(folder: Path) -> Iterator[Watched]:
    server = Watched(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(_JOIN_SECONDS)
        server.server_close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """With a repository. Fails at the end where an answer was none of GitHub's."""
    folder = tmp_path / "github"
    remote = place_repository(folder, REPO)
    with serving(folder) as server:
        yield Scene(server, remote)
        assert server.wrong == []


@pytest.fixture
def ann(scene: Scene) -> Person:
    return scene.desk.person("ann", REPO, "write")
