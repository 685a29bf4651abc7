"""A command of the operator's, run once: bounded in time and output, and ended with all that it started."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from factory.integrations.bounded_process import Bounds, Ended, close, collected, kill_group, lifeline

ERROR_LIMIT = 16_384
"""Bytes of stderr that are kept; the rest is read and dropped."""
_WITH_US: Final = """\
{ read -r _ || kill -KILL 0; } 2>/dev/null <"/dev/fd/$0" >/dev/null &
exec "$@"
"""
"""Around the command: its group ends with this process, in whatever way that ends. The first line waits at a pipe whose other end this
process alone holds, and never writes to. It also keeps the group's number from being given to others before the group is killed."""


def run(command: Sequence[str], stdin: bytes, *, folder: Path, environment: Mapping[str, str], timeout: float, limit: int) -> Ended:
    """Runs it in a session of its own. What it leaves running in its process group is ended as well.

    Args:
        timeout: seconds until it is killed.
        limit: bytes of stdout.

    Raises:
        CommandTimeout: it was killed.
        TooMuchOutput: it was killed.
        OSError: it cannot be started.
    """
    bounds = Bounds(time.monotonic() + timeout, limit, ERROR_LIMIT)
    with lifeline() as line:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WITH_US, str(line), *command],
            pass_fds=[line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            return collected(process, stdin, bounds)
        finally:
            # Also after a good end: what it left running would go on unseen.
            kill_group(process)
            close(process)
