"""Runs the repository's gates: in the workspace for feedback, and in verification for the verdict."""

import msgspec

from factory.protocol.worker import GateSpec
from worker_agent.processes import TAIL_BYTES, Command, NotStarted, run
from worker_agent.redaction import Redaction
from worker_agent.worksite import Site


class GateReport(msgspec.Struct, frozen=True):
    """How a gate went. `output` is the bounded tail, `seconds` how long it took, `code` None where it did not end by itself."""

    name: str
    passed: bool
    required: bool
    seconds: float
    output: str
    code: int | None = None

    @property
    def blocks(self) -> bool:
        return self.required and not self.passed


def run_gate(gate: GateSpec, site: Site) -> GateReport:
    """One gate in the clone. A gate that cannot be run is red. Raises `Ended`."""
    command = Command(("/bin/sh", "-c", gate.command), site.folders.repo, site.environment, gate.timeout)
    try:
        finished = run(command, site.contact, site.clock, lambda data: site.contact.log("gate", data))
    except NotStarted as error:
        return GateReport(gate.name, passed=False, required=gate.required, seconds=0.0, output=str(error))
    # Here, since it was cut and goes on as a part of larger texts.
    output = Redaction(site.secrets).tail(finished.output, TAIL_BYTES)
    if finished.timed_out:
        output += f"\nended after {gate.timeout:g} seconds"
    if finished.refused:
        output += f"\n{finished.refused}"
    passed = finished.code == 0 and not finished.timed_out
    code = None if finished.timed_out else finished.code
    return GateReport(gate.name, passed, gate.required, finished.seconds, output, code)


def describe(reports: tuple[GateReport, ...]) -> str:
    """What the next iteration is shown of the gates that block."""
    parts = [f"## {report.name}\n\n```\n{report.output.rstrip()}\n```\n" for report in reports if report.blocks]
    return "# These gates are red on your last commit\n\n" + "\n".join(parts)
