"""The raw output of an agent in the worker's out-folder, bounded, so that a person can look at what a log folds away."""

import os
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024
"""Of one iteration: what is behind it is the end of a long run, whose log has it in short."""

MAX_KEPT = 20
"""Iterations; older ones go, so that a long attempt does not fill the disk."""


class Transcript:
    """One iteration's file. A disk that is full must not end the work: it fails by itself soon enough."""

    def __init__(self, folder: Path, number: int) -> None:
        self._path = folder / f"transcript-{number}.jsonl"
        self._left = MAX_BYTES
        # The agent may have left a link under the name.
        for path in (self._path, folder / f"transcript-{number - MAX_KEPT}.jsonl"):
            path.unlink(missing_ok=True)

    def add(self, line: bytes) -> None:
        """A line without its end. The first that does not fit ends the file."""
        if len(line) >= self._left:
            self._left = 0
            return
        self._left -= len(line) + 1
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError:
            self._left = 0
            return
        with os.fdopen(descriptor, "wb") as file:
            file.write(line + b"\n")
