"""An order that a spare has got beforehand: whatever happens to this spare, the order is carried out, once."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from actors.fork_server import ForkServer
from actors.process import ProcessOrder
from actors.spares import Practice, Preparation, Spares
from tests.actors.sample import Diary
from tests.databases import short_folder
from tests.waiting import eventually

SECONDS = 30.0
_LONG_SECONDS = "90"


@pytest.fixture
def diary() -> Iterator[Diary]:
    with short_folder() as folder:
        yield Diary(folder / "diary")


@pytest.fixture
def server() -> Iterator[ForkServer]:
    server = ForkServer(("tests.actors.sample", "actors.preload"))
    yield server
    server.stop()


def _order(diary: Diary) -> ProcessOrder:
    return ProcessOrder("a", "plain", diary.path.parent, str(diary.path))


def carry_out(order: ProcessOrder, _lifeline: Connection) -> None:
    Diary(Path(order.settings)).note(f"carried out by {os.getpid()}")


def fail(order: ProcessOrder) -> None:
    Diary(Path(order.settings)).note("fails")
    raise PermissionError("the log cannot be opened")


def half_die(order: ProcessOrder) -> None:
    """The first one loses all its threads and keeps its pipes, like a killed process that is being taken apart."""
    diary = Diary(Path(order.settings))
    if diary.lines():
        return
    diary.note("dies")
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir() if path.exists()]:
        os.set_inheritable(descriptor, True)
    os.execvp("sleep", ("sleep", _LONG_SECONDS))  # noqa: S606 - this very process is to become it


@contextmanager
def _spares(server: ForkServer, prepare: Preparation) -> Iterator[Spares]:
    spares = Spares(server, carry_out, Practice(prepare=prepare))
    spares.wanted = 2
    spares.refill()
    try:
        yield spares
    finally:
        spares.end_all()


def _pid_that_took(spares: Spares, order: ProcessOrder) -> int | None:
    taken = spares.take(order)
    assert taken is not None
    process, lifeline, notice = taken
    with lifeline, notice:
        process.join(SECONDS)
    return process.pid


def test_a_preparation_that_fails_is_not_the_end_of_the_one_who_is_to_begin(server: ForkServer, diary: Diary):
    with _spares(server, fail) as spares:
        spares.offer(_order(diary))
        eventually(diary.lines, SECONDS)

        pid = _pid_that_took(spares, _order(diary))

        # Tried once: it was the first who went on.
        assert diary.lines() == ["fails", f"carried out by {pid}"]


@pytest.mark.skipif(sys.platform != "linux", reason="only there a notice comes before the end")
def test_a_spare_that_is_dying_is_told_nothing_although_its_pipes_are_open(server: ForkServer, diary: Diary):
    with _spares(server, half_die) as spares:
        spares.offer(_order(diary))
        eventually(lambda: "sleep" in _programs(), SECONDS, lambda: str(_programs()))

        pid = _pid_that_took(spares, _order(diary))

        assert diary.lines()[-1] == f"carried out by {pid}"
        assert "sleep" not in _programs()


def _programs() -> set[str]:
    """Of all that this process's fork server has made."""
    return {child.name() for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE}
