"""A breach of each invariant, planted on a settled factory, turns the checker red; and without one it is green.

What is planted in the store is never committed: the checker looks from within the same transaction.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from factory.domain.events import EventType, NewEvent, item_stream
from factory.domain.ids import Epoch, ItemId, worker_id
from tests.faults.agents import SPEC
from tests.faults.checker import INVARIANTS, breaches, lasting_breaches
from tests.faults.evidence import Evidence, Rows, store_of
from tests.faults.grounds import CANARIES, Push, Site
from tests.faults.invariants_outside import DESCRIPTORS_A_CHILD, DESCRIPTORS_MORE, descriptors
from tests.waiting import eventually


@dataclass(frozen=True)
class Settled:
    site: Site
    item: str


@pytest.fixture(scope="module")
def settled() -> Iterator[Settled]:
    """A factory with one item that came to its end without a fault."""
    site = Site()
    try:
        site.up()
        item = site.submit(site.repo, spec=SPEC)
        site.settled(item)
        eventually(lambda: site.observer and site.observer.item(item).get("status") == "completed", 30, "the observer has seen it")
        site.descriptors = descriptors(site)
        yield Settled(site, item)
    finally:
        site.close()


def found_in(settled: Settled, rows: Rows, invariant: str) -> list[str]:
    return [breach.what for breach in breaches(Evidence(settled.site, [settled.item], rows), [invariant])]


def test_a_factory_without_a_fault_breaches_nothing(settled: Settled) -> None:
    assert lasting_breaches(settled.site, [settled.item]) == []


STORE = {
    "I1 a lost item": ("I1", "UPDATE work_items SET id = 'gone-' || id WHERE id = %(item)s"),
    "I1 publishing without an outbox row": ("I1", "UPDATE work_items SET status = 'publishing' WHERE id = %(item)s"),
    "I1 running without a living lease": (
        "I1",
        "UPDATE work_items SET status = 'running', holder = 'x', lease_until = clock_timestamp() - interval '10 s' WHERE id = %(item)s",
    ),
    "I1 stuck without a word to a person": ("I1", "UPDATE work_items SET status = 'stuck', reason = '' WHERE id = %(item)s"),
    "I1 completed without a pull request": ("I1", "DELETE FROM pull_requests WHERE item = %(item)s"),
    "I2 another head in the record": ("I2", "UPDATE pull_requests SET head = repeat('c', 40) WHERE item = %(item)s"),
    "I2 another accepted commit": ("I2", "UPDATE attempts SET head_commit = repeat('c', 40) WHERE item = %(item)s"),
    "I3 an old attempt is open": (
        "I3",
        "INSERT INTO attempts (item, epoch) VALUES (%(item)s, 0)",
    ),
    "I4 a lock without its lease": (
        "I4",
        "INSERT INTO file_locks (repo, file_path, item, epoch, worker_id) VALUES ('r', 'a.txt', %(item)s, 1, 'x')",
    ),
    "I5 an event's content": ("I5", """UPDATE events SET data = '{"x": 1}' WHERE stream = 'item:' || %(item)s AND seq = 2"""),
    "I5 an event is missing": ("I5", "DELETE FROM events WHERE stream = 'item:' || %(item)s AND seq = 2"),
    "I5 the last event is missing": (
        "I5",
        "DELETE FROM events WHERE stream = 'item:' || %(item)s AND type = 'WORK_ITEM.PUBLISHED.SUCCESS'",
    ),
    "I5 a row without its event": ("I5", "UPDATE work_items SET priority = 0 WHERE id = %(item)s"),
    "I6 a worker that is not noted as gone": ("I6", "UPDATE workers SET status = 'busy' WHERE work_item_id = %(item)s"),
    "I7 more attempts than the cap": ("I7", "UPDATE work_items SET attempts = 4 WHERE id = %(item)s"),
    "I7 more setbacks than the cap": ("I7", "UPDATE work_items SET setbacks = 11 WHERE id = %(item)s"),
    "I7 more runs than the cap": ("I7", "UPDATE attempts SET iterations = 60 WHERE item = %(item)s"),
    "I8 a secret in a table": ("I8", "UPDATE work_items SET reason = %(canary)s WHERE id = %(item)s"),
}


@pytest.mark.parametrize("case", STORE)
def test_a_breach_in_the_store_is_seen(settled: Settled, case: str) -> None:
    invariant, statement = STORE[case]
    with settled.site.database() as database, database.transaction() as cursor:
        try:
            # Neither keys nor the trigger that keeps the trail append-only are in the way of a breach.
            cursor.execute(b"SET LOCAL session_replication_role = replica")
            cursor.execute(statement.encode(), {"item": settled.item, "canary": CANARIES["PAYROLL_PASSWORD"]})

            def rows(text: str, *values: object) -> list[dict[str, object]]:
                return cursor.execute(text.encode(), values).fetchall()

            assert found_in(settled, rows, invariant)
        finally:
            cursor.connection.rollback()


def test_an_event_of_an_old_epoch_is_seen(settled: Settled) -> None:
    stream = item_stream(settled.item)
    with store_of(settled.site) as rows:
        rows("SET LOCAL session_replication_role = replica")
        claim = rows("SELECT * FROM events WHERE stream = %s AND type = %s", stream, EventType.CLAIMED)[0]
        rows("UPDATE events SET data = data || '{\"epoch\": 9}' WHERE stream = %s AND seq = %s", stream, claim["seq"])

        assert found_in(settled, rows, "I3")


def test_a_second_branch_and_a_second_push_are_seen(settled: Settled) -> None:
    site, item = settled.site, settled.item
    with store_of(site) as rows:
        evidence = Evidence(site, [item], rows)
        branch, known = evidence.branch(item), site.git.ledger()
        other = evidence.seen_by(lambda: [*known, Push(f"{branch}-again", "0" * 40, known[-1].new)])
        twice = evidence.seen_by(lambda: [*known, known[-1]])
        strange = evidence.seen_by(lambda: [*known, Push(branch, known[-1].new, "c" * 40)])

        assert all(breaches(each, ["I2"]) for each in (other, twice, strange))


def test_left_over_processes_folders_and_descriptors_are_seen(settled: Settled) -> None:
    site, name = settled.site, worker_id(ItemId(settled.item), Epoch(1))
    left = subprocess.Popen(["sleep", "60"], env={"HOME": str(site.paths.workers / name / "home")})
    folder = site.paths.workers / name
    folder.mkdir()
    usual = site.descriptors
    try:
        with store_of(site) as rows:
            assert len(found_in(settled, rows, "I6")) == 2
            site.descriptors = {name: number - DESCRIPTORS_MORE - 3 * DESCRIPTORS_A_CHILD - 1 for name, number in usual.items()}
            assert len(found_in(settled, rows, "I6")) > 2
    finally:
        site.descriptors = usual
        left.kill()
        left.wait(10)
        folder.rmdir()


def test_a_zombie_is_seen(settled: Settled) -> None:
    # Its parent never waits for it, and becomes a child of the root by being found below it: the look is for children of any depth.
    # Kept in a name: a Popen that is let go of takes its child's end.
    program = "import subprocess, time; kept = subprocess.Popen(['true']); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", program], env={"X": str(settled.site.folder)})
    root = settled.site.root
    settled.site.root = parent
    try:
        with store_of(settled.site) as rows:
            evidence = Evidence(settled.site, [], rows)
            eventually(lambda: any("zombie" in breach.what for breach in breaches(evidence, ["I6"])), 60, "the zombie is seen")
    finally:
        settled.site.root = root
        parent.kill()
        parent.wait(10)


@pytest.mark.parametrize("place", ["log", "spool", "environment", "feed"])
def test_a_secret_outside_the_store_is_seen(settled: Settled, place: str) -> None:
    site, canary = settled.site, CANARIES["ANTHROPIC_API_KEY"]
    file = {"log": site.paths.logs / "planted.log", "spool": site.paths.results / "planted.bundle"}.get(place)
    process = None
    if file:
        file.write_text(f"key={canary}\n")
    elif place == "environment":
        process = subprocess.Popen(["sleep", "60"], env={"KEY": canary, "HOME": str(site.folder)})
    elif site.observer:
        site.observer.leaked.add(canary)
    try:
        with store_of(site) as rows:
            assert found_in(settled, rows, "I8")
    finally:
        if file:
            file.unlink()
        if process:
            process.kill()
            process.wait(10)
        if site.observer:
            site.observer.leaked.clear()


def test_an_observer_that_differs_is_seen(settled: Settled) -> None:
    assert settled.site.observer is not None
    before = settled.site.observer.item(settled.item)
    settled.site.observer.pretend(settled.item, status="running")
    try:
        with store_of(settled.site) as rows:
            assert found_in(settled, rows, "I9")
    finally:
        settled.site.observer.pretend(settled.item, status=before["status"])


def test_a_command_that_is_not_acknowledged_in_time_is_seen(settled: Settled) -> None:
    journal = settled.site.pids()["journal"]
    os.kill(journal, signal.SIGSTOP)
    try:
        with store_of(settled.site) as rows:
            assert found_in(settled, rows, "I10")
    finally:
        os.kill(journal, signal.SIGCONT)


def test_each_invariant_is_tried_above() -> None:
    tried = {invariant for invariant, _ in STORE.values()} | {"I9", "I10"}

    assert tried == set(INVARIANTS)


def test_a_new_event_and_a_read_one_have_the_same_hash(settled: Settled) -> None:
    with store_of(settled.site) as rows:
        events = Evidence(settled.site, [settled.item], rows).events(item_stream(settled.item))

    assert all(isinstance(event.new, NewEvent) for event in events)
    assert [event.previous for event in events[1:]] == [event.hash for event in events[:-1]]
