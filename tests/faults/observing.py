"""An observer in a process of its own, so that it can be stopped. Run as `python observing.py RUN_DIR HEARTBEAT STATE_FILE`.

What it holds is written to the file after each change, and at least every heartbeat.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from factory.protocol.feed import Snapshot
from factory.transport.feed_subscriber import FeedSubscriber

_MOST_AT_ONCE = 1_000


def main(run_dir: Path, heartbeat: float, file: Path) -> None:
    began = time.monotonic()
    subscriber = FeedSubscriber(run_dir, heartbeat)
    state: dict[str, Any] = {"items": {}, "snapshots": 0, "updates": 0, "painted": None, "live": False}
    while True:
        update = subscriber.poll(heartbeat)
        taken = 0
        while update is not None and taken < _MOST_AT_ONCE:
            taken += 1
            if isinstance(update, Snapshot):
                state["items"] = {row["id"]: row for row in update.items}
                state["snapshots"] += 1
                state["painted"] = state["painted"] or time.monotonic() - began
            elif update.kind == "item":
                state["items"][update.id] = update.data
            update = subscriber.poll(0)
        state["updates"] += taken
        state["live"] = subscriber.live
        new = file.with_suffix(".new")
        new.write_text(json.dumps(state, default=str))
        new.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
