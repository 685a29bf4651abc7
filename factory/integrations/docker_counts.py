"""What the engine counts of a container, in both layouts of the kernel's control groups."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from factory.domain.meter import Counts

_NANO = 1_000_000_000
_NOT_COUNTED = "0001-"
"""Of a container that does not run: the engine answers with zeros, at its zero of time."""
_KEPT_FILES = ("total_inactive_file", "inactive_file")
"""Of the first layout and of the second. What was read from disk and not lately used: the kernel takes it back before it ends anybody."""


def counts(told: Mapping[str, Any]) -> Counts | None:
    """Of an answer to `GET /containers/ID/stats`; None where the container does not run.

    A kernel may lack the controller of any of them: what is not counted is 0.
    """
    read, memory = str(told.get("read") or _NOT_COUNTED), told.get("memory_stats") or {}
    if read.startswith(_NOT_COUNTED):
        return None
    cpu = (told.get("cpu_stats") or {}).get("cpu_usage") or {}
    details = memory.get("stats") or {}
    kept = next((details[name] for name in _KEPT_FILES if name in details), 0)
    return Counts(
        at=moment(read),
        cpu_seconds=cpu.get("total_usage", 0) / _NANO,
        memory=max(memory.get("usage", 0) - kept, 0),
        memory_limit=memory.get("limit", 0),
        pids=(told.get("pids_stats") or {}).get("current", 0),
    )


def moment(text: str) -> float:
    """Unix seconds. The engine tells nine digits of a second, of which Python reads six."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)).timestamp()
