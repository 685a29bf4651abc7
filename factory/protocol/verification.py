"""The two files of a verification: what a worker without an agent is given, and what it says.

`verify.json` lies in its `in` folder, `report.json` in its `out` folder when it ends. Both are JSON.
"""

import msgspec

from factory.protocol.worker import GateSpec

ORDER_FILE = "verify.json"
REPORT_FILE = "report.json"
MAX_REPORT_BYTES = 262_144
"""One gate with the end of its output, each character of it escaped."""


class VerifyOrder(msgspec.Struct, frozen=True):
    """Clone `source`, check out exactly `commit`, run the gate, write the report, end.

    One gate, since a gate that runs the result's own code can change whatever the same worker does afterwards.
    """

    source: str
    commit: str
    gate: GateSpec


class VerifiedGate(msgspec.Struct, frozen=True):
    """How the gate went. `output` is the bounded tail, `code` its exit code, None where it was ended or could not be run."""

    name: str
    passed: bool
    required: bool = True
    seconds: float = 0.0
    output: str = ""
    code: int | None = None


class VerifyReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the order's gate came to on `commit`, or one sentence why there is nothing to say about it.

    Written by a process that ran untrusted code.
    """

    commit: str = ""
    gate: VerifiedGate | None = None
    error: str = ""
