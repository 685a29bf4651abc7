"""Webhooks that come twice, days late, in any order or not at all, through real HTTP: what the forge shows decides, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from factory.integrations.webhook_server import WebhookServer
from factory.storage.database import Database
from factory.storage.webhooks import WebhookStore
from tests.actors.intake_site import LABEL, Site, site_at
from tests.standin import StandIn
from tests.waiting import eventually

SECRET = "a-secret-of-this-test-alone"
DAYS = 3 * 86_400.0
PROCESSING, DONE = f"{LABEL}-processing", f"{LABEL}-done"
_NUMBERS = count(1)
_BOUND = 60.0


@pytest.fixture
def site(standin: StandIn, dsn: str) -> Iterator[Site]:
    with site_at(standin, dsn, (f"acme/hooks{next(_NUMBERS)}",)) as site:
        yield site


@pytest.fixture
def hooks(site: Site) -> Iterator["Hooks"]:
    hooks = Hooks(site)
    yield hooks
    hooks.close()


class Hooks:
    """What the stand-in tells of by itself, and where the factory takes it in, which may be down."""

    def __init__(self, site: Site) -> None:
        self._site, self._before = site, len(site.standin.ledger("delivery"))
        self._database = Database(site.dsn, "webhooks")
        self.store = WebhookStore(self._database)
        server = self._server(0)
        self._port = int(server.start().rpartition(":")[2])
        server.stop()
        self._url = f"http://127.0.0.1:{self._port}/webhooks/github"
        site.standin.hook(self._url, SECRET, "issues", "issue_comment")

    def close(self) -> None:
        self._site.standin.hook(self._url, None)
        self._database.close()

    @contextmanager
    def taken_in(self) -> Iterator[None]:
        server = self._server(self._port)
        server.start()
        try:
            yield
        finally:
            server.stop()

    def sent(self, action: str = "") -> list[str]:
        """Ids, in order; those that were refused too."""
        entries = self._site.standin.ledger("delivery")[self._before :]
        return [entry["id"] for entry in entries if action in {"", entry["action"]}]

    def wait_for(self, number: int) -> None:
        """Until so many deliveries were tried."""
        eventually(lambda: len(self.sent()) >= number, _BOUND, lambda: f"{number} deliveries, there are {self.sent()}")

    def again(self, *deliveries: str) -> None:
        """Delivers them in this order, one after the other."""
        for delivery in deliveries:
            before = len(self.sent())
            self._site.standin.redeliver(delivery)
            self.wait_for(before + 1)

    def _server(self, port: int) -> WebhookServer:
        return WebhookServer(("127.0.0.1", port), (SECRET,), self.store)


def told_of(site: Site) -> None:
    """Lets intake act on what it was told, long before its next look would come."""
    for _ in range(20):
        site.turn()


def test_what_is_told_twice_is_done_once(site: Site, hooks: Hooks) -> None:
    """F44: twice. S16: twice."""
    site.settle()
    with hooks.taken_in():
        number = site.writer.open_issue("Widgets", "Do it.")
        site.writer.label(number, LABEL)
        hooks.wait_for(2)
        site.until(site.items)
        site.until(lambda: site.said(number) == ["taken"])
        hooks.again(*hooks.sent(), *hooks.sent())

    site.settle()

    assert (len(site.items()), site.said(number), site.writer.labels(number)) == (1, ["taken"], [PROCESSING])


def test_what_is_told_days_late_of_something_long_done_begins_nothing(site: Site, hooks: Hooks) -> None:
    """F44: late by days; never."""
    number = site.writer.open_issue("Widgets", "Do it.")
    site.writer.label(number, LABEL)
    # Nobody takes webhooks in: the poll finds it.
    hooks.wait_for(2)
    site.settle()
    assert len(site.items()) == 1
    site.item_becomes(number, "completed")
    site.settle()
    site.standin.passes(DAYS)
    site.advance(DAYS)

    with hooks.taken_in():
        hooks.again(*hooks.sent("labeled"))
    assert hooks.store.open(), "it was taken in as something new"
    told_of(site)
    site.settle()

    assert not hooks.store.open()
    assert (len(site.items()), site.said(number), site.writer.labels(number)) == (1, ["taken", "done"], [DONE])


@pytest.mark.parametrize("labelled_at_last", [True, False], ids=["labelled at last", "unlabelled at last"])
def test_what_is_told_in_any_order_is_what_the_forge_shows(site: Site, hooks: Hooks, labelled_at_last: bool) -> None:
    """F44: out of order; unlabeled before labeled."""
    site.settle()
    number = site.writer.open_issue("Widgets", "Do it.")
    site.writer.label(number, LABEL)
    site.writer.unlabel(number, LABEL)
    if labelled_at_last:
        site.writer.label(number, LABEL)
    hooks.wait_for(4 if labelled_at_last else 3)

    with hooks.taken_in():
        hooks.again(*hooks.sent("unlabeled"), *reversed(hooks.sent("labeled")), *hooks.sent("opened"))
    told_of(site)

    assert len(site.items()) == labelled_at_last
    assert site.said(number) == ["taken"] * labelled_at_last


def test_an_issue_that_stays_open_when_its_work_is_merged_is_not_taken_up_again(site: Site, hooks: Hooks) -> None:
    """F44: merged but open issue."""
    number = site.writer.open_issue("Widgets", "Do it.")
    site.writer.label(number, LABEL)
    site.settle()
    site.item_becomes(number, "completed")
    site.settle()
    with hooks.taken_in():
        site.writer.comment(number, "Is it?")
        site.writer.edit(number, body="Do it, and that as well.")
        hooks.again(*hooks.sent())
    told_of(site)
    site.settle()

    assert (len(site.items()), site.said(number), site.writer.labels(number)) == (1, ["taken", "done"], [DONE])
    assert site.writer.issue(number)["state"] == "open"
