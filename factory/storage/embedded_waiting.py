"""Bounded waiting for another process; it decides no deadline of the domain, so it needs no injected clock."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.01
"""Short beside the 80 ms in which a warm server answers, long beside the cost of one look."""


def wait_until(condition: Callable[[], bool], seconds: float, every: float = POLL_SECONDS) -> bool:
    """True as soon as `condition` holds, False when it did not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True
