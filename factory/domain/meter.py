"""What a worker uses of its machine, out of counts that are read now and then. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """One reading.

    Attributes:
        at: seconds on the clock of who counts; only differences mean anything.
        cpu_seconds: of all its processes since it began, so those of two processors in one second are two.
        memory: bytes that it would not give back by itself, so without files that are merely kept in memory.
        memory_limit: bytes at which it is ended; 0 where nobody limits it.
        pids: processes and threads there are now.
    """

    at: float
    cpu_seconds: float
    memory: int
    memory_limit: int
    pids: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What observers are shown. `cpu` is in processors, on average since the reading before; the rest as in `Counts`, at the last one."""

    cpu: float
    memory: int
    memory_limit: int
    pids: int


def between(before: Counts | None, now: Counts | None) -> Figures | None:
    """None where two readings of the same worker say nothing of the time between them."""
    if before is None or now is None or now.at <= before.at or now.cpu_seconds < before.cpu_seconds:
        return None
    cpu = (now.cpu_seconds - before.cpu_seconds) / (now.at - before.at)
    return Figures(round(cpu, _CPU_DIGITS), now.memory, now.memory_limit, now.pids)


_CPU_DIGITS = 3
"""A thousandth of a processor is noise already."""
