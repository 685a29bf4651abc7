"""Locks, order and claims: F37, F38, F39."""

import contextlib
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from factory.domain.ids import new_item_id
from factory.protocol.commands import Submit
from factory.storage.database import Database
from factory.storage.migrate import migrate
from factory.storage.work_items import WorkItems
from tests.databases import Databases
from tests.faults.driver import Trial
from tests.faults.grounds import Site
from tests.waiting import eventually
from tests.work import claimed, order, store

POINTS = ("first_commit", "done_sent", "pushed", "pull_request_opened", "recorded")
PAIRS = 3
URGENT, LOW, WITHIN = 1000, 10, 200
CLAIMERS, ITEMS, AT_ONCE = 32, 10_000, 10
SOURCES = 20

WAITS_AND_FAILS = """#!/bin/sh
while [ -e "{folder}/wait" ]; do sleep 0.05; done
echo 'it does not work'
exit 1
"""


def held(site: Site, item: str) -> list[tuple[str, int]]:
    rows = site.rows("SELECT file_path, epoch FROM file_locks WHERE item = %s ORDER BY file_path", item)
    return [(row["file_path"], row["epoch"]) for row in rows]


@pytest.mark.faults
@pytest.mark.scenario("F37", "who holds locks dies", bound=5)
def test_the_locks_of_a_worker_that_died_are_those_of_the_next_attempt_or_nobodys(trial: Trial) -> None:
    site = trial.site
    item = trial.begin(files=("README.md", "src/app.py"))
    eventually(lambda: len(held(site, item)) == 2, 10, "it holds its files")
    waits = trial.submit(files=("src/app.py",))
    eventually(lambda: site.item(waits)["status"] == "parked", 20, "another one waits for them")

    trial.kill(trial.worker(item), "worker that holds files")

    def passed_on() -> bool:
        # Who waited for them may be claimed before the one whose worker died.
        return {epoch for _, epoch in held(site, item)} == {2} or (held(site, item) == [] and bool(held(site, waits)))

    eventually(passed_on, 30, lambda: f"the next attempt or who waited has them: {held(site, item)}, {held(site, waits)}")
    trial.took_since_fault()

    trial.settle(item, waits)


@pytest.mark.faults
@pytest.mark.scenario("F37", "an attempt that cannot be repeated ends with its locks", bound=5)
def test_the_locks_of_an_item_that_failed_for_good_are_free(trial: Trial) -> None:
    site = trial.site
    failing = site.program("fails.sh", WAITS_AND_FAILS)
    item = trial.begin(engine=f"command:{failing}", files=("README.md",), max_iterations=1)
    waits = trial.submit(files=("README.md",))
    eventually(lambda: site.item(waits)["status"] == "parked", 20, "another one waits for them")

    assert trial.steer("cancel", item).code == "ok"
    trial.did("it is cancelled while it holds a file", lambda: site.item(item)["status"] == "cancelled")
    eventually(lambda: held(site, item) == [], 30, "its files are free")
    eventually(lambda: held(site, waits), 30, "who waited has them")
    trial.took_since_fault()

    trial.settle(item, status="cancelled")
    trial.settle(waits)
    another = trial.submit(engine=f"command:{failing}", files=("README.md",), max_iterations=1)
    trial.settle(another, status="failed", attempts=3)
    eventually(lambda: held(site, another) == [], 5, "its files are free")


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F37", "items want each other's files, in opposite order, while the lock manager is killed")
def test_opposite_orders_lead_to_no_deadlock(trial: Trial) -> None:
    site = trial.site
    files = ("a.txt", "b.txt", "c.txt")
    items = [trial.submit(files=files) for _ in range(PAIRS)] + [trial.submit(files=tuple(reversed(files))) for _ in range(PAIRS)]
    kills = 0
    while any(site.item(item)["completed_at"] is None for item in items) and kills < 4:
        with contextlib.suppress(AssertionError):
            trial.kill(site.pids()["locks"], "locks")
            kills += 1
        trial.pause(1.1, 1.6)
        holders = {row["item"] for row in site.rows("SELECT DISTINCT item FROM file_locks")}
        assert len(holders & set(items)) <= 1, f"more than one holds files that all want: {holders}"

    trial.settle()
    assert site.rows("SELECT 1 FROM file_locks") == []
    trial.remark = f"{len(items)} items, {kills} kills"


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F37", "lock manager and queue are killed at each step of an item that holds locks", bound=5)
def test_a_lock_is_released_whoever_is_killed_at_whichever_step(trial: Trial) -> None:
    site = trial.site
    for point in POINTS:
        site.hold(point)
        item = trial.submit(files=("README.md", "out.txt"))
        eventually(lambda point=point: site.held(point), 60, f"{point} is reached")  # type: ignore[misc]
        pids = site.pids()
        victims = ["locks", "queue", trial.rng.choice(["delivery", "dispatcher"])]
        trial.kill([pids[name] for name in victims], f"{victims} at {point}")
        site.release(point)
        site.settled(item)
        trial.fault_ends("the item has ended")
        eventually(lambda item=item: held(site, item) == [], 30, lambda item=item: f"its files are free: {held(site, item)}")  # type: ignore[misc]
        trial.took_since_fault()
        site.forget_holds()
        trial.pause(1.1, 1.2)  # a death right after a start is a strike, which is another scenario

    trial.settle()
    trial.remark = "from its end to no lock"


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F38", "a thousand urgent items before ten low ones")
def test_an_item_of_low_priority_is_claimed_within_two_hundred_claims(trial: Trial) -> None:
    """Ageing goes by time: what is three hours older goes first. So urgent ones come one every two minutes, as on a very busy day."""
    with Databases.on(trial.site.dsn) as databases, databases.fresh() as dsn, Database(dsn, "starvation") as database:
        migrate(dsn)
        items = store(database)
        low, urgent = [order(priority=3) for _ in range(LOW)], [order(priority=0) for _ in range(URGENT)]
        with items.round() as round_:
            for one in (*low, *urgent):
                assert round_.submit(one) is None
        with database.transaction() as cursor:
            for number, one in enumerate(urgent):
                cursor.execute(b"UPDATE work_items SET rank = rank + %s WHERE id = %s", [120 * number, one.item])
        trial.did(f"{URGENT} urgent items wait", lambda: _queued(database) == LOW + URGENT)

        claims = [work.lease.item for work in claimed(items, LOW + URGENT)]

    places = [claims.index(one.item) for one in low]
    assert claims[: places[0]] != [], "a low one is not the first"
    assert max(places) < WITHIN, f"low ones came {places}"
    trial.remark = f"the last low one came after {max(places)} claims; an urgent one every two minutes"


def _queued(database: Database) -> int:
    with database.transaction() as cursor:
        row = cursor.execute(b"SELECT count(*)::int AS n FROM work_items WHERE status = 'queued'").fetchone()
    return int(row["n"]) if row else 0


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.scenario("F39", "32 claimers and 10,000 items")
def test_no_item_is_claimed_twice_by_many_claimers(trial: Trial) -> None:
    """F39: 32 claimers."""
    with Databases.on(trial.site.dsn) as databases, databases.fresh() as dsn:
        migrate(dsn)
        with Database(dsn, "claims") as database:
            fill(store(database))
            trial.did(f"{ITEMS} items wait", lambda: _queued(database) == ITEMS, 60)
            together, began = threading.Barrier(CLAIMERS), time.monotonic()
            with ThreadPoolExecutor(CLAIMERS) as pool:
                found = [lease for leases in pool.map(lambda _: claims_of(dsn, together), range(CLAIMERS)) for lease in leases]
            seconds = time.monotonic() - began
            with database.transaction() as cursor:
                rows = cursor.execute(b"SELECT id, epoch FROM work_items").fetchall()

    twice = [item for item, times in Counter(item for item, _ in found).items() if times > 1]
    assert twice == [], f"claimed twice: {twice[:5]}"
    assert len(found) == ITEMS
    assert {(row["id"], row["epoch"]) for row in rows} == set(found)
    trial.remark = f"{len(found):,} claims, 0 double, {len(found) / seconds:,.0f} a second"


def fill(items: WorkItems) -> None:
    for _ in range(ITEMS // 1000):
        with items.round() as round_:
            for _ in range(1000):
                assert round_.submit(order()) is None


def claims_of(dsn: str, together: threading.Barrier) -> list[tuple[str, int]]:
    """Claims until nothing is left, ten at once."""
    leases = []
    with Database(dsn, "claimer") as database:
        items = store(database)
        together.wait(60)
        while work := claimed(items, AT_ONCE):
            leases += [(one.lease.item, one.lease.epoch) for one in work]
    return leases


@pytest.mark.faults
@pytest.mark.scenario("F39", "the same issue is handed in by three at once")
def test_an_issue_that_comes_three_ways_at_once_is_one_item(trial: Trial) -> None:
    """F39: by label, webhook, operators and a file at once."""
    site = trial.site
    site.say("wait")
    issues = [f"o/r#{new_item_id()}" for _ in range(SOURCES)]
    for issue in issues:
        together = threading.Barrier(3)

        def hand_in(way: str, issue: str = issue, together: threading.Barrier = together) -> tuple[str, str]:
            item = new_item_id()
            request = Submit(
                f"{way}-{item}", item, site.repo, "main", "t", "# x\n\n- [ ] one\n", f"command:{site.agent}", delay=3600.0, source="github",
                source_id=issue,
            )  # fmt: skip
            together.wait(10)
            return site.ask(request).code, item

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(hand_in, ("label", "webhook", "http")))
        taken = [item for code, item in answers if code == "ok"]
        assert sorted(code for code, _ in answers) == ["conflict", "conflict", "ok"], answers
        rows = site.rows("SELECT id FROM work_items WHERE source = 'github' AND source_id = %s", issue)
        assert [row["id"] for row in rows] == taken
        trial.items += taken
    trial.did(f"{SOURCES} issues came three times each", lambda: len(trial.items) == SOURCES)
    for item in trial.items:
        assert trial.steer("cancel", item).code == "ok"
    trial.settle(status="cancelled")


@pytest.mark.faults
@pytest.mark.scenario("F39", "notifications are lost", bound=1)
def test_what_no_notification_told_of_is_found_by_looking(trial: Trial) -> None:
    """F39: a notification is lost."""
    site = trial.site
    observer = site.observer
    assert observer is not None
    for _ in range(3):
        trial.cut_sessions(10, "%journal%")
        item = trial.submit(delay=3600.0)
        eventually(lambda item=item: observer.item(item).get("status") == "queued", 30, "an observer sees it")  # type: ignore[misc]
        trial.took_since_fault()
        assert trial.steer("cancel", item).code == "ok"
    trial.settle(status="cancelled")
