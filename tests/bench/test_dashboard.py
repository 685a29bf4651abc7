"""What the dashboard costs and how soon it answers, beside an interpreter, an empty Textual app, a plain curses loop and circus-top."""

import random
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.bench.contenders.feed import LINES_PER_SECOND
from tests.bench.measures import Row, Table, taking_turns
from tests.bench.peers import ROOT, installed_peers
from tests.bench.ptys import SIZE, Screen, screen
from tests.bench.watched import PROCESSES, watched

pytestmark = [pytest.mark.bench, pytest.mark.timeout(400)]

_START_ROUNDS, _ROUNDS = 7, 3
_ROWS, _FRAMES = 10_000, 105
_SECONDS = 3.0
"""Over which CPU time is counted."""
_SETTLE_SECONDS = 1.0
_RUN_SECONDS = 60
_PRESSES = 100
_IN_A_SNAPSHOT = 1_000
"""Items, as many as a factory tells of."""

_CURSOR = r"\x1b\[7;[0-9;]*m[^\x1b]*?([tw][0-9]{5})"
_OURS = [str(Path(sys.executable).with_name("factory-tui"))]
_PAUSE = threading.Event()

Environ = dict[str, str]


def _own(name: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"tests.bench.contenders.{name}", *words]


_EMPTY = _own("empty_app")


@pytest.fixture(scope="module")
def settings(folder: Path, environ: Environ) -> Environ:
    """A data folder with the picture of last time. Bytecode is kept, as it is where the factory is installed."""
    data = folder / "tui"
    data.mkdir()
    (data / "tui-last-screen").write_text("\n".join(["head", *(f"row {number} of last time" for number in range(SIZE[1]))]))
    kept = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "FACTORY_DATA": str(data), "FACTORY_RUN": str(folder / "feed"), "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "PYTHONPATH": str(ROOT)}  # fmt: skip


@contextmanager
def _feed(settings: Environ, *, items: int, workers: int = 0, changes: int = 0, times: float = 1.0) -> Iterator[None]:
    words = [settings["FACTORY_RUN"], str(items), str(workers), str(changes), str(times)]
    with subprocess.Popen(_own("feed", *words), env=settings, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


def _until(command: Sequence[str], settings: Environ, pattern: str) -> Callable[[], float]:
    """Milliseconds from the start of a program to something on its screen."""

    def measured() -> float:
        with screen(command, settings) as shown:
            return (shown.shows(pattern) - shown.began) * 1000

    return measured


def _middle(values: Sequence[float], others: Sequence[float]) -> float:
    """The ratio, round by round."""
    return statistics.median(one / other for one, other in zip(values, others, strict=True))


# -- start ----------------------------------------------------------------------------------------------------------------


def test_the_first_picture_comes_soon_after_the_interpreter_and_long_before_textual(settings: Environ, table: Table) -> None:
    contenders = {
        "ours": _until(_OURS, settings, "row 3 of last time"),
        "python": _until([sys.executable, "-c", "print('here')"], settings, "here"),
        "textual": _until(_EMPTY, settings, "count 0"),
    }
    spans = taking_turns(contenders, _START_ROUNDS)

    what = "factory-tui, start to first picture"
    table.add(Row(what, "ms", spans["ours"], "python -c print", spans["python"]))
    table.add(Row(what, "ms", spans["ours"], "an empty Textual app", spans["textual"]))
    # 1.3 and 0.07 where it was made; a third of Textual's time would say that something large is imported first.
    assert _middle(spans["ours"], spans["python"]) < 2.5
    assert _middle(spans["ours"], spans["textual"]) < 0.3


def test_live_rows_come_within_a_few_starts_of_an_empty_textual_app(settings: Environ, table: Table) -> None:
    with _feed(settings, items=200, workers=20):
        spans = taking_turns(
            {"ours": _until(_OURS, settings, "(?s)live.*w00001"), "textual": _until(_EMPTY, settings, "count 0")}, _START_ROUNDS
        )

    table.add(Row("factory-tui, start to live rows", "ms", spans["ours"], "an empty Textual app", spans["textual"]))
    assert _middle(spans["ours"], spans["textual"]) < 5


# -- paint ----------------------------------------------------------------------------------------------------------------


def test_a_frame_of_ten_thousand_changing_rows_costs_a_small_multiple_of_curses(settings: Environ, folder: Path, table: Table) -> None:
    result = folder / "frame"

    def frame(name: str) -> float:
        with screen(_own(name, str(_ROWS), str(_FRAMES), str(result)), settings) as shown:
            assert shown.ends(_RUN_SECONDS) == 0, shown.text()
            if name == "frames_table":
                # A clock that leaves frames out would make each of them cheaper.
                seen.append(len(set(shown.found("#[0-9]{5}"))))
        return float(result.read_text())

    seen: list[int] = []
    spans = taking_turns({name: partial(frame, name) for name in ("frames_table", "frames_curses")}, _ROUNDS)

    what = f"CPU of a frame, all of {_ROWS:,} rows changed, 30 Hz"
    table.add(Row(what, "ms", spans["frames_table"], "a plain curses loop", spans["frames_curses"]))
    assert min(seen) > _FRAMES / 2
    assert _middle(spans["frames_table"], spans["frames_curses"]) < 8


def _cpu(command: Sequence[str], settings: Environ, ready: Callable[[Screen], object]) -> Callable[[], float]:
    """Milliseconds of CPU time in a second, once it stands."""

    def measured() -> float:
        with screen(command, settings) as shown:
            ready(shown)
            _PAUSE.wait(_SETTLE_SECONDS)
            return _spent(shown)

    return measured


def _spent(shown: Screen) -> float:
    before = shown.cpu()
    _PAUSE.wait(_SECONDS)
    return (shown.cpu() - before) / _SECONDS


def _workers(shown: Screen) -> None:
    shown.shows("(?s)live.*w00001")
    before = shown.written
    shown.press("3")
    shown.shows("BEAT", before)


def test_two_hundred_workers_cost_a_few_percent_of_a_core(settings: Environ, folder: Path, table: Table) -> None:
    peers = installed_peers(("circus",))
    if peers.why:
        table.skip(peers.why)
    with _feed(settings, items=200, workers=200, changes=20, times=2.0):
        ours = _cpu(_OURS, settings, _workers)
        if peers.there:
            with watched(folder / "circus", peers) as command:
                spans = taking_turns({"ours": ours, "circus": _cpu(command, settings, lambda shown: shown.shows("sleeper"))}, _ROUNDS)
            beside = f"circus-top on {PROCESSES} processes"
            table.add(Row("CPU in a second, 200 workers, 20 changed at 2 Hz", "ms", spans["ours"], beside, spans["circus"]))
        else:
            spans = taking_turns({"ours": ours}, _ROUNDS)
    assert statistics.median(spans["ours"]) < 100


def test_an_idle_dashboard_paints_nothing_and_costs_next_to_nothing(settings: Environ, table: Table) -> None:
    def ours() -> float:
        with screen(_OURS, settings) as shown:
            _workers(shown)
            _PAUSE.wait(_SETTLE_SECONDS)
            before = shown.written
            spent = _spent(shown)
            painted.append(shown.written - before)
        return spent

    painted: list[int] = []
    with _feed(settings, items=200, workers=200):
        spans = taking_turns({"ours": ours, "textual": _cpu(_EMPTY, settings, lambda shown: shown.shows("count 0"))}, _ROUNDS)

    table.add(Row("CPU in a second, idle, 200 workers", "ms", spans["ours"], "an empty Textual app", spans["textual"]))
    assert painted == [0] * (_ROUNDS + 1)
    assert statistics.median(spans["ours"]) < 30


# -- keys and logs --------------------------------------------------------------------------------------------------------


def test_a_key_is_answered_at_once_while_ten_thousand_rows_a_second_change(settings: Environ, table: Table) -> None:
    with _feed(settings, items=_IN_A_SNAPSHOT, changes=333, times=30.0):
        spans = taking_turns({"ours": lambda: _slowest(settings, _on_queue), "textual": lambda: _slowest(settings, _on_nothing)}, _ROUNDS)

    what = f"key to answer, p99 of {_PRESSES}, 10,000 changes/s"
    table.add(Row(what, "ms", spans["ours"], "an empty Textual app, no changes", spans["textual"]))
    assert statistics.median(spans["ours"]) < 500


def _slowest(settings: Environ, opened: Callable[[Environ], AbstractContextManager[tuple[Screen, str]]]) -> float:
    """The second slowest answer to `j`, which makes what is shown in one place another thing."""
    with opened(settings) as (shown, pattern):
        spans: list[float] = []
        for _ in range(_PRESSES):
            # At any phase of what goes on inside.
            _PAUSE.wait(random.uniform(0.01, 0.06))
            before, there = shown.written, shown.found(pattern)[-1]
            pressed = shown.press("j")

            def other(before: int = before, there: str = there) -> str | None:
                return next((found for found in shown.found(pattern, before) if found != there), None)

            spans.append((shown.newest(other, "the answer")[0] - pressed) * 1000)
    return sorted(spans)[-2]


@contextmanager
def _on_queue(settings: Environ) -> Iterator[tuple[Screen, str]]:
    with screen(_OURS, settings) as shown:
        shown.shows("(?s)live.*t00")
        before = shown.written
        shown.press("2")
        shown.shows("TITLE", before)
        shown.shows(_CURSOR, before)
        yield shown, _CURSOR


@contextmanager
def _on_nothing(settings: Environ) -> Iterator[tuple[Screen, str]]:
    with screen(_EMPTY, settings) as shown:
        shown.shows("count 0")
        yield shown, "count ([0-9]+) "


def test_a_log_of_a_thousand_lines_a_second_is_followed_for_a_part_of_a_core(settings: Environ, table: Table) -> None:
    def follow(shown: Screen) -> None:
        _workers(shown)
        before = shown.written
        shown.press("\r")
        shown.shows("line [0-9]{7} of what", before)

    with _feed(settings, items=4, workers=4):
        spans = taking_turns(
            {
                "ours": _cpu(_OURS, settings, follow),
                "curses": _cpu(_own("tail_curses", str(LINES_PER_SECOND)), settings, lambda shown: shown.shows("line [0-9]{7} of what")),
            },
            _ROUNDS,
        )

    table.add(Row(f"CPU in a second, {LINES_PER_SECOND:,} lines/s followed", "ms", spans["ours"], "a plain curses loop", spans["curses"]))
    assert statistics.median(spans["ours"]) < 500
