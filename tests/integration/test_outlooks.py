"""What dashboards ask for over a time, on a real database."""

import pytest

from factory.errors import InvalidInput
from factory.protocol.attempt_mail import Finish
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Published
from factory.storage import outlooks
from factory.storage.database import Database
from factory.storage.outlooks import POINTS, Outlooks
from factory.storage.work_items import WorkItems
from tests.work import done, finish, running, submitted


@pytest.fixture
def views(database: Database) -> Outlooks:
    return Outlooks(database)


def pages(views: Outlooks, limit: int, stream: str | None = None) -> list[tuple[str, int]]:
    place, told = "", []
    while True:
        page = views.trail(0.0, place, stream, limit)
        told += [(event["stream"], event["seq"]) for event in page["events"]]
        place = page["next"]
        if not place:
            return told


def test_all_streams_are_told_in_the_order_of_time_page_by_page_each_event_once(views: Outlooks, items: WorkItems) -> None:
    for _ in range(5):
        running(items)
    whole = views.trail(0.0, "", None, 1_000)

    assert whole["next"] == ""
    assert [event["at"] for event in whole["events"]] == sorted(event["at"] for event in whole["events"])
    for limit in (1, 2, 7):
        assert pages(views, limit) == [(event["stream"], event["seq"]) for event in whole["events"]]


def test_the_trail_begins_at_a_time_and_can_be_of_one_item(views: Outlooks, items: WorkItems) -> None:
    submitted(items)
    lease = running(items)
    first = next(event for event in views.trail(0.0, "", None, 1_000)["events"] if event["stream"] == f"item:{lease.item}")

    assert {event["stream"] for event in views.trail(0.0, "", f"item:{lease.item}", 100)["events"]} == {f"item:{lease.item}"}
    assert views.trail(first["at"], "", None, 1)["events"][0] == first
    assert views.trail(first["at"] + 3600, "", None, 10) == {"events": [], "next": ""}


def test_a_page_fits_into_a_frame_however_long_its_events_are(views: Outlooks, items: WorkItems, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        running(items)
    whole = pages(views, 1_000)
    monkeypatch.setattr(outlooks, "PAGE_BYTES", 400)

    assert len(views.trail(0.0, "", None, 1_000)["events"]) < len(whole)
    assert pages(views, 1_000) == whole


@pytest.mark.parametrize("place", ["x", "1", "1 2", "-1 2 s", "1 x s", "9" * 30 + " 1 s", "; drop table events"])
def test_what_is_no_place_is_refused(views: Outlooks, place: str) -> None:
    with pytest.raises(InvalidInput, match="no place in the trail"):
        views.trail(0.0, place, None, 10)


def test_a_window_has_its_parts_and_sums_them(views: Outlooks, items: WorkItems) -> None:
    published, failed = running(items), running(items)
    assert finish(items, done(published)) == "ok"
    with items.round() as round_:
        assert round_.published(Published(published, "https://example.org/1", "a" * 40))
    finish(items, Finish(failed, 0, "agent", "it did not work", iterations=2, tokens=50))

    series = views.series(3600.0)

    assert (len(series["points"]), series["bucket"]) == (POINTS, 3600.0 / POINTS)
    totals = series["totals"]
    assert (totals["ended"], totals["failed"], totals["published"], totals["claims"]) == (2, 1, 1, 2)
    assert totals["failures"] == {"agent": 1}
    assert sum(point["tokens"] for point in series["points"]) == totals["tokens"]
    assert 0 <= totals["wait_p50"] <= totals["wait_p90"]
    assert 0 <= totals["run_p50"] <= totals["run_p90"]


def test_an_empty_window_has_no_rates(views: Outlooks) -> None:
    totals = views.series(3600.0)["totals"]

    assert (totals["ended"], totals["wait_p50"], totals["run_p90"], totals["gate_rate"], totals["gates"]) == (0, None, None, None, [])


def test_what_waits_for_a_person_is_listed_and_an_approval_has_what_was_found(views: Outlooks, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "policy", "touches deploy/", evidence="deploy/x"))
    submitted(items)

    assert [(row["item"], row["status"], row["reason"]) for row in views.needs()["items"]] == [
        (lease.item, "needs_approval", "touches deploy/")
    ]
    (row,) = views.approvals()
    assert (row["id"], row["found"], row["evidence"]) == (lease.item, "touches deploy/", "deploy/x")
    with items.round() as round_:
        round_.steer(Steer("c", "reject", lease.item, "me"))
    assert (views.approvals(), views.needs()["items"]) == ([], [])
