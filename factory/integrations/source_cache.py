"""What a host keeps of the repositories that its workers work on: one bare repository each, filled by bundles of what was lacking.

A second worker of the same repository so costs the difference. What was not used for longest is dropped when there are too many.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from factory.errors import HostUnavailable, NoSpace
from factory.full_disk import unstored
from factory.integrations.bounded_process import Ended
from factory.integrations.git_command import GitTimeout, git
from factory.integrations.git_errors import gist, is_disk_full
from factory.integrations.git_locks import clear_drafts, clear_stale_locks, held
from factory.protocol.host import MAX_HAVES

_FETCH_SECONDS = 1_800.0
_LOOK_SECONDS = 60.0
_KEPT = "refs/sources/"
_MOST_REPOSITORIES = 30
_SHARED = 0o711
_NEW = ".new-"


class SourceCache:
    """Safe to be used by several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: str) -> Path:
        """Where the repository of a key is, or would be; workers read it."""
        return self._folder / f"{key}.git"

    def holds(self, key: str, commits: Sequence[str]) -> bool:
        """Whether all of these are here, with their history."""
        repository = self.path(key)
        if not (repository / "HEAD").is_file():
            return False
        names = [f"{_KEPT}{commit}" for commit in commits]
        found = self._run(repository, "for-each-ref", "--format=%(refname)", *names).text.split()
        return set(names) <= set(found)

    def haves(self, key: str) -> tuple[str, ...]:
        """Commits that are here, the newest first."""
        repository = self.path(key)
        if not (repository / "HEAD").is_file():
            return ()
        found = self._run(repository, "for-each-ref", "--sort=-committerdate", f"--count={MAX_HAVES}", "--format=%(objectname)", _KEPT)
        return tuple(found.text.split())

    def take(self, key: str, bundle: Path, commits: Sequence[str]) -> None:
        """Adds a bundle. Raises `HostUnavailable` where it does not hold what it should, or cannot be stored."""
        try:
            with held(self._lock(key)):
                repository = self._made(key)
                clear_stale_locks(repository)
                clear_drafts(repository)
                wanted = [f"+refs/heads/source-{commit}:{_KEPT}{commit}" for commit in commits]
                options = ["--quiet", "--no-write-fetch-head", "--no-tags", "--no-auto-gc"]
                ended = self._run(repository, "fetch", *options, "--", str(bundle), *wanted, seconds=_FETCH_SECONDS)
                if ended.code != 0:
                    clear_drafts(repository)
                    raise _refused("The sources that came are not whole", ended)
        except OSError as error:
            raise unstored("The sources cannot be stored", error) from error

    def used(self, key: str) -> None:
        """Notes that a worker reads it, and drops what was not read for longest."""
        os.utime(self.path(key))
        others = sorted(self._folder.glob("*.git"), key=lambda path: path.stat().st_mtime)
        for old in others[:-_MOST_REPOSITORIES]:
            shutil.rmtree(old, ignore_errors=True)

    def _lock(self, key: str) -> Path:
        self._folder.mkdir(mode=_SHARED, parents=True, exist_ok=True)
        return self._folder / f"{key}.flock"

    def _made(self, key: str) -> Path:
        repository = self.path(key)
        if not (repository / "HEAD").is_file():
            self._make(repository)
        return repository

    def _make(self, repository: Path) -> None:
        """Under a passing name until it is whole: nothing can take the place of a folder with half of one in it."""
        for left in self._folder.glob(f"{repository.stem}{_NEW}*"):
            shutil.rmtree(left)
        fresh = Path(tempfile.mkdtemp(prefix=f"{repository.stem}{_NEW}", dir=self._folder))
        try:
            fresh.chmod(0o755)
            made = self._run(fresh, "init", "--quiet", "--bare", "--template=")
            if made.code != 0:
                raise _refused("The sources cannot be stored", made)
            fresh.replace(repository)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _run(self, repository: Path, *arguments: str, seconds: float = _LOOK_SECONDS) -> Ended:
        try:
            return git(repository, arguments, timeout=seconds)
        except GitTimeout:
            raise HostUnavailable(f"git {arguments[0]} took longer than {seconds:g} s.") from None


def _refused(what: str, ended: Ended) -> HostUnavailable:
    full = is_disk_full(ended.errors)
    return NoSpace("The sources cannot be stored: the disk is full.") if full else HostUnavailable(f"{what} (git: {gist(ended.errors)}).")
