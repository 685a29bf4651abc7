"""Work beside an actor's turns."""

import operator
import select
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from actors.background import Background
from factory.errors import StoreUnavailable

_BOUND_SECONDS = 60.0


@pytest.fixture
def pool() -> Iterator[Background]:
    background = Background(threads=2, most=3)
    yield background
    background.close()


def results(pool: Background, count: int) -> dict[object, object]:
    found: dict[object, object] = {}
    while len(found) < count:
        readable, _, _ = select.select([pool.pollable()], [], [], _BOUND_SECONDS)
        assert readable, f"only {found}"
        found.update(pool.drain())
    return found


def test_results_come_back_under_their_keys(pool: Background):
    for key in (1, 2, 3):
        assert pool.submit(key, partial(operator.mul, key, 10))

    assert results(pool, 3) == {1: 10, 2: 20, 3: 30}


def test_it_is_readable_only_while_there_are_results(pool: Background):
    pool.submit("a", lambda: None)
    results(pool, 1)

    assert select.select([pool.pollable()], [], [], 0)[0] == []
    assert pool.drain() == []


@pytest.mark.parametrize("error", [StoreUnavailable("away"), OSError("no space")])
def test_an_expected_error_is_a_result(pool: Background, error: Exception):
    def fail() -> None:
        raise error

    pool.submit("a", fail)

    assert results(pool, 1) == {"a": error}


@pytest.mark.parametrize("error", [KeyError("bug"), SystemExit(1)])
def test_an_unexpected_error_is_raised_where_the_results_are_taken(pool: Background, error: BaseException):
    def fail() -> None:
        raise error

    pool.submit("a", fail)

    with pytest.raises(type(error)):
        results(pool, 1)


def test_it_takes_only_so_much_and_more_once_results_were_taken(pool: Background):
    go = threading.Event()
    taken = [pool.submit(key, lambda: go.wait(timeout=_BOUND_SECONDS)) for key in range(5)]
    go.set()

    assert taken == [True, True, True, False, False]
    results(pool, 3)
    assert pool.submit("again", lambda: None)
    results(pool, 1)


def test_closing_drops_what_waits_and_leaves_a_busy_thread_alone():
    background, go, done = Background(threads=1), threading.Event(), []
    running = threading.Event()

    def busy() -> None:
        running.set()
        go.wait(timeout=_BOUND_SECONDS)

    background.submit("busy", busy)
    background.submit("waiting", lambda: done.append(1))
    assert running.wait(timeout=_BOUND_SECONDS)
    background.close(seconds=0.01)
    go.set()

    assert results(background, 1) == {"busy": None}
    assert done == []
    background.close()


def test_a_job_that_ended_by_the_close_is_still_handed_over() -> None:
    pool = Background(threads=1)
    begun, go = threading.Event(), threading.Event()

    def job() -> str:
        begun.set()
        assert go.wait(_BOUND_SECONDS)
        return "done"

    pool.submit("last", job)
    assert begun.wait(_BOUND_SECONDS)

    go.set()
    pool.close(_BOUND_SECONDS)

    assert pool.drain() == [("last", "done")]
