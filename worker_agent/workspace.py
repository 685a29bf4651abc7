"""The clone that the engine works in, and the files beside its own that tell it what to do."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from factory.domain.learning import quoted
from factory.domain.spec import MAX_SPEC_BYTES, Spec, parse_spec
from factory.protocol.worker import Assign
from worker_agent.folders import Folders
from worker_agent.git import Git, GitFailed, fetch_commit

IDENTITY = "factory"
GATE_FAILURE = "gate-failure.md"
LEARNINGS = "learnings.md"
NEW_LEARNINGS = "new-learnings.md"
NOTES = "notes.md"
PREVIOUS = "previous-attempt.md"
SPEC = "SPEC.md"
STUCK = "stuck.md"

_NOTES = (".ai", ".factory", ".factory-notes", ".factory-agent")
"""Folders for notes: the first, unless the repository uses that or SPEC.md itself, else the first that it does not use."""

NOTE_BYTES = 64 * 1024
"""What is read of a note that the engine wrote."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where the clone stands: `head` is its commit, `on_branch` whether that is the branch, `clean` whether git sees no change."""

    head: str
    on_branch: bool
    clean: bool


@dataclass(frozen=True, slots=True)
class Workspace:
    """The clone. `spec` and `notes` are kept out of commits; where the repository has such names itself, they go elsewhere."""

    repo: Path
    spec: Path
    notes: Path
    branch: str
    base: str
    git: Git

    def look(self) -> Snapshot:
        """Raises `GitFailed` where the clone is none any more."""
        lines = self.git("status", "--porcelain=v2", "--branch").splitlines()
        told = dict(line.removeprefix("# branch.").split(" ", 1) for line in lines if line.startswith("# branch."))
        changed = any(not line.startswith("#") for line in lines)
        return Snapshot(told["oid"], told["head"] == self.branch, not changed)

    def commits(self) -> int:
        """On the branch since the base."""
        return int(self.git("rev-list", "--count", f"{self.base}..refs/heads/{self.branch}"))

    def changed_files(self) -> tuple[str, ...]:
        """Between the base and the branch."""
        names = self.git("diff", "--name-only", "-z", "--no-renames", self.base, f"refs/heads/{self.branch}")
        return tuple(name for name in names.split("\0") if name)

    def submodules(self) -> tuple[str, ...]:
        """Their paths, as the base commit has them. They stay empty folders: a worker has no right to fetch from elsewhere."""
        try:
            listed = self.git("config", f"--blob={self.base}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$")
        except GitFailed:
            return ()  # there is no such file, or it is none that git can read
        return tuple(line.partition(" ")[2] for line in listed.splitlines())

    def read_spec(self) -> Spec:
        """As it stands now. A spec that is gone has no ticked box."""
        return parse_spec(_read(self.spec, 2 * MAX_SPEC_BYTES))

    def note(self, name: str) -> str:
        """A file that the engine may have written, empty where it has not."""
        return _read(self.notes / name, NOTE_BYTES)

    def leave(self, name: str, text: str) -> None:
        """A file for the engine; empty text removes it."""
        path = self.notes / name
        if path.is_symlink() or not text:
            path.unlink(missing_ok=True)
        if text:
            self.notes.mkdir(exist_ok=True)
            path.write_text(text, "utf-8", errors="replace")


def noted(notes: Sequence[str]) -> str:
    """The file of what operators had to say, the latest last; empty where they said nothing."""
    return "".join(f"{text}\n\n" for text in ("# Notes of the operator, the latest last", *notes)) if notes else ""


def prepare(assign: Assign, folders: Folders, git: Git) -> Workspace:
    """Clones and lays out. What an agent before left in the same folder is replaced.

    Args:
        git: runs in `folders.repo`, which this makes.

    Raises:
        GitFailed: the source cannot be cloned.
    """
    shutil.rmtree(folders.repo, ignore_errors=True)
    folders.repo.mkdir()
    git("init", "--quiet", "--template=", f"--initial-branch={assign.branch}")
    fetch_commit(git, assign.source, assign.base_commit)
    git("reset", "--quiet", "--hard", assign.base_commit)
    if assign.merge_commit:
        fetch_commit(git, assign.source, assign.merge_commit)
        # By the name that everybody knows it by, though there is no remote.
        git("update-ref", f"refs/remotes/origin/{assign.base_branch}", assign.merge_commit)
    with (folders.repo / ".git" / "config").open("a") as config:
        config.write(f"[user]\n\tname = {IDENTITY}\n\temail = {IDENTITY}@localhost\n")
    workspace = _lay_out(assign, folders.repo, git)
    _write_notes(assign, workspace)
    return workspace


def _lay_out(assign: Assign, repo: Path, git: Git) -> Workspace:
    own = git("ls-tree", "--name-only", assign.base_commit, "--", SPEC, *_NOTES).split()
    apart = SPEC in own or _NOTES[0] in own
    notes = repo / next(name for name in (_NOTES[1:] if apart else _NOTES) if name not in own)
    spec = notes / SPEC if apart else repo / SPEC
    notes.mkdir(exist_ok=True)
    exclude = repo / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("".join(f"/{path.relative_to(repo).as_posix()}\n" for path in (spec, notes)))
    return Workspace(repo, spec, notes, assign.branch, assign.base_commit, git)


def _write_notes(assign: Assign, workspace: Workspace) -> None:
    workspace.spec.write_text(assign.spec, "utf-8")
    workspace.leave(LEARNINGS, quoted(assign.learnings))
    workspace.leave(PREVIOUS, assign.previous)


def _read(path: Path, limit: int) -> str:
    # The engine may have put anything there: a folder, a pipe that never ends, a link to a device.
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(limit).decode("utf-8", errors="replace")
