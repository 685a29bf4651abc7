"""What can happen with other factories and other versions of this one: F40 and F54."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.protocol.version import MAJOR, MINOR, VERSION
from factory.root_lock import holder
from tests.faults import effects
from tests.faults.driver import Trial
from tests.faults.grounds import SETTINGS, Site
from tests.faults.releases import newest_migration, release
from tests.real_factory import RealFactory
from tests.waiting import eventually

NEXT_MINOR, NEXT_MAJOR = f"{MAJOR}.{MINOR + 1}", f"{MAJOR + 1}.0"
GATE = 4242
"""An advisory lock that stops the migration half way for as long as the test has it."""
MIGRATION = """-- A column, filled for all rows, and a wait in the middle.

ALTER TABLE work_items ADD COLUMN colour text;
UPDATE work_items SET colour = 'blue';
SELECT pg_advisory_xact_lock_shared(4242);
ALTER TABLE work_items ALTER COLUMN colour SET DEFAULT 'green';
"""
HAS_COLUMN = "SELECT 1 FROM information_schema.columns WHERE table_name = 'work_items' AND column_name = 'colour'"
AT_THE_GATE = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'"


def upgrade(trial: Trial, python: Path) -> None:
    """The root is killed, and another release is started in its place."""
    trial.kill(trial.actor("root"), "root")
    trial.site.python = python
    trial.site.up()
    trial.starts()
    trial.note(f"it is {python} now")


def heard(trial: Trial, items: list[str]) -> None:
    """Waits until each worker has been heard since the factory's last start."""
    ages = (
        "SELECT extract(epoch FROM clock_timestamp() - worker.last_heartbeat)::float8 AS age FROM workers AS worker JOIN work_items AS item"
        " ON item.id = worker.work_item_id AND item.epoch = worker.epoch WHERE item.id = ANY(%s)"
    )

    def all_of_them() -> bool:
        rows = trial.site.rows(ages, items)
        silent = time.monotonic() - trial.site.started_at
        return len(rows) == len(items) and all(row["age"] is not None and row["age"] < silent for row in rows)

    eventually(all_of_them, 60, "the workers are heard again")
    trial.took_since_fault()


# -- F40 --------------------------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F40", "hub and workers of two minor versions", bound=5, spends=True)
def test_workers_of_the_next_or_the_last_minor_version_are_served_as_they_are(trial: Trial) -> None:
    site, ours = trial.site, trial.site.python
    theirs = release(site.folder / "next-minor", NEXT_MINOR)
    old = [trial.begin() for _ in range(2)]
    workers = [trial.worker(item) for item in old]

    upgrade(trial, theirs)
    heard(trial, old)
    assert [trial.worker(item) for item in old] == workers
    new = trial.begin()
    upgrade(trial, ours)
    heard(trial, [*old, new])

    trial.settle()
    assert [site.item(item)["epoch"] for item in trial.items] == [1, 1, 1]


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F40", "hub and workers of two major versions", bound=5, spends=True)
def test_workers_of_another_major_version_are_refused_and_their_items_begun_again_without_blame(trial: Trial) -> None:
    site, ours = trial.site, trial.site.python
    theirs = release(site.folder / "next-major", NEXT_MAJOR)
    items = [trial.begin() for _ in range(2)]
    old = [trial.worker(item) for item in items]

    upgrade(trial, theirs)
    for item in items:
        trial.recovered(item)
        trial.running(item, beyond=1)
    eventually(lambda: not any(effects.lives(pid) for pid in old), 15, "workers that cannot be talked to are removed")
    upgrade(trial, ours)
    for item in items:
        trial.recovered(item)

    trial.settle()
    reasons = {attempt["reason"] for item in items for attempt in site.view("item", item)["attempts"] if attempt["reason"]}
    assert any(VERSION in reason for reason in reasons), f"the next major version has refused ours: {reasons}"
    assert any(NEXT_MAJOR in reason for reason in reasons), f"ours has refused the next major version: {reasons}"
    assert [site.item(item)["epoch"] for item in items] == [3, 3]


@pytest.mark.faults
@pytest.mark.timeout(200)
@pytest.mark.alone
@pytest.mark.scenario("F40", "kill -9 in a migration, live leases", bound=5, spends=True)
def test_a_migration_that_was_killed_half_way_is_done_again_and_running_work_outlives_it(trial: Trial) -> None:
    site, ours = trial.site, trial.site.python
    number = newest_migration() + 1
    theirs = release(site.folder / "next", NEXT_MINOR, {f"{number:04d}_colours.sql": MIGRATION})
    trial.settle(trial.submit())
    items = [trial.begin() for _ in range(2)]
    workers = [trial.worker(item) for item in items]

    trial.kill(trial.actor("root"), "root, to be replaced by the next version")
    site.python = theirs
    with site.database() as database, database.transaction() as cursor:
        cursor.execute(b"SELECT pg_advisory_xact_lock(%s)", [GATE])
        site.start()
        eventually(lambda: site.rows(AT_THE_GATE), 60, lambda: f"the migration is half way: {site.log()}")
        assert not site.rows(HAS_COLUMN)
        root = site.root
        assert root is not None
        trial.kill(effects.family(root.pid), "all that migrates")
    assert not site.rows(HAS_COLUMN), "a part of the migration stayed"
    site.up()
    trial.starts()
    heard(trial, items)

    assert {row["colour"] for row in site.rows("SELECT colour FROM work_items")} == {"blue"}
    assert [trial.worker(item) for item in items] == workers
    refused(trial, ours, theirs, number)
    heard(trial, items)
    trial.settle()
    assert [site.item(item)["epoch"] for item in trial.items] == [1, 1, 1]


def refused(trial: Trial, ours: Path, theirs: Path, number: int) -> None:
    """The version before the migration does not touch the database, says why, and harms no worker."""
    site = trial.site
    trial.kill(trial.actor("root"), "root, to be replaced by the version before")
    site.python = ours
    site.start()
    root = site.root
    assert root is not None
    assert root.wait(60) != 0
    assert f"The database is at migration {number:04d}" in (site.folder / "up.log").read_text()
    site.python = theirs
    site.up()
    trial.starts()


# -- F54 --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def second(trial: Trial) -> Iterator[RealFactory]:
    """Another factory, with data of its own and the trial's database."""
    own = trial.site.own
    assert own is not None
    folder = Path(tempfile.mkdtemp(prefix="fault-"))
    folder.chmod(0o711)
    factory = RealFactory(folder, {**SETTINGS, "FACTORY_DATABASE_URL": own.dsn})
    try:
        yield factory
    finally:
        factory.clean_up()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F54", "a second supervisor on one database", bound=1, own_database=True)
def test_a_second_factory_on_the_database_is_refused_within_a_second(trial: Trial, second: RealFactory) -> None:
    items = [trial.begin() for _ in range(2)]
    workers = [trial.worker(item) for item in items]

    took = [refusal(trial, second) for _ in range(3)]

    trial.pause(5)
    assert [trial.worker(item) for item in items] == workers
    trial.settle()
    assert [trial.site.item(item)["epoch"] for item in items] == [1, 1]
    # The quickest, since what it waits for is mostly a processor that others use as well.
    trial.took(min(took))
    trial.remark = f"refused three times, after {', '.join(f'{seconds:.2f}' for seconds in sorted(took))} s"


def refusal(trial: Trial, second: RealFactory) -> float:
    """Starts it and returns after how many seconds it has ended, with a sentence and without a trace."""
    second.start()
    root = second.root
    assert root is not None
    # What comes before are its imports.
    trial.did("a second factory has begun to start", lambda: holder(second.paths.data) or root.poll() is not None, 30)
    began = time.monotonic()
    assert root.wait(30) != 0
    took = time.monotonic() - began
    assert "Another factory (instance " in second.log()
    eventually(lambda: not second.processes(), 5, lambda: f"it leaves nothing behind, there is {second.processes()}")
    return took


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F54", "two supervisors start on one database at once", own_database=True)
def test_of_two_factories_that_start_at_once_on_a_database_one_works(trial: Trial, second: RealFactory) -> None:
    site = trial.site
    item = trial.begin()
    site.down()
    site.start()
    second.start()
    trial.did("both have begun to start", lambda: holder(site.paths.data) or holder(second.paths.data), 30)

    eventually(lambda: site.runs() != second.runs(), 60, lambda: f"one of them ends: {site.log()}\n{second.log()}")
    lost = second if site.runs() else site
    assert "nother factory" in lost.log(), lost.log()
    trial.remark = f"{'the first' if lost is second else 'the second'} won"
    second.down()
    site.ensure_up()
    eventually(site.answers, 60, "the first answers")

    trial.settle(item)


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F54", "two factories on one machine, each killed and started beside the other")
def test_factories_on_one_machine_never_touch_the_workers_of_each_other(trial: Trial) -> None:
    site, other = trial.site, Site()
    try:
        other.up()
        other.say("wait")
        theirs = other.submit(other.repo)
        eventually(lambda: other.item(theirs)["status"] == "running", 60, "the other's item runs")
        their_worker = eventually(lambda: other.agents().get(f"{theirs}-1"), 30, "it has a worker")
        mine = trial.begin()
        my_worker = trial.worker(mine)

        trial.did("the other's root is killed", lambda: effects.kill(other, [other.pids()["root"]]))
        other.up()
        trial.kill(trial.actor("root"), "this one's root")
        site.up()
        trial.starts()
        heard(trial, [mine])
        # Sweeps take what is left over only when it is seen twice.
        trial.pause(6)

        assert trial.worker(mine) == my_worker
        assert effects.lives(my_worker)
        assert effects.lives(their_worker)
        assert (site.item(mine)["epoch"], other.item(theirs)["epoch"]) == (1, 1)
        other.down()
        trial.pause(1)
        assert effects.lives(my_worker), "the stop of the other ended a worker of this one"
        trial.settle(mine)
    finally:
        other.close()
