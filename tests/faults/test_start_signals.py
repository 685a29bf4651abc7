"""F18: SIGTERM at any point of a start, and twice. The factory ends within bounds and leaves nothing."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.real_factory import RealFactory, real_factory
from tests.waiting import eventually

READY = 9
"""Children of a start, each of which says once that it is ready: one point more than these."""

BOUND = 30.0
"""Seconds. The longest is a database that is being made: it is not ended in the middle of that, and has 30 s to stop."""

FAST = (0, 1, 5)

POINTS = [pytest.param(ready, 0.0, marks=() if ready in FAST else pytest.mark.faults) for ready in range(READY + 1)]
MORE = [
    pytest.param(ready, random.Random(ready).random(), marks=pytest.mark.faults, id=f"{ready}-and-a-little") for ready in range(READY + 1)
]


@pytest.fixture
def factory() -> Iterator[RealFactory]:
    with real_factory(new=True) as one:
        yield one


def begun(factory: RealFactory) -> "subprocess.Popen[bytes]":
    """Starts it as `up` does, and does not wait."""
    with (factory.folder / "start.log").open("wb") as log:
        factory.root = subprocess.Popen(
            [sys.executable, "-P", "-m", "factory.cli", "up"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=factory.environment,
            start_new_session=True,
        )
    return factory.root


def ready(factory: RealFactory) -> int:
    path = factory.paths.logs / "factory.log"
    return path.read_text().count('"event": "child.ready"') if path.exists() else 0


@pytest.mark.parametrize(("children", "later"), [*POINTS, *MORE])
def test_a_signal_during_the_start_ends_it_and_leaves_nothing(factory: RealFactory, children: int, later: float):
    root = begun(factory)
    eventually(lambda: ready(factory) >= children or root.poll() is not None, 60, factory.log)
    end = time.monotonic() + later
    eventually(lambda: time.monotonic() >= end)

    root.send_signal(signal.SIGTERM)

    # Before it listens to signals, the signal itself ends it, as any program; nothing was started then.
    assert root.wait(BOUND) in {0, -signal.SIGTERM}, factory.log()
    eventually(lambda: not factory.processes(), 60, lambda: f"nothing is left of {factory.processes()}")
    factory.up()
    factory.down()
    assert factory.root
    assert factory.root.returncode == 0


def test_a_second_signal_during_the_start_ends_it_at_once(factory: RealFactory):
    root = begun(factory)
    eventually(lambda: ready(factory) >= 1, 60, factory.log)

    root.send_signal(signal.SIGTERM)
    eventually(lambda: "factory.stops" in factory.log() or root.poll() is not None)
    root.send_signal(signal.SIGTERM)

    assert root.wait(60) in {0, 1}
    factory.ensure_up()
    factory.down()
