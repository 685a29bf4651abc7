"""The way of an issue where GitHub tells of everything, and a factory that is an App: nothing is looked at because its time has come."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from http import HTTPStatus

import pytest

from tests.issue_way import REPO, Scene, by_app, scene
from tests.waiting import eventually

SECRET = "a-secret-of-this-test-alone"
_NEVER = "1h"


@pytest.fixture
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "FACTORY_HTTP_LISTEN": address, "GITHUB_WEBHOOK_SECRET": SECRET, "FACTORY_POLL_INTERVAL": _NEVER, "FACTORY_FOLLOW_INTERVAL": _NEVER,
    }  # fmt: skip
    with scene(tmp_path_factory.mktemp("github"), settings, login=by_app) as way:
        way.factory.up()
        eventually(lambda: answers(address), 60, lambda: f"webhooks are taken in; {way.factory.log()}")
        way.standin.hook(f"http://{address}/webhooks/github", SECRET)
        yield way


def answers(address: str) -> bool:
    with suppress(OSError), closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    return False


def test_what_github_tells_is_acted_on_at_once_and_what_it_tells_again_is_not(way: Scene) -> None:
    """F44: twice."""
    eventually(lambda: way.factory.rows("SELECT 1 FROM issue_sources WHERE looked_at IS NOT NULL"), 60, "the first look is over")
    issue = way.open_issue()
    item = way.item(issue)
    first = way.in_review(item)
    way.fail_check(first)
    second = way.in_review(item, first)
    way.merge(item)
    way.done(issue, item)

    again(way)

    eventually(lambda: not way.factory.rows("SELECT 1 FROM webhook_deliveries WHERE handled_at IS NULL"), 60, "all is read")
    way.check(issue, item, first, second)
    way.check_refs(item)
    assert way.factory.rows("SELECT count(*) AS items FROM work_items") == [{"items": 1}]
    may = {frozenset(_TAKES_IN.items()), frozenset(_DELIVERS.items())}
    tokens = way.standin.ledger("token")
    assert {frozenset(one["permissions"].items() - {("metadata", "read")}) for one in tokens} == may
    assert {tuple(one["repositories"]) for one in tokens} == {(REPO.partition("/")[2],)}


_TAKES_IN = {"issues": "write", "pull_requests": "read"}
_DELIVERS = {"contents": "write", "pull_requests": "write", "checks": "read", "statuses": "read"}


def again(way: Scene) -> None:
    """Everything is told a second time, long after."""
    delivered = [entry["id"] for entry in way.standin.ledger("delivery")]
    assert {entry["status"] for entry in way.standin.ledger("delivery")} == {202}
    for delivery in delivered:
        way.standin.redeliver(delivery)
    eventually(lambda: len(way.standin.ledger("delivery")) >= 2 * len(delivered), 60, "all of it is delivered again")
