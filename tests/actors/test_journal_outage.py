"""The journal while its store is away: people are answered at once, and nothing is missed when it is back."""

import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from factory.errors import StoreTimeout, StoreUnavailable
from factory.protocol.commands import AnyRequest, EmergencyStop, Query, ReleaseLock, Reply, Steer, SteerActor, Switch
from factory.storage.database import Database
from factory.storage.work_items import WorkItems
from factory.transport.feed_publisher import FeedPublisher
from tests.actors.test_journal import Press
from tests.work import order, submitted

_BOUND_SECONDS = 60.0

NEED_THE_STORE: list[AnyRequest] = [
    Query("status"),
    Query("items"),
    order(),
    Steer("c1", "kill", "0123456789", "ann"),
    Switch("c2", "pause", ("dispatch",), "ann"),
    ReleaseLock("c3", "/repo", "a.py", "0123456789-1", "ann"),
    EmergencyStop("c4", "ann"),
]


class Gone:
    """A way to the database that leads nowhere as long as there is an error, and says so each time."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.asked = 0

    def instead_of(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.asked += 1
            if self.error is not None:
                raise self.error
            return real(*arguments, **named)

        return call


@pytest.fixture
def press(database: Database, tmp_path: Path) -> Iterator[Press]:
    press = Press(database, tmp_path)
    press.actor.on_start()
    yield press
    press.actor._watch.close()
    for bell in press.bells:
        bell.close()


@pytest.fixture
def gone(press: Press, monkeypatch: pytest.MonkeyPatch) -> Gone:
    """The store is away."""
    gone = Gone(StoreUnavailable("no server answers"))
    for name in ("transaction", "listen"):
        monkeypatch.setattr(press.database, name, gone.instead_of(getattr(press.database, name)))
    return gone


def back(press: Press, gone: Gone) -> None:
    """The store is there again, and the journal gets to know."""
    gone.error = None
    press.clock.advance(5.0)
    press.actor.on_tick()
    while press.actor._watch.away:
        ready, _, _ = select.select([press.actor._watch.sources()[0].pollable()], [], [], _BOUND_SECONDS)
        assert ready, "the store was not reached"
        press.actor.on_ready(press.actor._watch.sources()[0])
        press.actor.on_tick()


@pytest.mark.parametrize("request_", NEED_THE_STORE, ids=lambda request: type(request).__name__)
def test_whoever_asks_while_the_store_is_away_hears_so_and_since_when(press: Press, gone: Gone, request_: AnyRequest) -> None:
    press.actor.on_tick()

    reply = press.ask(request_)

    assert reply.code == "unavailable"
    assert reply.reason.startswith("the store has been away since 22:13:20 UTC")
    assert press.mail.asked == [], "who would be asked waits for the store too, and would carry it out later"


def test_the_first_who_asks_is_answered_as_well(press: Press, gone: Gone) -> None:
    assert press.ask(Query("items")).reason.startswith("the store has been away since ")
    assert gone.asked <= 3


def test_a_store_that_is_away_is_not_asked_for_each_question(press: Press, gone: Gone) -> None:
    gone.error = StoreTimeout("no answer")
    press.actor.on_tick()
    asked = gone.asked

    for _ in range(20):
        press.ask(Query("items"))

    assert gone.asked <= asked + 1


def test_actors_can_be_steered_while_the_store_is_away(press: Press, gone: Gone) -> None:
    press.actor.on_tick()
    press.mail.answers["supervisor"] = lambda _: Reply("ok")

    assert press.ask(SteerActor("c1", "restart", "delivery", "ann")).code == "ok"
    assert press.ask(Query("tree")).code == "ok"


def test_what_happened_meanwhile_is_told_when_the_store_is_back(press: Press, gone: Gone, items: WorkItems) -> None:
    press.actor.on_tick()
    press.actor.on_ready(cast("FeedPublisher", press.feed))
    assert press.feed.news("item") == []

    back(press, gone)
    item = submitted(items)
    press.actor.on_tick()

    assert [name for name, _ in press.feed.news("item")] == [item]
    assert press.ask(Query("item", item)).code == "ok"
    submitted(items)
    press.rings()


def test_a_session_that_was_cut_is_no_outage(press: Press, items: WorkItems, monkeypatch: pytest.MonkeyPatch) -> None:
    real, cut = press.database.transaction, [True]

    def transaction() -> Any:
        if cut:
            cut.clear()
            raise StoreUnavailable("terminating connection due to administrator command")
        return real()

    monkeypatch.setattr(press.database, "transaction", transaction)

    assert press.ask(Query("items")).code == "ok"


def test_an_event_whose_rows_could_not_be_read_is_told_later(press: Press, items: WorkItems, monkeypatch: pytest.MonkeyPatch) -> None:
    item = submitted(items)
    with monkeypatch.context() as patched:
        patched.setattr(press.actor._views, "items", Gone(StoreUnavailable("away")).instead_of(press.actor._views.items))
        press.actor.on_tick()
    assert press.feed.news("event") == press.feed.news("item") == []

    while press.actor._watch.away:
        select.select([press.actor._watch.sources()[0].pollable()], [], [], _BOUND_SECONDS)
        press.actor.on_ready(press.actor._watch.sources()[0])
    press.actor.on_tick()

    assert len(press.feed.news("event")) == 1
    assert [name for name, _ in press.feed.news("item")] == [item]
