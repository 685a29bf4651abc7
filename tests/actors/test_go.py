"""An order is carried out once: who was given up before it began never begins, however late it wakes."""

import logging
import os
import signal
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.fork_server import ForkServer
from actors.process import ProcessOrder
from actors.spares import Spares, no_rehearsal
from factory.domain.supervision import EXIT_PARENT_GONE
from tests.actors.sample import Diary, run_actor
from tests.databases import short_folder
from tests.waiting import eventually

SECONDS = 30.0


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture
def server() -> Iterator[ForkServer]:
    server = ForkServer(("tests.actors.sample", "actors.preload"))
    yield server
    for child in _children():
        child.kill()
    server.stop()


def _order(run_dir: Path) -> ProcessOrder:
    return ProcessOrder("a", "plain", run_dir, str(run_dir / "diary"))


def _diary(run_dir: Path) -> Diary:
    return Diary(run_dir / "diary")


def carry_out(order: ProcessOrder, _lifeline: Connection) -> None:
    Diary(Path(order.settings)).note(f"{order.name} is carried out")


def _children() -> list[psutil.Process]:
    """All that any fork server of this process has made and that is alive."""
    alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    servers = [child for child in alive if "forkserver" in " ".join(child.cmdline())]
    return [child for server in servers for child in server.children() if child.status() != psutil.STATUS_ZOMBIE]


def _is_idle(process: psutil.Process) -> bool:
    try:
        return process.status() in {psutil.STATUS_SLEEPING, psutil.STATUS_ZOMBIE}
    except psutil.NoSuchProcess:
        return True


class WakesTheSpare(logging.Handler):
    """The line about the spare that does not take its order is slow: meanwhile the spare goes on, as far as it can get."""

    def __init__(self, spare: psutil.Process, diary: Diary) -> None:
        super().__init__()
        self._spare, self._diary = spare, diary

    def emit(self, record: logging.LogRecord) -> None:
        if "is gone or stuck" in record.getMessage():
            self._spare.send_signal(signal.SIGCONT)
            eventually(lambda: self._diary.lines() or _is_idle(self._spare), SECONDS)


def test_a_spare_that_takes_its_order_too_late_does_not_carry_it_out(server: ForkServer, run_dir: Path):
    spares = Spares(server, carry_out, no_rehearsal)
    spares.wanted = 1
    spares.refill()
    (spare,) = _children()
    # Waits for its order, so that it answers as soon as it may.
    eventually(lambda: _is_idle(spare), SECONDS)
    spare.suspend()
    handler = WakesTheSpare(spare, _diary(run_dir))
    logging.getLogger("actors.spares").addHandler(handler)

    try:
        taken = spares.take(_order(run_dir))
    finally:
        logging.getLogger("actors.spares").removeHandler(handler)

    assert taken is None
    eventually(lambda: not spare.is_running() or spare.status() == psutil.STATUS_ZOMBIE, SECONDS)
    assert _diary(run_dir).lines() == []


def test_a_process_whose_making_took_too_long_does_nothing(server: ForkServer, run_dir: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[psutil.Process] = []

    def answers_late(_sentinel: int) -> int:
        # The server has forked; before this process learns whom, its time is over.
        made.extend(eventually(_children, SECONDS))
        eventually(lambda: _diary(run_dir).lines() or _is_idle(made[0]), SECONDS)
        raise TimeoutError("the fork server did not answer")

    ours, theirs = server.pipe()
    with ours, theirs:
        with monkeypatch.context() as late:
            late.setattr(forkserver, "read_signed", answers_late)
            with pytest.raises(TimeoutError):
                server.fork(carry_out, (_order(run_dir), theirs), "a")

        eventually(lambda: not made[0].is_running() or made[0].status() == psutil.STATUS_ZOMBIE, SECONDS)

    assert _diary(run_dir).lines() == []


def test_an_actor_that_nobody_listens_to_any_more_leaves_when_it_is_ready(server: ForkServer, run_dir: Path):
    ours, theirs = server.pipe()
    with theirs:
        ours.close()
        process = server.fork(run_actor, (_order(run_dir), theirs), "a")

    process.join(SECONDS)

    assert process.exitcode == EXIT_PARENT_GONE


def test_an_order_is_carried_out_by_the_spare_that_takes_it(server: ForkServer, run_dir: Path):
    spares = Spares(server, carry_out, no_rehearsal)
    spares.wanted = 1
    spares.refill()
    (spare,) = _children()
    eventually(lambda: _is_idle(spare), SECONDS)

    taken: Any = spares.take(_order(run_dir))

    assert taken is not None
    process, lifeline = taken
    process.join(SECONDS)
    lifeline.close()
    assert _diary(run_dir).lines() == ["a is carried out"]
    assert process.pid != os.getpid()
