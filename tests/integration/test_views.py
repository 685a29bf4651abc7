"""What observers are shown, on a real database."""

import re

import msgspec
import pytest

from factory.errors import InvalidInput
from factory.protocol.attempt_mail import Finish, Renew
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Published
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.limits import LimitStore
from factory.storage.locks import LockStore
from factory.storage.outbox import OutboxStore
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from tests.work import claimed, done, finish, running, submitted


@pytest.fixture
def views(database: Database) -> Views:
    return Views(database)


def steered(items: WorkItems, verb: str, item: str) -> None:
    with items.round() as round_:
        reply, _ = round_.steer(Steer(f"{verb}-{item}", verb, item, "me"))  # type: ignore[arg-type]  # one of the literals
    assert reply.code == "ok", reply


def shown(views: Views, item: str) -> dict[str, object]:
    (row,) = views.items([item])
    return row


# -- items ------------------------------------------------------------------------------------------------------------


def test_open_items_come_in_the_order_in_which_they_will_be_claimed(views: Views, items: WorkItems) -> None:
    low, high, medium = (submitted(items, priority=priority) for priority in (3, 1, 2))

    rows = views.items()

    assert [row["id"] for row in rows] == [high, medium, low]
    assert [row["ahead"] for row in rows] == [0, 1, 2]
    assert [row["priority_name"] for row in rows] == ["high", "medium", "low"]
    assert [work.lease.item for work in claimed(items, 3)] == [high, medium, low]


def test_a_long_history_does_not_push_out_what_is_to_be_done(views: Views, items: WorkItems) -> None:
    past = [submitted(items) for _ in range(4)]
    for item in past:
        steered(items, "cancel", item)
    latest = submitted(items, priority=3)

    assert [row["id"] for row in views.items(limit=3)] == [latest, past[3], past[2]]


def test_ended_items_can_be_left_out(views: Views, items: WorkItems) -> None:
    published, cancelled, waiting = running(items), submitted(items), submitted(items)
    finish(items, done(published))
    with items.round() as round_:
        round_.published(Published(published, "url", "c"))
    steered(items, "cancel", cancelled)

    assert [row["id"] for row in views.items(only_open=True)] == [waiting]


def test_items_can_be_asked_for_by_name(views: Views, items: WorkItems) -> None:
    one, _ = submitted(items), submitted(items)

    assert [row["id"] for row in views.items([one, "unknown"])] == [one]
    assert views.items([]) == []


def test_items_that_are_not_due_stand_ahead_of_nobody(views: Views, items: WorkItems) -> None:
    submitted(items, priority=0, delay=60.0)
    due = submitted(items)

    assert shown(views, due)["ahead"] == 0


def test_an_item_shows_how_far_its_attempt_is(views: Views, items: WorkItems) -> None:
    lease = running(items)
    finish(items, done(lease))

    row = shown(views, lease.item)

    assert (row["status"], row["epoch"], row["iterations"], row["tokens"], row["commits"]) == ("publishing", 1, 3, 5, 1)
    assert row["holder"] is None


def test_the_progress_of_an_earlier_attempt_is_not_shown_as_that_of_the_next(views: Views, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "given_back", "the factory was stopped", iterations=7, tokens=9))
    claimed(items)

    row = shown(views, lease.item)

    assert (row["epoch"], row["iterations"], row["tokens"]) == (2, 0, 0)


def test_each_change_raises_the_version(views: Views, items: WorkItems) -> None:
    item = submitted(items)
    versions = [shown(views, item)["version"]]
    (work,) = claimed(items)
    versions.append(shown(views, item)["version"])
    finish(items, Finish(work.lease, 0, "agent", "gave up"))
    versions.append(shown(views, item)["version"])
    steered(items, "retry", item)
    versions.append(shown(views, item)["version"])

    assert versions == sorted(set(versions))  # type: ignore[type-var]  # integers all


def test_a_waiting_item_says_why(views: Views, items: WorkItems, database: Database) -> None:
    lease = running(items)
    LimitStore(database).write("dispatch", {"reason": "all 2 workers are busy"})
    first, second, later = submitted(items), submitted(items), submitted(items, delay=3_600.0)
    finish(items, Finish(lease, 0, "waits", "locked: a.py: x", condition="locks:/repo"))

    assert shown(views, first)["why"] == "all 2 workers are busy"
    assert shown(views, second)["why"] == "1 ahead of it; all 2 workers are busy"
    assert "at the earliest" in str(shown(views, later)["why"])
    assert shown(views, lease.item)["why"] == "waits for files that others work on: a.py: x"


def test_an_item_that_needs_labels_says_which_it_waits_for(views: Views, items: WorkItems, database: Database) -> None:
    item, behind = submitted(items, needs=("gpu",)), submitted(items)
    assert (shown(views, item)["needs"], str(shown(views, item)["why"])[:26]) == (["gpu"], "no host has the label gpu:")

    LimitStore(database).write("dispatch", {"reason": "", "labels": [["gpu"]], "offered": []})
    assert shown(views, item)["why"] == "no place is free on a host with the label gpu"
    assert shown(views, behind)["why"] == "next to be claimed"
    LimitStore(database).write("dispatch", {"reason": "", "labels": [["gpu"]], "offered": [["gpu"]]})
    assert shown(views, item)["why"] == "next to be claimed"
    assert shown(views, behind)["why"] == "1 ahead of it"


def test_spec_and_evidence_are_shown_on_demand(views: Views, items: WorkItems) -> None:
    lease = running(items, spec="# Spec\n")
    finish(items, Finish(lease, 0, "gate", "red", "1 failed"))

    assert views.texts(lease.item) == {"spec": "# Spec\n", "evidence": "1 failed"}
    assert views.texts("unknown") == {}


def test_two_items_are_enough_to_know_that_a_beginning_is_not_one_items_own(views: Views, items: WorkItems) -> None:
    for item in ("aaaaaaaaaa", "aaaaaaaaab", "aaaaaaaaac", "bbbbbbbbbb"):
        submitted(items, item=item)

    assert views.find("a") == ["aaaaaaaaaa", "aaaaaaaaab"]
    assert views.find("b") == ["bbbbbbbbbb"]
    assert views.find("%") == views.find("A") == []


def test_a_limit_below_nothing_is_refused(views: Views) -> None:
    with pytest.raises(InvalidInput):
        views.items(limit=-1)


# -- workers and attempts ---------------------------------------------------------------------------------------------


def test_workers_are_shown_with_what_they_say_of_themselves(views: Views, items: WorkItems) -> None:
    lease = running(items)
    with items.round() as round_:
        round_.renew([Renew(lease, "gates", 2, 5, 99)])

    (row,) = views.workers()

    assert (row["id"], row["item"], row["epoch"], row["status"]) == (lease.worker, lease.item, 1, "busy")
    assert (row["phase"], row["iteration"], row["tokens"], row["isolation"], row["host"]) == ("gates", 2, 99, "unconfined", "local")
    assert 0 <= row["beat_age"] < 60


def test_a_worker_that_is_gone_is_shown_only_when_asked_for(views: Views, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "agent", "gave up"))
    assert len(views.workers()) == 1

    with items.round() as round_:
        round_.worker_gone(lease, "its attempt is over")

    assert views.workers() == []
    (row,) = views.workers([lease.worker])
    assert (row["status"], row["reason"]) == ("dead", "its attempt is over")


def test_attempts_are_shown_in_order_with_the_end_of_their_evidence(views: Views, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "given_back", "the factory was stopped"))
    (work,) = claimed(items)
    finish(items, Finish(work.lease, 0, "gate", "red", "x" * 9_000 + "the end"))

    first, second = views.attempts(lease.item)

    assert (first["epoch"], first["outcome"], first["burnt"]) == (1, "given_back", False)
    assert (second["epoch"], second["outcome"], second["burnt"]) == (2, "gate", True)
    assert second["evidence"].endswith("the end")
    assert len(second["evidence"]) == 4_000
    assert second["ended_at"] >= second["started_at"]


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_the_summary_counts_by_status_and_names_what_is_being_published(views: Views, items: WorkItems, database: Database) -> None:
    submitted(items)
    lease = running(items, priority=0)
    finish(items, done(lease))
    LimitStore(database).write("dispatch", {"open": 0})

    summary = views.summary()

    assert summary["counts"] == {"queued": 1, "publishing": 1}
    assert [(row["item"], row["epoch"], row["tries"]) for row in summary["outbox"]] == [(lease.item, 1, 0)]
    assert summary["limits"] == {"dispatch": {"open": 0}}


def test_what_is_being_published_says_what_is_in_its_way(views: Views, items: WorkItems, database: Database) -> None:
    lease = running(items)
    finish(items, done(lease))
    before = shown(views, lease.item)

    OutboxStore(database).note_error(lease, "remote: disk full", 5.0)

    assert (before["status"], before["why"]) == ("publishing", "its result is checked and published")
    assert shown(views, lease.item)["why"] == "tried once: remote: disk full"


def test_a_database_that_takes_no_writes_is_why_nothing_starts(views: Views, items: WorkItems, database: Database) -> None:
    item = submitted(items)
    LimitStore(database).write("dispatch", {"open": 2, "reason": "", "max_workers": 3})
    _set(database, "default_transaction_read_only", "on")

    try:
        dispatch, row = views.summary()["limits"]["dispatch"], shown(views, item)
    finally:
        _set(database, "default_transaction_read_only", "off")

    told = "the database takes no writes: it is read-only, or a standby"
    assert dispatch == {"open": 0, "reason": told, "max_workers": 3}
    assert row["why"] == told
    assert views.limits()["dispatch"]["open"] == 2


def test_a_queue_that_has_written_nothing_for_long_is_why_nothing_starts(items: WorkItems, database: Database) -> None:
    item, views = submitted(items), Views(database, quiet_after=0.0)
    with database.transaction() as cursor:
        cursor.execute("DELETE FROM limits WHERE name = 'clock'")

    told = views.limits()["dispatch"]["reason"]
    assert re.fullmatch(r"nothing was written to the database since \d\d:\d\d:\d\d UTC: its disk is full, or the queue stands still", told)
    # The same sentence all the time, or each look would be news.
    assert (views.limits()["dispatch"]["reason"], shown(views, item)["why"]) == (told, told)

    with database.transaction() as cursor:
        cursor.execute("INSERT INTO limits (name, value, updated_at) VALUES ('clock', '{}', clock_timestamp() + interval '1 hour')")
    assert "dispatch" not in views.limits()
    assert shown(views, item)["why"] == "next to be claimed"


def _set(database: Database, name: str, value: str) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT set_config(%s, %s, false)", (name, value))


def test_pull_requests_are_shown_of_all_items_or_of_one(views: Views, items: WorkItems, database: Database) -> None:
    leases = [running(items), running(items)]
    for number, lease in enumerate(leases, start=1):
        _open_pull_request(database, lease, number)

    assert {row["item"] for row in views.pull_requests()} == {lease.item for lease in leases}
    assert [(row["number"], row["url"]) for row in views.pull_requests(leases[1].item)] == [(2, "url-2")]
    assert views.pull_requests("unknown") == []


def _open_pull_request(database: Database, lease: Lease, number: int) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO pull_requests (item, number, repo, branch, base_branch, head, title, body, url, state)"
            " VALUES (%s, %s, '/repo', %s, 'main', 'c', 't', 'b', %s, 'open')",
            (lease.item, number, f"factory/{lease.item}", f"url-{number}"),
        )


def test_every_age_that_can_begin_anew_has_the_time_of_that_beside_it(views: Views, items: WorkItems) -> None:
    lease = running(items)
    (worker,), row = views.workers([lease.worker]), shown(views, lease.item)

    for name in (name for name in worker if name.endswith("_age")):
        assert f"{name.removesuffix('_age')}_at" in worker
    # That of an item begins anew with a change of it, which its version tells.
    assert {name for name in row if name.endswith("_age")} == {"since_age"}


def test_everything_that_is_shown_is_plain(views: Views, items: WorkItems, database: Database) -> None:
    lease = running(items)
    LockStore(database).acquire(lease, "/repo", ["a.py"])
    finish(items, done(lease))
    _open_pull_request(database, lease, 1)
    parts = [
        views.items(), views.texts(lease.item), views.workers(), views.attempts(lease.item), views.pull_requests(), views.locks(),
        views.limits(), views.summary(),
    ]  # fmt: skip

    assert all(parts[:6])
    # Encoded without help from Python's types: nothing becomes a string that was a time or a decimal number.
    assert msgspec.json.decode(msgspec.json.encode(parts)) == parts
