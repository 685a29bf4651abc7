"""Sites, trials, seeds, and the matrix that is printed at the end."""

import fcntl
import json
import os
import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.faults import matrix
from tests.faults.agents import SPEC
from tests.faults.driver import Trial
from tests.faults.grounds import H, Site
from tests.faults.invariants_outside import descriptors

_MATRIX = "fault matrix"
_SECONDS = 300
_TURN_SECONDS = 600
"""Waiting for one's turn counts too."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: nothing of the faults runs beside it")
    config.addinivalue_line(
        "markers", "scenario(id, name, bound, settings, own_database, link, spends, cases): a scenario of the fault matrix"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if spared := _spared(items):
        config.hook.pytest_deselected(items=[item for item in items if item in spared])
        items[:] = [item for item in items if item not in spared]
    for item in items:
        marker = item.get_closest_marker("timeout")
        own = marker.args[0] if marker else _SECONDS
        item.add_marker(pytest.mark.timeout(own + _TURN_SECONDS), append=False)


def _spared(items: list[pytest.Item]) -> set[pytest.Item]:
    """What a further seed leaves out: all cases but one of its choice, where the case says everything of what is done."""
    cases: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        marker = item.get_closest_marker("scenario")
        if isinstance(item, pytest.Function) and marker and marker.kwargs.get("cases") and "FAULT_SEED" not in os.environ:
            cases.setdefault((item.originalname, cast("int", item.callspec.params["seed"])), []).append(item)
    drawn = {random.Random(f"{seed}-{name}").choice(some) for (name, seed), some in cases.items() if seed > 1}
    return {item for (_, seed), some in cases.items() if seed > 1 for item in some} - drawn


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        chosen = os.environ.get("FAULT_SEED")
        metafunc.parametrize("seed", [int(chosen)] if chosen else range(1, int(os.environ.get("SEEDS", "1")) + 1), ids="seed{}".format)


class Sites:
    """Keeps one site, for as long as the tests that follow want the same one."""

    def __init__(self) -> None:
        self._key: object = None
        self._site: Site | None = None

    def get(self, settings: dict[str, str], *, own_database: bool, link: bool, only_for: str = "") -> Site:
        key = (sorted(settings.items()), own_database, link, only_for)
        if self._site is None or key != self._key:
            self.drop()
            self._key, self._site = key, Site(settings, own_database=own_database, link=link)
        return self._site

    def drop(self, *, keep: bool = False) -> None:
        if self._site is not None:
            site, self._site = self._site, None
            site.keep = keep
            site.close()


@pytest.fixture(scope="session")
def sites() -> Iterator[Sites]:
    sites = Sites()
    yield sites
    sites.drop()


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Runs beside other trials, or with none beside it: then recovery is work of the processor, of which there is little.

    Who is let in waits at the gate for those before it, so a trial that wants to be alone gets its turn.
    """
    with (folder / "faults-gate").open("w") as gate, (folder / "faults-turn").open("w") as inside:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Holds the turn of a test for as long as it runs, be it a trial or not."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with turn(folder, alone=request.node.get_closest_marker("alone") is not None):
        yield


@pytest.fixture
def trial(request: pytest.FixtureRequest, sites: Sites, seed: int, quiet: None) -> Trial:
    marker = request.node.get_closest_marker("scenario")
    given: dict[str, Any] = {"bound": None, "settings": {}, "own_database": False, "link": False, "spends": False, **marker.kwargs}
    only_for = request.node.nodeid if given["spends"] else ""
    site = sites.get(given["settings"], own_database=given["own_database"], link=given["link"], only_for=only_for)
    try:
        site.refresh()
        if not site.descriptors:
            # An item first: who speaks with whom is connected only then, and stays so.
            site.settled(site.submit(site.repo, spec=SPEC))
            site.descriptors = descriptors(site)
    except BaseException:
        sites.drop()
        raise
    return Trial(site, marker.args[0], seed, given["bound"])


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """The checker is part of each scenario; a failure keeps what there is to look at."""
    trial = pyfuncitem.funcargs.get("trial")
    if not isinstance(trial, Trial):
        return (yield from _with_its_lines(pyfuncitem))
    try:
        done = yield
        trial.conclude()
    except BaseException:
        pyfuncitem.add_report_section("call", "schedule", f"{trial.schedule}\ndata folder: {trial.site.folder}")
        sites = cast("Sites", pyfuncitem.funcargs["sites"])
        sites.drop(keep=True)
        _record(pyfuncitem, trial, held=False)
        raise
    _record(pyfuncitem, trial, held=True)
    return done


def _with_its_lines(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    lines = pyfuncitem.funcargs.get("matrix")
    held = False
    try:
        done = yield
        held = True
        return done
    finally:
        if isinstance(lines, matrix.Matrix):
            lines.write(held=held)


def _record(node: pytest.Item, trial: Trial, *, held: bool) -> None:
    marker = node.get_closest_marker("scenario")
    matrix.note(
        node,
        trial.scenario,
        marker.args[1] if marker else node.name,
        took=trial.measured,
        bound=trial.bound,
        held=held,
        seed=trial.seed,
        items=len(trial.items),
        remark=trial.remark,
    )


@pytest.fixture(name="matrix")
def matrix_of(request: pytest.FixtureRequest) -> matrix.Matrix:
    return matrix.Matrix(request.node)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The matrix, a line for each scenario with its worst figure, and the same in a file."""
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    found = matrix.lines_of(reports)
    if not found:
        return
    kills = [report for report in reports if "test_kills.py" in report.nodeid and getattr(report, "when", "") == "call"]
    if getattr(config, "cache", None) is not None:
        path = config.cache.mkdir("faults") / "matrix.json"
        path.write_text(json.dumps(found, indent=1))
        terminalreporter.write_line(f"{_MATRIX} with every seed: {path}")
    terminalreporter.section(f"{_MATRIX}, H = {H:g} s")
    for line in matrix.printed(found):
        terminalreporter.write_line(line)
    if kills:
        passed = sum(report.passed for report in kills)
        terminalreporter.write_line(f"kills at named points: {passed} of {len(kills)} ended in one pull request each")
