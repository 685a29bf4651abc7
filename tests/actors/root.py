"""A root process with sample actors: `python -m tests.actors.root RUN_DIR SPECS`, the specs as JSON. Ends as its supervisor does."""

import json
import sys
from pathlib import Path
from typing import Any

from actors.launcher import Launcher
from actors.process import ProcessOrder
from actors.supervisor import Supervisor
from factory import logs
from factory.clock import SystemClock
from factory.domain.supervision import ChildSpec, Intensity, Level, Restarts, RetryDelay
from tests.actors.sample import Diary, run_actor


def child(options: dict[str, Any]) -> ChildSpec:
    given = dict(options)
    given["level"] = Level(given.get("level", Level.CORE))
    given["restart"] = Restarts(given.get("restart", Restarts.PERMANENT))
    given["intensity"] = Intensity(*given.get("intensity", (3, 60.0)))
    given["delay"] = RetryDelay(base=0.01)
    return ChildSpec(**{"kind": "plain", **given})


def main(run_dir: Path, specs: list[ChildSpec]) -> int:
    diary = Diary(run_dir / "diary")
    logs.configure("root", file=run_dir / "log", level="DEBUG")

    def order(spec: ChildSpec, argument: bytes) -> ProcessOrder:
        return ProcessOrder(spec.name, spec.kind, run_dir, str(diary.path), argument)

    supervisor = Supervisor(
        specs,
        launcher=Launcher(run_actor, ("tests.actors.sample", "actors.preload")),
        orders=order,
        run_dir=run_dir,
        clock=SystemClock(),
        on_up=lambda: diary.note("up"),
    )
    code = supervisor.run()
    diary.note(supervisor.verdict or "stopped as asked")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [child(options) for options in json.loads(sys.argv[2])]))
