"""Whether the work moves: the counter that beats carry, and the rules by which an attempt is stuck (pure)."""

import hashlib
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_WATCH_STEP_MS = 200
"""Between two looks of the watcher: beats carry its count, and they leave each second at most."""

_FINGERPRINT_LINES = 20
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{7,64}\b|\d+(?:\.\d+)*")
"""Addresses, object names, numbers and times differ from run to run of the same error."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one iteration came to. `moved`: a new commit that ticked a box, or, with none left to tick, a new commit.

    Attributes:
        fingerprint: of the error that it ended with, empty where it ended well.
        told: that error for a person, a clause such as "the gate test was red"; empty where it ended well.
    """

    moved: bool
    fingerprint: str = ""
    told: str = ""


def stuck_reason(turns: tuple[Turn, ...], limit: int) -> str | None:
    """Why it is no use going on, as a sentence; None while it is. `limit` is the number of turns in a row."""
    last = turns[-limit:]
    if limit < 1 or len(last) < limit:
        return None
    in_the_last = f"; in the last one {last[-1].told}" if last[-1].told else ""
    if not any(turn.moved for turn in last):
        return f"{limit} iterations in a row brought no commit that ticks a box{in_the_last}."
    if last[0].fingerprint and len({turn.fingerprint for turn in last}) == 1:
        return f"{limit} iterations in a row ended with the same error{in_the_last}."
    return None


def fingerprint(source: str, output: str) -> str:
    """The same for the same error: of who failed, and of the last lines without what varies."""
    lines = [line.strip() for line in output.splitlines() if line.strip()][-_FINGERPRINT_LINES:]
    plain = _VARYING.sub("#", "\n".join(lines))
    return hashlib.sha256(f"{source}\n{plain}".encode(errors="replace")).hexdigest()


def watch(folder: Path, moved: Callable[[], None], leave: threading.Event) -> threading.Thread:
    """Calls `moved` from a thread of its own whenever files below the folder change, until `leave` is set."""
    thread = threading.Thread(target=_watch, args=(folder, moved, leave), name="watcher", daemon=True)
    thread.start()
    return thread


def _watch(folder: Path, moved: Callable[[], None], leave: threading.Event) -> None:
    # Here, so that the import costs the start of a worker nothing.
    import watchfiles  # noqa: PLC0415

    # It tells of each change, and the watched program makes many.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    try:
        for _changes in watchfiles.watch(
            folder, stop_event=leave, debounce=_WATCH_STEP_MS, step=_WATCH_STEP_MS // 4, raise_interrupt=False
        ):
            moved()
    except (OSError, RuntimeError) as error:
        # Out of inotify watches, or a file system without them: output and commits still count as progress.
        _log.warning("cannot watch the workspace: %s", error)
