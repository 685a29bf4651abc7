"""Two factories on one machine or on one database: they never touch what is the other's."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from factory.storage.ownership import KEY, session_name
from tests.e2e.command_line import SECONDS, Person, person
from tests.waiting import eventually

TOOK_OVER = "0b0b0b0b"
_WAITS = (
    "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
    "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
)


@contextmanager
def on(dsn: str) -> Iterator[Person]:
    with person() as one:
        one.environment["FACTORY_DATABASE_URL"] = dsn
        yield one


@pytest.fixture
def first(dsn: str) -> Iterator[Person]:
    with on(dsn) as one:
        assert one.says("up", "--detach").returncode == 0
        yield one


def sessions(dsn: str) -> list[int]:
    """Backends of the factory's own processes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND application_name LIKE 'factory %%' AND NOT application_name LIKE %s",
            [f"%{TOOK_OVER}"],
        )
        return [int(pid) for (pid,) in found]


def cut(dsn: str, pids: list[int]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM unnest(%s::int[]) AS pid", (pids,))


def submitted(one: Person) -> str:
    done = one.says("submit", *one.work())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def completed(one: Person, item: str) -> None:
    eventually(lambda: one.status_of(item) == "completed", SECONDS, f"{item} is completed")


def test_a_second_factory_on_the_database_is_refused_with_one_sentence(first: Person, dsn: str) -> None:
    eventually(lambda: sessions(dsn), SECONDS, "the first one is there")
    with on(dsn) as second:
        done = second.says("up")

        assert done.returncode == 5
        assert done.stderr.startswith("factory: Another factory (instance ")
        assert len(done.stderr.splitlines()) == 1
        assert second.left_over() == []
    completed(first, submitted(first))


def test_a_factory_whose_connections_are_cut_again_and_again_goes_on(first: Person, dsn: str) -> None:
    first.hold.touch()
    item = submitted(first)

    cuts: list[float] = []

    def worked_on() -> bool:
        if not cuts or time.monotonic() - cuts[-1] > 1:
            cut(dsn, sessions(dsn))
            cuts.append(time.monotonic())
        if len(cuts) == 3:
            first.hold.unlink(missing_ok=True)
        return first.status_of(item) == "completed"

    eventually(worked_on, SECONDS, f"{item} is completed")
    assert [attempt["outcome"] for attempt in first.reads("show", item)["attempts"]][-1] == "done"
    assert set(first.branches()) == {"trunk", f"factory/{item}"}
    assert len(cuts) >= 3


def test_a_factory_whose_database_another_one_has_taken_stops_and_says_why(first: Person, dsn: str) -> None:
    first.hold.touch()
    item = submitted(first)
    eventually(lambda: first.status_of(item) == "running", SECONDS, "it runs")

    with psycopg.connect(dsn, application_name=session_name("factory queue", TOOK_OVER)) as other:
        _take(other, dsn)
        eventually(lambda: first.left_over() == [], SECONDS, lambda: f"it has stopped, there is {first.left_over()}")

        log = (first.paths.logs / "factory.log").read_text()
        assert f"queue cannot run: StoreTaken: Another factory (instance {TOOK_OVER}" in log
        rows = other.execute("SELECT status, epoch FROM work_items").fetchall()
    assert rows == [("running", 1)], "it wrote nothing more"


def _take(other: "psycopg.Connection[tuple[object, ...]]", dsn: str) -> None:
    """As a factory that was quicker to come back: it waits for the lock before the first one's sessions end, so nobody comes between."""
    with ThreadPoolExecutor(1) as asking, psycopg.connect(dsn, autocommit=True) as connection:
        taken = asking.submit(other.execute, "SELECT pg_advisory_lock(%s)", (KEY,))
        eventually(lambda: connection.execute(_WAITS).fetchone(), SECONDS, "it waits for the lock")
        connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", (sessions(dsn),))
        taken.result(SECONDS)
    other.commit()


def test_two_factories_on_one_machine_leave_each_others_workers_alone() -> None:
    with person(new=False) as one, person(new=False) as other:
        for each in (one, other):
            each.environment["FACTORY_HEARTBEAT"] = "250ms"
            assert each.says("up", "--detach").returncode == 0
            each.hold.touch()
        items = {each: submitted(each) for each in (one, other)}
        for each, item in items.items():
            eventually(lambda each=each, item=item: each.status_of(item) == "running", SECONDS, "it runs")  # type: ignore[misc]

        # Several sweeps, and longer than a worker that nobody knows is left alone.
        eventually(lambda: min(_age(each) for each in items) > 5, SECONDS, "both have worked for a while")
        one.says("down")
        assert _age(other) > 5
        for each in (one, other):
            each.hold.unlink()
        completed(other, items[other])

        assert [attempt["outcome"] for attempt in other.reads("show", items[other])["attempts"]] == ["done"]


def _age(one: Person) -> float:
    workers = one.told("workers")["workers"]
    return float(workers[0]["age"]) if workers else 0.0
