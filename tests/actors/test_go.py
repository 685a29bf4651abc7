"""An order is carried out once: who was given up before it began never begins, however late it wakes."""

import logging
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest

from actors.fork_server import ForkServer
from actors.process import ProcessOrder
from actors.spares import Practice, Spares
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
    spares = Spares(server, carry_out, Practice())
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
    spares = Spares(server, carry_out, Practice())
    spares.wanted = 1
    spares.refill()
    (spare,) = _children()
    eventually(lambda: _is_idle(spare), SECONDS)

    taken: Any = spares.take(_order(run_dir))

    assert taken is not None
    _joined(taken)
    assert _diary(run_dir).lines() == ["a is carried out"]
    assert taken[0].pid == spare.pid


def _joined(taken: Any) -> None:
    process, lifeline, notice = taken
    process.join(SECONDS)
    lifeline.close()
    notice.close()


def prepare(order: ProcessOrder) -> None:
    Diary(Path(order.settings)).note(f"{order.name} is prepared")


@pytest.fixture
def spares(server: ForkServer) -> Iterator[Spares]:
    spares = Spares(server, carry_out, Practice(prepare=prepare))
    spares.wanted = 2
    spares.refill()
    yield spares
    spares.end_all()


def _offered(spares: Spares, order: ProcessOrder) -> None:
    """Offers an order until the spare that has it is done with its preparations."""
    spares.offer(order)
    eventually(lambda: f"{order.name} is prepared" in _diary(order.run_dir).lines(), SECONDS)


def test_who_is_offered_an_order_prepares_and_begins_when_it_is_taken(spares: Spares, run_dir: Path):
    _offered(spares, _order(run_dir))
    prepared = _diary(run_dir).lines()

    _joined(spares.take(_order(run_dir)))

    assert prepared == ["a is prepared"]
    assert _diary(run_dir).lines() == ["a is prepared", "a is carried out"]


def test_an_order_that_was_only_offered_is_never_carried_out_and_its_spare_serves_for_no_other(spares: Spares, run_dir: Path):
    other = replace(_order(run_dir), name="b")
    _offered(spares, _order(run_dir))
    _offered(spares, other)

    _joined(spares.take(other))
    left = {child.pid for child in _children()}
    spares.refill()

    assert len(left) == 1
    assert not left & {child.pid for child in _children()}
    assert _diary(run_dir).lines() == ["a is prepared", "b is prepared", "b is carried out"]


def test_those_that_die_together_each_have_a_spare(spares: Spares, run_dir: Path):
    orders = [_order(run_dir), replace(_order(run_dir), name="b")]
    for order in orders:
        _offered(spares, order)

    for order in orders:
        _joined(spares.take(order))

    assert _diary(run_dir).lines()[2:] == ["a is carried out", "b is carried out"]


def test_an_order_that_is_offered_twice_has_one_spare(spares: Spares, run_dir: Path):
    for _ in range(2):
        _offered(spares, _order(run_dir))
    _joined(spares.take(_order(run_dir)))

    assert len(_children()) == 1
    assert _diary(run_dir).lines() == ["a is prepared", "a is carried out"]


def test_an_offer_that_nobody_took_leaves_as_many_spares_as_are_wanted(spares: Spares, run_dir: Path):
    _offered(spares, _order(run_dir))
    first = {child.pid for child in _children()}

    spares.refill()

    assert len(_children()) == 2
    assert len(first & {child.pid for child in _children()}) == 1
    assert _diary(run_dir).lines() == ["a is prepared"]
