"""The system's clocks: the only place that reads them. Tests have a clock of their own that is moved by hand."""

import time

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The adapter of `ports.Clock`. Where the system has a clock that goes on while the machine is suspended, `monotonic` is that one.

    The database's clock goes on too: a gap that only one of the two sees would take leases from workers that slept as well.
    """

    __slots__ = ()

    def monotonic(self) -> float:
        return time.clock_gettime(_MONOTONIC)

    def now(self) -> float:
        return time.time()  # noqa: TID251 - this is the adapter that the ban speaks of
