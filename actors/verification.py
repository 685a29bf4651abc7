"""Verification: the gates, run by a fresh worker without an agent on a clean clone of exactly the result's commit."""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from actors.publication import Rejection, Run, Stepped
from factory.domain.delivery import MAX_EVIDENCE, StepEnd
from factory.domain.gates import Gate
from factory.domain.inspection import GateResult
from factory.errors import NoResult
from factory.ports import Life, Observed, WorkerHost, WorkerOrder
from factory.protocol.verification import MAX_REPORT_BYTES, ORDER_FILE, REPORT_FILE, VerifyOrder, VerifyReport
from factory.protocol.worker import GateSpec

PREFIX = "verify-"
MARGIN_SECONDS = 120.0
"""On top of the gates' own timeouts: to start, to clone, to write the report."""
MAX_UNREPORTED = 3
"""A worker that ends without a report so often does so because of what it runs, not because of the machine."""
_GRACE_SECONDS = 1.0
"""Nothing in such a worker is worth waiting for."""
_OUTPUT_SHOWN = 3_000
"""Characters of the end of a gate's output: what the next attempt needs to see is there."""


class Verifier:
    """Makes, watches and removes the workers that verify. `begin` and `finish` take long, `poll` does not."""

    def __init__(self, host: WorkerHost) -> None:
        self._host = host

    def begin(self, run: Run) -> Observed:
        """Makes the worker, or finds the one that was made before a restart."""
        source = run.imported or Path("/")
        order = VerifyOrder(str(source), run.commit, specs(run.gates))
        return self._host.start(
            WorkerOrder(
                name=name_of(run),
                arguments=("verify",),
                files={ORDER_FILE: msgspec.json.encode(order)},
                readable=(source,),
            )
        )

    def is_over(self, run: Run, now: float) -> bool:
        """Whether it is time to `finish`: the worker has ended, or had its time."""
        late = run.verify_until is not None and now >= run.verify_until
        return late or self._host.poll(name_of(run)).life is not Life.RUNNING

    def finish(self, run: Run) -> Stepped:
        """Reads the report and removes the worker."""
        name = name_of(run)
        seen = self._host.poll(name)
        report = self._report(name)
        self.remove(name)
        results = _results(report, run)
        if results is None:
            return _without_report(run, report.error or _end_of(seen))
        run = replace(run, results=results, verify_until=None)
        red = [gate for gate in results if gate.required and not gate.passed]
        return run.refused(_red(run, red)) if red else (run, StepEnd.PASSED)

    def remove(self, name: str) -> None:
        """Ends the worker and what it left. Nothing happens where there is none."""
        self._host.stop(name, _GRACE_SECONDS)
        self._host.remove(name)

    def remove_orphans(self, wanted: Iterable[str]) -> None:
        """Removes workers of verifications that nobody waits for any more."""
        kept = set(wanted)
        for seen in self._host.list_owned():
            if seen.name.startswith(PREFIX) and seen.name not in kept:
                self.remove(seen.name)

    def _report(self, name: str) -> VerifyReport:
        with tempfile.TemporaryDirectory(prefix="factory-report-") as folder:
            target = Path(folder) / REPORT_FILE
            try:
                self._host.collect(name, REPORT_FILE, target, MAX_REPORT_BYTES)
                return msgspec.json.decode(target.read_bytes(), type=VerifyReport)
            except (NoResult, msgspec.DecodeError):
                return VerifyReport()


def name_of(run: Run) -> str:
    return f"{PREFIX}{run.row.name}"


def specs(gates: Iterable[Gate]) -> tuple[GateSpec, ...]:
    """Gates as they travel."""
    return tuple(GateSpec(gate.name, gate.command, gate.timeout, gate.required) for gate in gates)


def time_limit(gates: Iterable[Gate]) -> float:
    """Seconds that a verification may take."""
    return MARGIN_SECONDS + sum(gate.timeout for gate in gates)


def _results(report: VerifyReport, run: Run) -> tuple[GateResult, ...] | None:
    """How the gates went, None unless the report tells it of each of them on exactly this commit."""
    said = report.gates or ()
    if report.commit != run.commit or [gate.name for gate in said] != [gate.name for gate in run.gates]:
        return None
    return tuple(
        GateResult(gate.name, one.passed, gate.required, one.seconds, one.output[-_OUTPUT_SHOWN:])
        for gate, one in zip(run.gates, said, strict=True)
    )


def _end_of(seen: Observed) -> str:
    return seen.reason or (f"it ended with {seen.code}" if seen.code is not None else "it did not end in time")


def _without_report(run: Run, why: str) -> Stepped:
    run = replace(run, unreported=run.unreported + 1, verify_until=None)
    if run.unreported < MAX_UNREPORTED:
        return run, StepEnd.AGAIN
    return run.refused(Rejection("gate", f"The gates could not be run on {run.commit[:12]}, {run.unreported} times: {why}"))


def _red(run: Run, red: list[GateResult]) -> Rejection:
    names = ", ".join(gate.name for gate in red)
    noun = "gate" if len(red) == 1 else "gates"
    outputs = "\n\n".join(f"== {gate.name}: failed after {gate.seconds:.1f} s\n{gate.output}" for gate in red)
    return Rejection("gate", f"Required {noun} red on {run.commit[:12]}: {names}.", outputs[-MAX_EVIDENCE:])
