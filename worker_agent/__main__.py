"""`python -m worker_agent run` and `... verify`, started by a host inside a worker's own folder.

Exit status: 0 the outcome is stored (run) or reported (verify), 1 broken, 2 wrong use, 3 stopped by the factory or the
lease is over, 4 rejected, 5 nobody answered, 143 terminated.
"""

import argparse
import logging
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from worker_agent.folders import Folders


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()  # noqa: TID251 - this is the adapter that the ban speaks of


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="worker_agent", description="Runs beside a coding agent inside a worker.")
    parser.add_argument("mode", choices=("run", "verify"), help="work on an assignment, or check a commit")
    mode = parser.parse_args(arguments).mode
    _harden()
    # The time and the worker's name stand in the host's records of this stream already.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    folders = Folders(Path(os.environ.get("FACTORY_WORKER_DIR") or Path.cwd()).resolve())
    folders.make()
    # Either alone: verification needs no socket, and the import of one is half of its start.
    if mode == "verify":
        from worker_agent.verify import run_verification  # noqa: PLC0415

        return run_verification(folders, SystemClock())
    from worker_agent.agent import run_agent  # noqa: PLC0415

    return run_agent(folders, SystemClock())


def _harden() -> None:
    """What the worker sets for itself; limits on memory, processes and files are the host's."""
    # A core file would hold whatever the repository's programs had in memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
