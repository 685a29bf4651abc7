"""Webhooks over real HTTP into a real database: kept once, and nothing else is let in."""

import hashlib
import hmac
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from actors.http_api import HttpServer
from factory.domain.webhook import MAX_BYTES, Hint
from factory.errors import Broken, StoreUnavailable
from factory.integrations import webhook_server
from factory.integrations.webhook_server import WebhookServer
from factory.storage.database import Database
from factory.storage.webhooks import WebhookStore
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.waiting import eventually

SECRET, PREVIOUS = "a-secret-of-this-test", "the-one-before-of-this-test"
LABELED = {"action": "labeled", "issue": {"number": 7}, "repository": {"full_name": "acme/widgets"}}
ONE, TWO = "72d3162e-cc78-11e3-81ab-4c9367dc0958", "82d3162e-cc78-11e3-81ab-4c9367dc0958"


class Site:
    """A server with what it stands on, and GitHub's side."""

    def __init__(self, inbox: Any) -> None:
        self.server = WebhookServer(("127.0.0.1", 0), (SECRET, PREVIOUS), inbox)
        self.address = self.server.start().removeprefix("http://")

    def post(self, payload: object = LABELED, *, delivery: str = ONE, secret: str = SECRET, event: str = "issues", **headers: str) -> int:
        body = json.dumps(payload).encode()
        signed = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        sent = {"X-Hub-Signature-256": signed, "X-GitHub-Delivery": delivery, "X-GitHub-Event": event, **headers}
        return self.ask("POST", "/webhooks/github", body, sent)

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
        with closing(http.client.HTTPConnection(self.address, timeout=30)) as connection:
            connection.request(method, path, body, headers or {})
            return connection.getresponse().status


@pytest.fixture
def store(database: Database) -> WebhookStore:
    return WebhookStore(database)


@pytest.fixture
def site(store: WebhookStore) -> Iterator[Site]:
    site = Site(store)
    yield site
    site.server.stop()


def test_a_delivery_is_kept_once_however_often_it_comes(site: Site, store: WebhookStore) -> None:
    """S16: twice; two secrets in a rotation."""
    assert [site.post(), site.post(), site.post(delivery=TWO, secret=PREVIOUS)] == [202, 202, 202]

    hint = Hint("issues", "labeled", "acme/widgets", 7)
    assert list(store.open()) == [(ONE, hint), (TWO, hint)]
    store.handled([ONE])
    assert [delivery for delivery, _ in store.open()] == [TWO]
    # Late by days: known still.
    assert site.post() == 202
    assert [delivery for delivery, _ in store.open()] == [TWO]


def test_what_is_not_signed_is_refused_and_leaves_nothing(site: Site, store: WebhookStore) -> None:
    assert site.post(secret="another secret") == 401
    assert site.ask("POST", "/webhooks/github", b"{}") == 401
    assert site.post(**{"X-Hub-Signature-256": ""}) == 401
    assert not store.open()


@pytest.mark.parametrize("payload", [[], "text", 7])
def test_what_is_no_webhook_is_refused(site: Site, store: WebhookStore, payload: object) -> None:
    assert site.post(payload) == 400
    assert site.post(delivery="short") == 400
    assert not store.open()


def test_what_says_nothing_here_is_answered_and_left(site: Site, store: WebhookStore) -> None:
    assert site.post(event="fork") == 202
    assert site.post({"zen": "Keep it simple."}, delivery=TWO, event="ping") == 202
    assert not store.open()


def test_other_places_are_not_there(site: Site) -> None:
    assert [site.ask("GET", path) for path in ("/", "/docs", "/openapi.json", "/webhooks/github")] == [404, 404, 404, 405]
    assert site.ask("GET", "/healthz") == 200


def test_a_body_that_is_too_large_is_refused_before_it_is_read(site: Site, store: WebhookStore) -> None:
    """S16: too large."""
    assert site.ask("POST", "/webhooks/github", headers={"Content-Length": str(MAX_BYTES + 1)}) == 413
    assert not store.open()


def test_a_body_without_a_length_is_cut_off_at_the_cap(site: Site) -> None:
    """S16: too large; chunked."""
    with closing(http.client.HTTPConnection(site.address, timeout=30)) as connection:
        parts = (b"x" * 65_536 for _ in range(64))
        try:
            connection.request("POST", "/webhooks/github", parts, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        except OSError:
            return  # it was cut off while it was sent
        assert connection.getresponse().status == 413


def test_a_body_that_does_not_come_holds_up_nobody_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_server, "BODY_SECONDS", 0.2)
    host, port = site.address.split(":")
    with socket.create_connection((host, int(port)), 30) as slow:
        slow.sendall(b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert site.post() == 202
        assert b" 408 " in slow.recv(100)


def test_while_the_store_is_away_github_is_told_so() -> None:
    class Away:
        def take(self, *_: object) -> bool:
            raise StoreUnavailable("the database is away")

    site = Site(Away())
    try:
        assert site.post() == 503
        assert site.ask("GET", "/healthz") == 200
    finally:
        site.server.stop()


def test_an_address_that_is_taken_is_one_sentence(site: Site, store: WebhookStore) -> None:
    host, port = site.address.split(":")

    with pytest.raises(Broken, match=r"http_listen: nothing can be served at 127.0.0.1:\d+ \(.*already in use"):
        WebhookServer((host, int(port)), (SECRET,), store).start()


def test_the_actor_ends_with_its_server(store: WebhookStore) -> None:
    server = WebhookServer(("127.0.0.1", 0), (SECRET,), store)
    actor = HttpServer(mailbox=RecordingMailbox(), clock=ManualClock(), server=server)
    actor.on_start()
    actor.on_tick()

    actor.on_stop()

    eventually(lambda: not server.is_alive())
    with pytest.raises(RuntimeError, match="the web server has ended"):
        actor.on_tick()


def test_a_stop_takes_no_longer_than_it_may_while_somebody_is_connected(site: Site) -> None:
    host, port = site.address.split(":")
    with socket.create_connection((host, int(port)), 30) as idle:
        idle.sendall(b"POST /webhooks/github HTTP/1.1\r\n")
        began = time.monotonic()
        site.server.stop()
        assert time.monotonic() - began < 4 * webhook_server.STOP_SECONDS
