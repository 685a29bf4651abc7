"""A root process with sample actors: `python -m tests.actors.root RUN_DIR SPECS OPTIONS`, both as JSON. Ends as its supervisor does."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.launcher import Launcher
from actors.process import ProcessOrder
from actors.supervisor import HEARTBEAT_SECONDS, Supervisor
from factory import logs
from factory.clock import SystemClock
from factory.domain.supervision import POLICIES, ChildSpec, Intensity, Level, LevelPolicy, Restarts, RetryDelay, Strategy
from tests.actors.sample import Diary, run_actor


def child(options: dict[str, Any]) -> ChildSpec:
    given = dict(options)
    given["level"] = Level(given.get("level", Level.CORE))
    given["restart"] = Restarts(given.get("restart", Restarts.PERMANENT))
    given["intensity"] = Intensity(*given.get("intensity", (3, 60.0)))
    given["delay"] = RetryDelay(base=0.01)
    return ChildSpec(**{"kind": "plain", **given})


def policies(given: dict[str, dict[str, Any]]) -> dict[Level, LevelPolicy]:
    """The factory's own, but for what is given by level: a strategy, an intensity, an escalation."""
    changed = {**POLICIES}
    for level, options in given.items():
        parts: dict[str, Any] = {name: Strategy(value) if name == "strategy" else Intensity(*value) for name, value in options.items()}
        changed[Level(level)] = replace(POLICIES[Level(level)], delay=RetryDelay(base=0.01), **parts)
    return changed


def main(run_dir: Path, specs: list[ChildSpec], options: dict[str, Any]) -> int:
    diary = Diary(run_dir / "diary")
    logs.configure("root", file=run_dir / "log", level="DEBUG")

    def order(spec: ChildSpec, argument: bytes) -> ProcessOrder:
        return ProcessOrder(spec.name, spec.kind, run_dir, str(diary.path), argument)

    def up() -> None:
        launcher.keep_spares(options.get("spares", 0))
        diary.note("up")

    launcher = Launcher(run_actor, ("tests.actors.sample", "actors.preload"), spared={"plain"}, yielding={"plain"})
    supervisor = Supervisor(
        specs,
        launcher=launcher,
        orders=order,
        run_dir=run_dir,
        clock=SystemClock(),
        policies=policies(options.get("policies", {})),
        heartbeat=options.get("heartbeat", HEARTBEAT_SECONDS),
        on_up=up,
    )
    code = supervisor.run()
    diary.note(supervisor.verdict or "stopped as asked")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [child(options) for options in json.loads(sys.argv[2])], json.loads(sys.argv[3])))
