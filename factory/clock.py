"""The system's clocks: the only place that reads them. Tests have a clock of their own that is moved by hand."""

import time


class SystemClock:
    """The adapter of `ports.Clock`. On Linux and macOS `monotonic` stands still while the machine is suspended."""

    __slots__ = ()

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()  # noqa: TID251 - this is the adapter that the ban speaks of
