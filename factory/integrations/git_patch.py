"""The patches of several commits, as one text: which lines they add."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HUNK = re.compile(rb"@@ -\d+(?:,(?P<old>\d+))? \+(?P<start>\d+)(?:,(?P<new>\d+))? @@")


class AddedLine(NamedTuple):
    """`number` counts from one, in the file as the commit has it."""

    commit: str
    path: str
    number: int
    text: str


def added_lines(patches: bytes) -> Iterator[AddedLine]:
    """The lines that patches without context add, each patch under the name of its commit.

    Lines are counted as the hunk's head says, not recognised: an added line may itself look like a head.
    """
    commit, path, lines = "", "", iter(patches.split(b"\n"))
    for line in lines:
        if _COMMIT.fullmatch(line):
            commit = line.decode()
        elif line.startswith(b"+++ "):
            path = line[4:].rstrip(b"\t").decode("utf-8", "replace")
        elif hunk := _HUNK.match(line):
            for _ in range(int(hunk["old"] or 1)):
                _next_of_hunk(lines)
            start = int(hunk["start"])
            for number in range(start, start + int(hunk["new"] or 1)):
                yield AddedLine(commit, path, number, _next_of_hunk(lines)[1:].decode("utf-8", "replace"))


def _next_of_hunk(lines: Iterator[bytes]) -> bytes:
    line = next(lines, b"")
    # "\ No newline at end of file" belongs to the line before and is not counted.
    return next(lines, b"") if line.startswith(b"\\") else line
