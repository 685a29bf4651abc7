"""The worker's own folder, and the environment of what runs in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from worker_agent.sweep import MARK

_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Folders:
    """What the host prepared: `inbox` is read, `out` is collected, the rest goes away with the worker."""

    root: Path

    @property
    def inbox(self) -> Path:
        return self.root / "in"

    @property
    def repo(self) -> Path:
        return self.root / "work" / "repo"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    def make(self) -> None:
        """Creates what the host has left to us."""
        for folder in (self.repo.parent, self.out, self.home, self.tmp):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def environment(self, worker: str) -> dict[str, str]:
        """For the repository's own programs: a list of what is allowed, since whatever else is set may be a secret."""
        return {
            "PATH": os.environ.get("PATH", _DEFAULT_PATH),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "TERM": os.environ.get("TERM", "dumb"),
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            MARK: worker,
        }
