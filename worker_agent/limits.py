"""What the kernel refused a container's programs: counters that tell an agent's own failure from one for lack of memory or processes.

    cgroup v2   /sys/fs/cgroup/memory.events (oom_kill)              pids.events (max)
    cgroup v1   /sys/fs/cgroup/memory/memory.oom_control (oom_kill)  pids/pids.events (max)

Only inside a container do these files speak of the worker alone. Elsewhere they are not there, or speak of the whole machine: what
they count then is said as what it is, and decides nothing.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_KILLS = ("memory.events", "memory/memory.oom_control"), "oom_kill"
_REFUSALS = ("pids.events", "pids/pids.events"), "max"
_MEMORY_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
_PIDS_LIMITS = ("pids.max", "pids/pids.max")
_UNLIMITED_BYTES = 2**60
_MB = 1024**2


@dataclass(frozen=True, slots=True)
class Refused:
    """So far: processes that were ended for lack of memory, and those that were not started since there were too many."""

    killed: int = 0
    not_started: int = 0


def refused(root: Path = ROOT) -> Refused:
    return Refused(_count(root, *_KILLS), _count(root, *_REFUSALS))


def since(before: Refused, root: Path = ROOT) -> str:
    """What was refused since then, as a sentence without a full stop; empty where nothing was."""
    now = refused(root)
    told = []
    if now.killed > before.killed:
        told.append(f"ran out of memory{_of(_limit(root, _MEMORY_LIMITS) // _MB, 'MB')}: the kernel killed what used most of it")
    if now.not_started > before.not_started:
        told.append(f"reached its limit of processes{_of(_limit(root, _PIDS_LIMITS), 'at once')}")
    return f"the worker {' and '.join(told)}" if told else ""


def _of(limit: int, unit: str) -> str:
    return f" ({limit} {unit})" if limit else ""


def _count(root: Path, files: tuple[str, ...], name: str) -> int:
    for line in _read(root, files).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0


def _limit(root: Path, files: tuple[str, ...]) -> int:
    """0 where there is none."""
    text = _read(root, files).strip()
    return int(text) if text.isdecimal() and int(text) < _UNLIMITED_BYTES else 0


def _read(root: Path, files: tuple[str, ...]) -> str:
    for file in files:
        try:
            return (root / file).read_text("ascii", errors="replace")
        except OSError:
            continue
    return ""
