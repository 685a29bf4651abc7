"""The GitHub stand-in's webhooks: signed, each with an id of its own, sent once, and again only where somebody asks for it."""

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from factory.standin.person import Person
from tests.standin_watched import REPO, Scene
from tests.waiting import eventually

_SECRET = "it's a secret"
_SECONDS = 30


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.status = 202

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/webhooks/github"

    def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        headers, body = self.got.get(timeout=_SECONDS)
        assert headers["x-hub-signature-256"] == "sha256=" + hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return headers, json.loads(body)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join(_SECONDS)


def test_each_tells_what_happened_to_what_by_whom_in_order(scene: Scene, ann: Person, receiver: Receiver) -> None:
    scene.desk.hook(receiver.address, _SECRET)

    number = ann.open_issue("It breaks", "Always.", "take")
    ann.edit(number, body="Sometimes.")
    ann.comment(number, "Which?")
    ann.unlabel(number, "take")
    ann.close(number)

    told = [receiver.next() for _ in range(6)]
    assert [(headers["x-github-event"], body["action"]) for headers, body in told] == [
        ("issues", "opened"), ("issues", "labeled"), ("issues", "edited"), ("issue_comment", "created"), ("issues", "unlabeled"),
        ("issues", "closed"),
    ]  # fmt: skip
    assert {(body["issue"]["number"], body["sender"]["login"], body["repository"]["full_name"]) for _, body in told} == {(1, "ann", REPO)}
    assert (told[1][1]["label"]["name"], told[2][1]["changes"]) == ("take", {"body": {"from": "Always."}})
    assert told[3][1]["comment"]["body"] == "Which?"
    assert len({headers["x-github-delivery"] for headers, _ in told}) == 6


def test_a_pull_request_tells_of_pushes_checks_reviews_and_its_merge(scene: Scene, ann: Person, receiver: Receiver) -> None:
    machine, ben = scene.desk.checks(REPO), scene.desk.person("ben", REPO)
    scene.remote.push({"a.txt": "1\n"}, "work")
    number = ann.ask("POST", "/pulls", {"head": "work", "base": "main", "title": "Work"})["number"]
    scene.desk.hook(receiver.address, _SECRET)

    sha = scene.remote.push({"a.txt": "2\n"}, "work")
    ann.pull(number)
    machine.check_run(sha, "failure")
    ann.status(sha, "failure")
    ben.review(number, "REQUEST_CHANGES", "No.")
    ann.merge(number)

    told = [receiver.next() for _ in range(8)]
    assert [(headers["x-github-event"], body.get("action")) for headers, body in told] == [
        ("pull_request", "synchronize"), ("check_run", "created"), ("check_run", "completed"), ("check_suite", "completed"),
        ("status", None), ("pull_request_review", "submitted"), ("push", None), ("pull_request", "closed"),
    ]  # fmt: skip
    assert told[1][1]["check_run"]["pull_requests"][0]["number"] == number
    assert (told[5][1]["review"]["state"], told[7][1]["pull_request"]["merged_at"] is not None) == ("changes_requested", True)


def test_only_events_that_were_asked_for_are_sent_and_none_after_it_was_taken_away(scene: Scene, ann: Person, receiver: Receiver) -> None:
    scene.desk.hook(receiver.address, _SECRET, "issue_comment")
    number = ann.open_issue("It breaks")
    ann.comment(number, "First")
    scene.desk.hook(receiver.address, None)
    ann.comment(number, "Second")
    scene.desk.hook(receiver.address, _SECRET, "issue_comment")
    ann.comment(number, "Third")

    assert [receiver.next()[1]["comment"]["body"] for _ in range(2)] == ["First", "Third"]


def test_one_that_is_refused_is_not_sent_again_by_itself_and_has_the_same_id_when_a_person_sends_it(
    scene: Scene, ann: Person, receiver: Receiver
) -> None:
    receiver.status = 500
    scene.desk.hook(receiver.address, _SECRET)
    ann.open_issue("One")
    ann.open_issue("Two")
    (first, _), (second, _) = receiver.next(), receiver.next()
    eventually(lambda: len(scene.ledger("delivery")) == 2, _SECONDS, "both were told")
    receiver.status = 202

    scene.desk.redeliver(first["x-github-delivery"])

    again, body = receiver.next()
    assert (again["x-github-delivery"], body["issue"]["title"]) == (first["x-github-delivery"], "One")
    eventually(lambda: len(scene.ledger("delivery")) == 3, _SECONDS, "the third was told")
    ids = [first["x-github-delivery"], second["x-github-delivery"], first["x-github-delivery"]]
    assert [(one["id"], one["status"]) for one in scene.ledger("delivery")] == list(zip(ids, (500, 500, 202), strict=True))


def test_nobody_there_to_receive_it_is_told_and_holds_nothing_up(scene: Scene, ann: Person, receiver: Receiver) -> None:
    scene.desk.hook("http://127.0.0.1:1/nobody", _SECRET)
    scene.desk.hook(receiver.address, _SECRET)

    ann.open_issue("One")

    assert receiver.next()[1]["issue"]["title"] == "One"
    eventually(lambda: len(scene.ledger("delivery")) == 2, _SECONDS, "both were told")
    assert [one["status"] for one in scene.ledger("delivery")] == ["URLError", 202]
