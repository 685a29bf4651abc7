"""The result as a file: a git bundle from the base to the branch, with what it takes to check and use it."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from worker_agent.git import FETCH_SECONDS, GitFailed
from worker_agent.workspace import NEW_LEARNINGS, Workspace

FILE = "result.bundle"

LEARNINGS_MOST = 50
LEARNING_CHARACTERS = 500
"""Together at most 25,000 characters: they travel in DONE, and each is stored and shown to later agents."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What could steer a terminal or hide text from whoever reviews it."""

_LIST_MARK = re.compile(r"[-*+]\s+")
_HASH_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """`size` in bytes; `sha256` of the file in lower-case hexadecimal."""

    file: str
    sha256: str
    size: int
    commit: str
    commits: int
    files_changed: int
    learnings: tuple[str, ...]


def write_bundle(workspace: Workspace, commit: str, out: Path) -> Result:
    """Writes the bundle of exactly this commit. Raises `GitFailed`."""
    path = out / FILE
    # The engine may have put a link there, which git would follow.
    path.unlink(missing_ok=True)
    reference = f"refs/heads/{workspace.branch}"
    workspace.git("bundle", "create", "--quiet", str(path), f"{workspace.base}..{reference}", timeout=FETCH_SECONDS)
    if workspace.git("rev-parse", reference).strip() != commit:
        raise GitFailed("The branch moved while its gates ran.")
    return Result(
        file=FILE,
        sha256=_digest(path),
        size=path.stat().st_size,
        commit=commit,
        commits=workspace.commits(),
        files_changed=len(workspace.changed_files()),
        learnings=clean_learnings(workspace.note(NEW_LEARNINGS)),
    )


def clean_learnings(text: str) -> tuple[str, ...]:
    """One learning a line, bounded in number and length, without what is not text."""
    lines = (_CONTROL.sub(" ", line).strip() for line in text.split("\n"))
    texts = (_LIST_MARK.sub("", line, count=1).strip() if _LIST_MARK.match(line) else line for line in lines)
    return tuple(text[:LEARNING_CHARACTERS] for text in texts if text)[:LEARNINGS_MOST]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_HASH_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
