"""Time that is not what it seems, and what a start finds: F49, F50, F51, F55, F56."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults import plants
from tests.faults.agents import STEADY
from tests.faults.driver import Trial
from tests.faults.grounds import Site
from tests.faults.surroundings import heard_again, tree
from tests.waiting import eventually

FREEZER = Path("/sys/fs/cgroup/freezer")
HOUR, DAY = 3600, 86_400

SKEWED = (
    b"CREATE SCHEMA IF NOT EXISTS skewed",
    b"CREATE TABLE IF NOT EXISTS skewed.step (seconds float8 NOT NULL)",
    b"INSERT INTO skewed.step SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM skewed.step)",
    b"""CREATE OR REPLACE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) FROM skewed.step'""",
    b"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = skewed, pg_catalog, public', current_database()); END $$",
)
"""The server's clock as statements see it, which can be set: a server's own clock cannot without that of the machine."""


def everything(site: Site) -> list[int]:
    """All processes of the factory, its server and its workers, and what those started."""
    outside = site.surroundings()
    return [process.pid for process in site.processes() if process.pid not in outside]


def skew(site: Site) -> None:
    """From the next session on the database's clock is one that `set_clocks` sets. Stays so for this site."""
    with site.database() as database, database.transaction() as cursor:
        for statement in SKEWED:
            cursor.execute(statement)
    site.look_anew()


def set_clocks(trial: Trial, seconds: float) -> None:
    """An hour forward or back, for the server and for every process of the factory."""
    site = trial.site
    with site.database() as database, database.transaction() as cursor:
        cursor.execute(b"UPDATE skewed.step SET seconds = %s", [seconds])
    plants.set_clock(site, seconds)

    def off() -> str:
        (row,) = site.rows("SELECT extract(epoch FROM clock_timestamp() - pg_catalog.clock_timestamp())::float8 AS by")
        return f"the server's is off by {row['by']:.0f} s" if abs(row["by"] - seconds) < 1 else ""

    trial.did(f"clocks are set by {seconds:+.0f} s", off)


@contextmanager
def freezer() -> Iterator[Path]:
    """A cgroup that can be frozen; the test is skipped where none can be made."""
    group = FREEZER / f"fault-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        yield group
    finally:
        (group / "freezer.state").write_text("THAWED")
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (FREEZER / "cgroup.procs").write_text(pid)
        eventually(lambda: not (group / "cgroup.procs").read_text().split(), 10, "nobody is in the group any more")
        group.rmdir()


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F49", "the host is suspended: every process stands still", bound=2)
def test_after_a_suspend_nobody_is_declared_lost_and_nothing_is_restarted(trial: Trial) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(3)]
    pids, workers = site.pids(), [trial.worker(item) for item in items]
    all_of_it = everything(site)

    trial.stop(all_of_it, "everything")
    trial.pause(14, 16)
    trial.resume(trial.rng.sample(all_of_it, len(all_of_it)), "everything, in any order")
    heard_again(trial, *items)
    trial.took_since_fault()
    trial.pause(6)

    assert site.pids() == pids, f"processes were restarted on waking up: {tree(site)}"
    assert [trial.worker(item) for item in items] == workers
    trial.settle()
    assert [site.item(item)["epoch"] for item in items] == [1, 1, 1], "a worker that slept too was declared lost"
    trial.remark = "15 H, three times what ends a lease, not 100 H"


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F49", "the host is frozen by its cgroup", bound=2)
def test_after_a_freeze_nobody_is_declared_lost_and_nothing_is_restarted(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    pids = site.pids()
    with freezer() as group:
        for pid in everything(site):
            # One of a moment, such as a git of an actor's, may be gone by now.
            with suppress(ProcessLookupError):
                (group / "cgroup.procs").write_text(str(pid))
        (group / "freezer.state").write_text("FROZEN")
        trial.did("all is frozen", lambda: (group / "freezer.state").read_text().strip() == "FROZEN")
        trial.pause(11, 13)
        (group / "freezer.state").write_text("THAWED")
        trial.fault_ends("all is thawed")
        heard_again(trial, item)
        trial.took_since_fault()
        trial.pause(6)

    assert site.pids() == pids, f"processes were restarted on waking up: {tree(site)}"
    trial.settle()
    assert site.item(item)["epoch"] == 1


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F50", "clocks are set by an hour, forward and back", settings=plants.PLANTS, own_database=True)
def test_clocks_that_are_set_end_no_lease_and_hold_up_no_retry(trial: Trial) -> None:
    site = trial.site
    skew(site)
    site.down()
    site.up()
    running, pids = trial.begin(), site.pids()
    waiting = trial.submit(delay=4.0)
    for step in (HOUR, 0, -HOUR, 0):
        set_clocks(trial, step)
        trial.pause(4, 5)
        heard_again(trial, running)
        assert site.item(running)["epoch"] == 1, f"a lease ended when clocks were set to {step:+} s"
    trial.running(waiting)

    assert site.pids().items() >= pids.items(), "an actor ended"
    again = trial.submit()
    trial.running(again)
    trial.kill(trial.worker(again), "worker, whose retry waits for a time")
    set_clocks(trial, -HOUR)
    assert trial.recovered(again) < 10, "its retry waits for a clock that was set back"
    trial.measured = None
    set_clocks(trial, 0)
    trial.settle()
    assert site.item(running)["epoch"] == 1


CLOCKED = STEADY.replace("set -e\n", 'set -e\nexport GIT_AUTHOR_DATE="@{date} +0000" GIT_COMMITTER_DATE="@{date} +0000"\n', 1) + (
    'touch -d "@{date}" out.txt "$FACTORY_SPEC"\n'
)
"""Commits and files are of a day that is not today."""


@pytest.mark.faults
@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.scenario("F51", "a worker's clock is wrong by a day")
def test_a_workers_wrong_clock_has_no_effect(trial: Trial, days: int) -> None:
    site = trial.site
    (row,) = site.rows("SELECT extract(epoch FROM clock_timestamp())::bigint AS now")
    date = row["now"] + days * DAY
    engine = site.program(f"clocked{days}.sh", CLOCKED, date=date)
    item = trial.begin(engine=f"command:{engine}")
    trial.pause(5, 6)
    assert site.item(item)["epoch"] == 1
    trial.settle()

    head = site.rows("SELECT head_commit FROM attempts WHERE item = %s", item)[0]["head_commit"]
    stamp = subprocess.run(
        ["git", "-C", str(site.git.path(site.repo)), "log", "-1", "--format=%ct", head],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    trial.did("its commits are of another day", lambda: abs(int(stamp) - row["now"]) > DAY / 2 and stamp.strip())
    (off,) = site.rows(
        "SELECT max(abs(extract(epoch FROM at - clock_timestamp())))::float8 AS by FROM events WHERE stream = %s", f"item-{item}"
    )
    assert off["by"] is None or off["by"] < 600, "an event has the worker's time"
    assert site.item(item)["epoch"] == 1


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.scenario("F56", "the store is full of beats that are five hours old when the factory starts", bound=3, own_database=True)
def test_a_start_that_finds_old_beats_waits_for_new_ones(trial: Trial) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(3)]
    workers = [trial.worker(item) for item in items]
    trial.kill(trial.actor("root"), "root")
    with site.database() as database, database.transaction() as cursor:
        cursor.execute(
            b"UPDATE workers SET last_heartbeat = last_heartbeat - interval '5 hours', progress_at = progress_at - interval '5 hours'"
        )
        cursor.execute(b"UPDATE work_items SET lease_until = lease_until - interval '5 hours' WHERE lease_until IS NOT NULL")
    trial.did(
        "leases ended five hours ago",
        lambda: site.rows("SELECT 1 FROM work_items WHERE lease_until < clock_timestamp() - interval '4 hours'"),
    )

    site.up()
    trial.starts()
    heard_again(trial, *items)
    trial.took_since_fault()
    trial.pause(5)

    assert [trial.worker(item) for item in items] == workers, "living workers were ended"
    trial.settle()
    assert [site.item(item)["epoch"] for item in items] == [1, 1, 1]
