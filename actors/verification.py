"""Verification: each gate run by a fresh worker without an agent, on a clean clone of exactly the result's commit.

One worker per gate: what one gate runs of the result's own code must not reach the checkout, the home or the report of the
next one, which may be a scan that the result has no say in.
"""

import re
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from actors.publication import Rejection, Run, Stepped
from actors.way_out import WayOutTerms
from factory.domain.delivery import MAX_EVIDENCE, StepEnd
from factory.domain.gates import Gate
from factory.domain.hosts import LOCAL
from factory.domain.inspection import GateResult
from factory.errors import HostUnavailable, NoResult
from factory.protocol.verification import MAX_REPORT_BYTES, ORDER_FILE, REPORT_FILE, VerifyOrder, VerifyReport
from factory.protocol.worker import GateSpec
from factory.worker_ports import Isolation, Life, Observed, WorkerHost, WorkerOrder

PREFIX = "verify-"
MARGIN_SECONDS = 120.0
"""On top of the gate's own timeout: to start, to clone, to write the report."""
MAX_UNREPORTED = 3
"""After so many workers that ended without a report another attempt is made. Nobody knows whether what they ran or the machine ended
them, so it is nobody's fault, and setbacks bound it."""
_GRACE_SECONDS = 1.0
"""Nothing in such a worker is worth waiting for."""
_OUTPUT_SHOWN = 3_000
"""Characters of the end of a gate's output: what the next attempt needs to see is there."""
_ERROR_SHOWN = 300
"""Characters of a worker's own sentence."""

_NAME = re.compile(rf"{PREFIX}\d+-(?P<of>[a-z0-9]+-\d+)")


class Verifier:
    """Makes, watches and removes the workers that verify. `begin` and `finish` take long, `is_over` does not.

    Args:
        way_out: what they are told of it, where they have no network of their own.
    """

    def __init__(self, host: WorkerHost, way_out: WayOutTerms | None = None) -> None:
        self._host, self._way_out = host, way_out

    def begin(self, run: Run) -> Observed:
        """Makes the worker of the run's next gate, or finds the one that was made before a restart."""
        source = run.repository
        order = VerifyOrder(str(source), run.commit, spec(run.gate))
        out = self._way_out
        return self._host.start(
            WorkerOrder(
                name=name_of(run),
                arguments=("verify",),
                files={ORDER_FILE: msgspec.json.encode(order)} | (out.file(name_of(run), model=False) if out else {}),
                readable=(source, *(out.readable if out else ())),
            )
        )

    def objection(self, run: Run) -> str:
        """Why no gate of this result may be run here, empty where they may.

        Whatever its own machine kept from it, the code of a result must not come by way of its gates: they run on this machine, wherever
        the work was done, since a host is believed nothing about other results than that it made them.
        """
        row, here = run.row, self._host.isolation
        if row.host in {"", LOCAL} or here is not Isolation.UNCONFINED or row.isolation in {"", Isolation.UNCONFINED}:
            return ""
        return (
            f"Its worker on {row.host} was kept from that machine ({row.isolation}), and its gates would run unconfined on this one: see "
            "isolation in `factory doctor`, mend that, start the factory again, and approve the result."
        )

    def is_over(self, run: Run, now: float) -> bool:
        """Whether it is time to `finish`: the worker has ended, or had its time."""
        late = run.verify_until is not None and now >= run.verify_until
        try:
            return late or self._host.poll(name_of(run)).life is not Life.RUNNING
        except HostUnavailable:
            # A host that is away says nothing about its workers.
            return False

    def finish(self, run: Run) -> Stepped:
        """Ends the worker, reads its report and removes it; judges the result after the last gate."""
        name = name_of(run)
        seen = self._host.poll(name)
        # Before the report is read: what the gate left running could still write it anew.
        self._host.stop(name, _GRACE_SECONDS)
        report = self._report(name)
        self._host.remove(name)
        result = _result(report, run) if _has_ended_well(seen) else None
        if result is None:
            return _without_report(run, report.error[:_ERROR_SHOWN] or _end_of(seen))
        run = replace(run, results=(*run.results, result), unreported=0, verify_until=None)
        return (run, StepEnd.MORE) if len(run.results) < len(run.gates) else _judged(run)

    def remove(self, workers: Collection[str]) -> None:
        """Removes what verifies the results of these workers, of whichever gate."""
        self._remove_if(lambda of: of in workers)

    def remove_orphans(self, wanted: Collection[str]) -> None:
        """Removes what verifies the results of any but these workers: nobody waits for it any more."""
        self._remove_if(lambda of: of not in wanted)

    def _remove_if(self, is_over: Callable[[str], bool]) -> None:
        for seen in self._host.list_owned():
            if seen.name.startswith(PREFIX) and is_over(_worker_of(seen.name)):
                self._host.stop(seen.name, _GRACE_SECONDS)
                self._host.remove(seen.name)

    def _report(self, name: str) -> VerifyReport:
        with tempfile.TemporaryDirectory(prefix="factory-report-") as folder:
            target = Path(folder) / REPORT_FILE
            try:
                self._host.collect(name, REPORT_FILE, target, MAX_REPORT_BYTES)
                return msgspec.json.decode(target.read_bytes(), type=VerifyReport)
            except (NoResult, msgspec.DecodeError):
                return VerifyReport()


def name_of(run: Run) -> str:
    """Of the worker of the gate that is the run's next."""
    return f"{PREFIX}{len(run.results)}-{run.row.name}"


def _worker_of(name: str) -> str:
    """The worker whose result is verified; empty for a name that nobody gives any more."""
    match = _NAME.fullmatch(name)
    return match["of"] if match else ""


def spec(gate: Gate) -> GateSpec:
    """A gate as it travels."""
    return GateSpec(gate.name, gate.command, gate.timeout, gate.required)


def specs(gates: Iterable[Gate]) -> tuple[GateSpec, ...]:
    return tuple(spec(gate) for gate in gates)


def time_limit(gate: Gate) -> float:
    """Seconds that the verification of one gate may take."""
    return MARGIN_SECONDS + gate.timeout


def _has_ended_well(seen: Observed) -> bool:
    """Whether it came to its end by itself. A gate that kills the process beside it must not speak in its name.

    No code where another process of the factory made the worker, and so none can be had.
    """
    return seen.life is Life.EXITED and seen.code in {0, None}


def _result(report: VerifyReport, run: Run) -> GateResult | None:
    """How the gate went, None unless the report tells of this gate on exactly this commit."""
    said, gate = report.gate, run.gate
    if said is None or (report.commit, said.name) != (run.commit, gate.name):
        return None
    return GateResult(gate.name, said.passed, gate.required, said.seconds, said.output[-_OUTPUT_SHOWN:], said.code)


def _end_of(seen: Observed) -> str:
    return seen.reason or (f"it ended with {seen.code}" if seen.code is not None else "it did not end in time")


def _without_report(run: Run, why: str) -> Stepped:
    run = replace(run, unreported=run.unreported + 1, verify_until=None)
    if run.unreported < MAX_UNREPORTED:
        return run, StepEnd.AGAIN
    sentence = f"The gate {run.gate.name} could not be run on {run.commit[:12]}, {run.unreported} times: {why}"
    return run.refused(Rejection("infra", sentence))


def _judged(run: Run) -> Stepped:
    red = [gate for gate in run.results if gate.required and not gate.passed]
    return run.refused(_red(run, red)) if red else (run, StepEnd.PASSED)


def _red(run: Run, red: list[GateResult]) -> Rejection:
    names = ", ".join(gate.name for gate in red)
    noun = "gate" if len(red) == 1 else "gates"
    outputs = "\n\n".join(f"== {gate.name}: failed after {gate.seconds:.1f} s\n{gate.output}" for gate in red)
    return Rejection("gate", f"Required {noun} red on {run.commit[:12]}: {names}.", outputs[-MAX_EVIDENCE:])
