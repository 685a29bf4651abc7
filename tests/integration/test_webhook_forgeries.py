"""Webhooks that somebody forged, cut or bent, over real HTTP: none is kept, and those that only look odd are."""

import hmac
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from factory.domain.webhook import MAX_BYTES
from factory.integrations.webhook_server import WebhookServer
from factory.storage.database import Database
from factory.storage.webhooks import WebhookStore
from tests.waiting import eventually

SECRET, OLD = "a-secret-of-this-test", "one-that-was-replaced"
BODY = json.dumps({"action": "labeled", "issue": {"number": 7}, "repository": {"full_name": "acme/widgets"}, "by": "Grüße, 日本"}).encode()
UNICODE = json.dumps(json.loads(BODY), ensure_ascii=False).encode()
NAME = "X-Hub-Signature-256"
ID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def signature(secret: str = SECRET, body: bytes = BODY, kind: str = "sha256") -> str:
    return f"{kind}={hmac.new(secret.encode(), body, kind).hexdigest()}"


@dataclass
class Desk:
    """A server of webhooks, and GitHub's side of it, or somebody else's."""

    host: str
    port: int
    store: WebhookStore

    def post(self, signed: str | None, body: bytes = BODY, delivery: str = ID, *, chunked: bool = False, under: str = NAME) -> int:
        """signed: what stands in the header, or None for no header."""
        headers = {"X-GitHub-Delivery": delivery, "X-GitHub-Event": "issues", **({} if signed is None else {under: signed})}
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as connection:
            connection.putrequest("POST", "/webhooks/github")
            for name, value in headers.items():
                connection.putheader(name, value.encode())
            connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))))
            connection.endheaders()
            pieces = [body[:5], body[5:]] if chunked else [body]
            for piece in pieces:
                connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                connection.send(b"0\r\n\r\n")
            return connection.getresponse().status


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    store = WebhookStore(database)
    server = WebhookServer(("127.0.0.1", 0), (SECRET,), store)
    host, _, port = server.start().removeprefix("http://").rpartition(":")
    yield Desk(host, int(port), store)
    server.stop()


def test_none_that_is_not_signed_with_a_secret_of_now_over_exactly_these_bytes_is_kept(desk: Desk) -> None:
    """S16: wrong, missing or old secret; truncated; sha1; unicode; chunked."""
    forged = {
        "wrong": desk.post(signature("another")),
        "missing": desk.post(None),
        "empty": desk.post(""),
        "old": desk.post(signature(OLD)),
        "of no secret": desk.post(signature("")),
        "truncated body": desk.post(signature(), BODY[:-1]),
        "truncated signature": desk.post(signature()[:-1]),
        "sha1": desk.post(signature(kind="sha1"), under="X-Hub-Signature"),
        "sha1 in its place": desk.post(signature(kind="sha1")),
        "sha1 by name": desk.post(signature().replace("sha256", "sha1")),
        "unicode signature": desk.post("sha256=" + "é" * 64),
        "digits of another script": desk.post(signature().translate({ord(str(one)): 0x660 + one for one in range(10)})),
        "the same text in other bytes": desk.post(signature(), UNICODE),
        "chunked": desk.post(signature("another"), chunked=True),
        "chunked, unsigned": desk.post(None, chunked=True),
    }

    assert forged == dict.fromkeys(forged, 401)
    assert not desk.store.open()


def test_one_whose_bytes_are_signed_is_kept_in_whichever_script_and_pieces_it_comes(desk: Desk) -> None:
    """S16: unicode; chunked."""
    told = [
        desk.post(signature(body=UNICODE), UNICODE),
        desk.post(signature(), delivery=ID.replace("7", "8"), chunked=True),
    ]

    assert told == [202, 202]
    assert [hint.number for _, hint in desk.store.open()] == [7, 7]


def test_one_that_breaks_off_or_lies_about_its_length_is_not_kept(desk: Desk) -> None:
    """S16: truncated; too large."""
    signed = f"X-Hub-Signature-256: {signature()}\r\nX-GitHub-Delivery: {ID}\r\nX-GitHub-Event: issues\r\n"
    whole = f"Content-Length: {len(BODY)}"
    lengths = [
        f"Content-Length: {len(BODY) + 100}", f"Content-Length: {MAX_BYTES + 1}", "Content-Length: -1", "Content-Length: 1e3",
        f"{whole}\r\nContent-Length: 5", f"{whole}\r\nTransfer-Encoding: chunked",
    ]  # fmt: skip
    for length in lengths:
        with socket.create_connection((desk.host, desk.port), 30) as line:
            line.sendall(f"POST /webhooks/github HTTP/1.1\r\nHost: x\r\n{signed}{length}\r\n\r\n".encode() + BODY)
            line.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: line.recv(4_096), b""))
            assert not said.startswith(b"HTTP/1.1 202"), length

    # It serves as before.
    assert desk.post(signature(), delivery=ID.replace("7", "9")) == 202
    eventually(lambda: len(desk.store.open()) == 1, 30, "one is kept")
    assert [delivery for delivery, _ in desk.store.open()] == [ID.replace("7", "9")]
