"""The mirror of a remote: one bare repository with all its branches, brought up to date before each attempt."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from factory.domain import large_files
from factory.domain.ids import Commit
from factory.errors import RepositoryRefused, RepositoryUnavailable
from factory.integrations.bounded_process import Ended
from factory.integrations.git_command import GitTimeout, OutputTooLarge, git
from factory.integrations.git_errors import gist, missing_branch, plain, remote_error
from factory.integrations.git_locks import clear_drafts, clear_stale_locks, held
from factory.integrations.git_remote import Remotes

FETCH_SECONDS = 1_800.0
"""The first fetch of a repository of some gigabytes over a slow line; a dead line ends by lowSpeedTime long before."""
LOCAL_SECONDS = 60.0
"""Reading refs or an object, also on a busy disk."""
MAX_FILE_BYTES = 1_048_576
"""Of a file that is read out of a commit: settings, not data."""
SHARED_FOLDER = 0o711
"""Others may pass to what they know the name of."""

_NAME_DIGITS = 20
_FILE_MODE = "100"
"""How the modes of regular files begin, executable or not."""
_OLD_FLAWS = ("badTimezone", "missingSpaceBeforeDate", "zeroPaddedFilemode", "zeroPaddedDate", "missingEmail")
"""Well-known repositories have such commits from before git refused them. Nothing can be done with them."""
_SETTINGS = [f"fetch.fsck.{flaw}=ignore" for flaw in _OLD_FLAWS]
_BROKEN_MIRROR = ("bad object", "not a git repository", "unable to read", "corrupt", "loose object", "unresolved deltas")


class Mirrors:
    """The mirrors of this factory, each named by the hash of what the user calls the repository.

    Safe to be used by several threads and processes at once.

    Args:
        folder: where they are; made when missing.
        remotes: how they are fetched from.
    """

    def __init__(self, folder: Path, remotes: Remotes = Remotes()) -> None:  # noqa: B008 - frozen
        self._folder = folder.absolute()
        self._remotes = remotes

    def path(self, repo: str) -> Path:
        """Where the mirror of a repository is, or would be."""
        return self._folder / f"{_name(repo)}.git"

    def lock(self, repo: str) -> Path:
        """What is held exclusively to change the mirror, shared to copy from it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=SHARED_FOLDER)
        return self._folder / f"{_name(repo)}.flock"

    def refresh(self, repo: str, base_branch: str) -> tuple[Path, Commit]:
        """Brings the mirror up to date; see `ports.Repositories.refresh`."""
        _refuse_options(repo, base_branch)
        with held(self.lock(repo)):
            mirror = self._fetched(repo)
            commit = _head(repo, mirror, base_branch)
            _refuse_lfs(repo, mirror, commit)
            return mirror, commit

    def read(self, repo: str, commit: Commit, path: str) -> str | None:
        """A text file of a commit; see `ports.Repositories.read`."""
        ended = _local(self.path(repo), "cat-file", "-t", f"{commit}^{{commit}}")
        if ended.code != 0:
            raise RepositoryUnavailable(f"The copy of {plain(repo)} does not hold the commit {commit[:12]} yet.")
        found = _told(repo, _local(self.path(repo), "ls-tree", "-z", commit, "--", path))
        # Only git's word that it is not there counts as that: gates that cannot be read must not be none.
        return _file(repo, self.path(repo), path, found.text) if found.output else None

    def head(self, repo: str, branch: str) -> Commit | None:
        """Where a branch was at the last refresh; see `ports.Repositories.head`."""
        _refuse_options(repo, branch)
        found = _local(self.path(repo), "for-each-ref", "--format=%(refname) %(objectname)", f"refs/heads/{branch}")
        # The pattern also matches what is below it.
        refs = dict(line.split(" ") for line in _told(repo, found).text.splitlines())
        return Commit(refs[f"refs/heads/{branch}"]) if f"refs/heads/{branch}" in refs else None

    def _fetched(self, repo: str) -> Path:
        mirror = self.path(repo)
        if (mirror / "HEAD").is_file():
            clear_stale_locks(mirror)
            ended = self._fetch(repo, mirror)
            if ended.code == 0:
                return mirror
            clear_drafts(mirror)
            if not any(sign in ended.errors for sign in _BROKEN_MIRROR) or not _is_broken(mirror):
                raise remote_error(repo, ended.errors)
        return self._made(repo, mirror)

    def _made(self, repo: str, mirror: Path) -> Path:
        # Under a passing name until it is whole, so that whatever has the real name can be trusted.
        for left in self._folder.glob(f"{mirror.name}.tmp-*"):
            shutil.rmtree(left)
        fresh = Path(tempfile.mkdtemp(prefix=f"{mirror.name}.tmp-", dir=self._folder))
        try:
            fresh.chmod(0o755)
            self._fill(repo, fresh)
            _replace(fresh, mirror)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return mirror

    def _fill(self, repo: str, fresh: Path) -> None:
        made = _local(fresh, "init", "--quiet", "--bare", "--template=")
        if made.code != 0:
            raise remote_error(repo, made.errors)
        ended = self._fetch(repo, fresh)
        if ended.code != 0:
            raise remote_error(repo, ended.errors)

    def _fetch(self, repo: str, mirror: Path) -> Ended:
        # No remote is configured: what is fetched is said here, and nothing of the user's settings for a name applies.
        options = ["--quiet", "--prune", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-gc"]
        words = ["fetch", *options, "--", repo, "+refs/heads/*:refs/heads/*"]
        return self._remotes.run(repo, mirror, words, timeout=FETCH_SECONDS, settings=_SETTINGS)


def _head(repo: str, mirror: Path, branch: str) -> Commit:
    found = _local(mirror, "rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/heads/{branch}^{{commit}}")
    if found.code != 0:
        there = _local(mirror, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/").text.split()
        raise missing_branch(repo, branch, there)
    # What `git clone` checks out by itself; a mirror has no branch of its own that would be the right one.
    if _local(mirror, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").code != 0:
        _local(mirror, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    return Commit(found.text.strip())


def _refuse_lfs(repo: str, mirror: Path, commit: Commit) -> None:
    try:
        found = _local(mirror, *large_files.LOOK, commit, *large_files.WHERE)
    except OutputTooLarge:
        found = Ended(0, b"", "")
    if found.code == 0:
        raise RepositoryRefused(large_files.sentence(plain(repo), found.text))


def _file(repo: str, mirror: Path, path: str, entry: str) -> str:
    mode, _, blob = entry.partition("\t")[0].split(" ")
    if not mode.startswith(_FILE_MODE):
        raise RepositoryRefused(f"{path} of {plain(repo)} is no regular file.")
    try:
        return _told(repo, _local(mirror, "cat-file", "blob", blob)).text
    except OutputTooLarge:
        raise RepositoryRefused(f"{path} of {plain(repo)} is larger than {MAX_FILE_BYTES} bytes.") from None


def _told(repo: str, ended: Ended) -> Ended:
    if ended.code != 0:
        raise RepositoryUnavailable(f"The copy of {plain(repo)} cannot be read (git: {gist(ended.errors)}).")
    return ended


def _is_broken(mirror: Path) -> bool:
    return _local(mirror, "fsck", "--connectivity-only", "--no-dangling", "--no-progress").code != 0


def _local(repository: Path, *arguments: str) -> Ended:
    try:
        return git(repository, arguments, timeout=LOCAL_SECONDS, limit=MAX_FILE_BYTES)
    except GitTimeout:
        raise RepositoryUnavailable(f"git {arguments[0]} took longer than {LOCAL_SECONDS:g} s.") from None


def _replace(fresh: Path, mirror: Path) -> None:
    # A folder cannot be renamed over one that is not empty. In between there is none, which a crash leaves as "to be made".
    if mirror.exists():
        mirror.rename(fresh.with_name(f"{fresh.name}-old"))
    fresh.rename(mirror)
    shutil.rmtree(fresh.with_name(f"{fresh.name}-old"), ignore_errors=True)


def _refuse_options(repo: str, branch: str) -> None:
    if not repo or repo.startswith("-") or "\0" in repo or "\n" in repo:
        raise RepositoryRefused(f"{repo[:80]!r} is no name of a repository.")
    if not branch or branch.startswith("-") or any(letter in branch for letter in " ~^:?*[\\\0\n"):
        raise RepositoryRefused(f"{branch[:80]!r} is no name of a branch.")


def _name(repo: str) -> str:
    return hashlib.sha256(os.fsencode(repo)).hexdigest()[:_NAME_DIGITS]
