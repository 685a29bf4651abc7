"""The two files of a verification: what a worker without an agent is given, and what it says.

`verify.json` lies in its `in` folder, `report.json` in its `out` folder when it ends. Both are JSON.
"""

import msgspec

from factory.protocol.worker import GateSpec

ORDER_FILE = "verify.json"
REPORT_FILE = "report.json"
MAX_REPORT_BYTES = 1_048_576
"""Twenty gates with the ends of their output."""


class VerifyOrder(msgspec.Struct, frozen=True):
    """Clone `source`, check out exactly `commit`, run the gates one after the other, write the report, end."""

    source: str
    commit: str
    gates: tuple[GateSpec, ...]


class VerifiedGate(msgspec.Struct, frozen=True):
    """How one gate went. `output` is the bounded tail."""

    name: str
    passed: bool
    required: bool = True
    seconds: float = 0.0
    output: str = ""


class VerifyReport(msgspec.Struct, frozen=True):
    """What all of the order's gates came to on `commit`, or one sentence why there is nothing to say about it.

    Written by a process that ran untrusted code.
    """

    commit: str = ""
    gates: tuple[VerifiedGate, ...] | None = None
    error: str = ""
