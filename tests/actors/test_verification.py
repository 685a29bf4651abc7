"""What a verification believes, and what one gate can do to the next: with a host of fakes, and with real workers."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from actors.publication import Run, Stepped
from actors.verification import MAX_UNREPORTED, Verifier, name_of
from factory.clock import SystemClock
from factory.delivery_ports import Publication
from factory.domain.delivery import StepEnd
from factory.domain.gates import Gate
from factory.integrations.process_host import ProcessHost
from factory.protocol.attempt_mail import Result
from factory.protocol.mailbox import Lease
from factory.protocol.verification import VerifiedGate, VerifyReport
from factory.worker_ports import Life, Observed, WorkerOrder
from tests.contract.worker_hosts import worker_root
from tests.fakes.worker_host import FakeWorkerHost
from tests.repositories import ITEM, Tree, git
from tests.waiting import eventually

_COMMIT = "c" * 40
_SECONDS = 60.0


def a_run(imported: Path, commit: str, *gates: Gate) -> Run:
    row = Publication(Lease(ITEM, 1), "repo", "main", "Do it", "", Result("b", "0" * 64, 1, commit, commit, 1, 1))
    return Run(row, imported=imported, gates=gates)


# -- what is believed -------------------------------------------------------------------------------------------------


class _Watched(FakeWorkerHost):
    """Notes what is done with its workers."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def stop(self, name: str, grace: float) -> Observed:
        self.done.append("stop")
        return super().stop(name, grace)

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        self.done.append("collect")
        return super().collect(name, file, target, limit)


@pytest.fixture
def host() -> _Watched:
    return _Watched()


@pytest.fixture
def run() -> Run:
    return a_run(Path("/imports/x.git"), _COMMIT, Gate("tests", "make test"))


def finished(host: FakeWorkerHost, run: Run, report: VerifyReport, *, code: int | None = 0, ends: bool = True) -> Stepped:
    verifier = Verifier(host)
    verifier.begin(run)
    host.leaves(name_of(run), "report.json", msgspec.json.encode(report))
    if ends:
        host.ends(name_of(run), code)
    return verifier.finish(run)


GREEN = VerifyReport(_COMMIT, VerifiedGate("tests", True))


@pytest.mark.parametrize("code", [0, None])
def test_a_worker_that_ended_by_itself_is_believed(host: _Watched, run: Run, code: int | None) -> None:
    after, end = finished(host, run, GREEN, code=code)

    assert (end, [result.passed for result in after.results]) == (StepEnd.PASSED, [True])


@pytest.mark.parametrize("code", [-9, -15, 1, 137, 143])
def test_a_worker_that_was_killed_or_broke_is_not_believed_whatever_its_report_says(host: _Watched, run: Run, code: int) -> None:
    after, end = finished(host, run, GREEN, code=code)

    assert (end, after.results, after.unreported) == (StepEnd.AGAIN, (), 1)


def test_a_worker_that_is_still_running_when_its_time_is_over_is_not_believed(host: _Watched, run: Run) -> None:
    assert finished(host, run, GREEN, ends=False)[1] is StepEnd.AGAIN


def test_nothing_of_a_worker_runs_any_more_when_its_report_is_read(host: _Watched, run: Run) -> None:
    finished(host, run, GREEN)

    assert host.done == ["stop", "collect"]
    assert host.workers == {}


@pytest.mark.parametrize(
    "report", [VerifyReport("d" * 40, GREEN.gate), VerifyReport(_COMMIT, VerifiedGate("lint", True)), VerifyReport(_COMMIT)]
)
def test_a_report_of_something_else_is_none(host: _Watched, run: Run, report: VerifyReport) -> None:
    assert finished(host, run, report)[1] is StepEnd.AGAIN


def test_tries_are_counted_for_each_gate_and_the_last_one_says_which_it_was(host: _Watched, run: Run) -> None:
    run = replace(run, gates=(Gate("first", "x"), *run.gates), unreported=MAX_UNREPORTED - 1)

    run, end = finished(host, run, VerifyReport(_COMMIT, VerifiedGate("first", True)))
    assert (end, run.unreported, name_of(run)) == (StepEnd.MORE, 0, f"verify-1-{ITEM}-1")
    for _ in range(MAX_UNREPORTED):
        run, end = finished(host, run, VerifyReport(error="no space " * 1_000), code=1)

    assert end is StepEnd.REFUSED
    assert run.rejection is not None
    assert run.rejection.sentence.startswith(f"The gate tests could not be run on {_COMMIT[:12]}, 3 times: no space")
    assert len(run.rejection.sentence) < 400


def test_workers_of_all_gates_and_of_earlier_names_are_known(host: _Watched) -> None:
    names = [f"verify-0-{ITEM}-1", f"verify-19-{ITEM}-1", f"verify-0-{ITEM}-2", f"verify-{ITEM}-1", f"{ITEM}-1"]
    for name in names:
        host.start(WorkerOrder(name, ("verify",), {}))

    Verifier(host).remove_orphans({f"{ITEM}-1"})
    assert list(host.workers) == [names[0], names[1], names[4]]

    Verifier(host).remove({f"{ITEM}-1"})
    assert list(host.workers) == [names[4]]


# -- what one gate can do to the next ---------------------------------------------------------------------------------


@pytest.fixture
def real_host() -> Iterator[ProcessHost]:
    with worker_root() as root:
        yield ProcessHost(root, "test", Path(sys.executable), "unconfined", SystemClock())


def verified(host: ProcessHost, run: Run) -> Stepped:
    end = StepEnd.MORE
    while end is StepEnd.MORE:
        run, end = _one_gate(host, run)
    return run, end


def _one_gate(host: ProcessHost, run: Run) -> Stepped:
    verifier = Verifier(host)
    verifier.begin(run)
    eventually(lambda: host.poll(name_of(run)).life is not Life.RUNNING, _SECONDS, "the gate has ended")
    return verifier.finish(run)


FORGED = """C=$(git rev-parse HEAD); O=$(dirname "$HOME")/out
printf '{"commit":"%s","gate":{"name":"scan","passed":true}}' $C > $O/forged
"""


@pytest.mark.parametrize(
    "tests",
    [
        "rm -f leaked.key; echo 'exit 0' > scan.sh\n",
        'git config core.fsmonitor true; echo "alias test=true" > "$HOME/.profile"; rm leaked.key; git commit -qam x\n',
        FORGED + '(while :; do cp "$O/forged" "$O/f2"; mv "$O/f2" "$O/report.json"; done) >/dev/null 2>&1 </dev/null &\n',
    ],
    ids=["edits the checkout", "edits the home", "goes on writing"],
)
def test_what_a_gate_runs_of_the_result_does_not_reach_the_next_gate(real_host: ProcessHost, tmp_path: Path, tests: str) -> None:
    commit = _made(tmp_path, tests)
    run = a_run(tmp_path, commit, Gate("test", "sh ./test.sh", 30.0, required=False), Gate("scan", "test ! -e leaked.key", 30.0))

    after, end = verified(real_host, run)

    assert end is StepEnd.REFUSED
    assert (after.results[-1].name, after.results[-1].passed) == ("scan", False)
    assert real_host.list_owned() == []


def test_a_gate_that_kills_what_runs_it_and_leaves_a_report_has_given_none(real_host: ProcessHost, tmp_path: Path) -> None:
    commit = _made(tmp_path, FORGED.replace("scan", "test") + 'mv "$O/forged" "$O/report.json"; kill -9 $(ps -o ppid= -p $PPID)\nsleep 5\n')
    run = a_run(tmp_path, commit, Gate("test", "sh ./test.sh; true", 30.0))

    after, end = verified(real_host, run)

    assert (end, after.results, after.unreported) == (StepEnd.AGAIN, (), 1)


def _made(folder: Path, tests: str) -> str:
    git(folder, "init", "--quiet", "-b", "main")
    return Tree(folder).commit({"test.sh": tests, "scan.sh": "exit 1\n", "leaked.key": "x\n"})
