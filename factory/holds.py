"""Points at which a test holds a process still, to kill it exactly there. Idle unless FACTORY_HOLD_DIR is set."""

import os
import time
from pathlib import Path

VARIABLE = "FACTORY_HOLD_DIR"
MAX_HOLD_SECONDS = 60.0
"""A test that was itself killed must not leave a process that waits for ever."""
_POLL_SECONDS = 0.01


def reached(point: str) -> None:
    """Waits here while `<folder>/hold-<point>` exists; says so by making `<folder>/at-<point>-<pid>`."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    hold = Path(folder) / f"hold-{point}"
    if not hold.exists():
        return
    (Path(folder) / f"at-{point}-{os.getpid()}").touch()
    deadline = time.monotonic() + MAX_HOLD_SECONDS
    while hold.exists() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
