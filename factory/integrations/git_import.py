"""Imports of results: a worker's bundle becomes a bare repository of its own, in which nothing of the worker runs.

A bundle is objects and names of them; configuration, hooks and attributes do not travel in it. So the worker's
`.git` may say what it likes: none of it arrives here. What arrives is checked object by object on its way in.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factory.domain.ids import Commit, branch_of, parse_worker_id
from factory.errors import BadResult, InvalidInput, RepositoryUnavailable
from factory.integrations.bounded_process import Ended
from factory.integrations.git_command import GitTimeout, OutputTooLarge, git
from factory.integrations.git_errors import gist, is_disk_full, plain
from factory.integrations.git_locks import held
from factory.integrations.git_mirror import SHARED_FOLDER, Mirrors

IMPORT_SECONDS = 300.0
"""A bundle of the largest size allowed is unpacked in a tenth of this; a bundle made to be slow is no result."""
MAX_BUNDLE_BYTES = 512 * 1024 * 1024
"""Many times what passes the checks afterwards; a bound on what git is made to read."""
_MAX_HEADER_BYTES = 64 * 1024
_PREREQUISITE = re.compile(rb"-(?P<commit>[0-9a-f]{40}|[0-9a-f]{64})(?: .*)?")
_SETTINGS = ("pack.threads=1",)
"""Not every core for one result."""


class Imports:
    """The imports of this factory, each named by the worker that it came from.

    Args:
        folder: where they are; made when missing.
        mirrors: what the results build on.
    """

    def __init__(self, folder: Path, mirrors: Mirrors) -> None:
        self._folder = folder.absolute()
        self._mirrors = mirrors

    def import_bundle(self, repo: str, name: str, bundle: Path, commit: Commit) -> Path:
        """Imports a bundle; see `ports.Repositories.import_bundle`. A whole import of the same commit is kept."""
        branch, target = _branch(name), self._folder / f"{name}.git"
        _check_file(bundle)
        if _holds(target, branch, commit):
            return target
        self.discard(name)
        with self._passing(target) as fresh:
            self._copy_mirror(repo, fresh)
            _take(fresh, bundle, branch)
            if not _holds(fresh, branch, commit):
                raise BadResult(f"The bundle's {branch} is not at {commit[:12]}, the commit that the worker named.")
            fresh.rename(target)
        return target

    def discard(self, name: str) -> None:
        """Removes an import and what interrupted ones of that name left."""
        _branch(name)
        for left in self._folder.glob(f"{name}.git*"):
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _passing(self, target: Path) -> Iterator[Path]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=SHARED_FOLDER)
        home = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp-", dir=self._folder))
        try:
            yield home / target.name
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _copy_mirror(self, repo: str, fresh: Path) -> None:
        mirror = self._mirrors.path(repo)
        # Shared: a fetch must not remove files that are being copied. Objects are linked, not copied, where that can be.
        with held(self._mirrors.lock(repo), shared=True):
            ended = _git(fresh, "clone", "--quiet", "--bare", "--local", "--template=", "--", str(mirror), str(fresh))
        if ended.code != 0:
            raise RepositoryUnavailable(f"The copy of {plain(repo)} cannot be read (git: {gist(ended.errors)}).")


def _take(fresh: Path, bundle: Path, branch: str) -> None:
    _pin_prerequisites(fresh, bundle)
    _expect(_git(fresh, "bundle", "verify", str(bundle)))
    ref = f"refs/heads/{branch}"
    options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules"]
    # Nothing else of the bundle, whatever names it lists. The mirror may have this branch from an attempt before.
    before = set(_packs(fresh))
    _expect(_git(fresh, "fetch", *options, "--", str(bundle), f"+{ref}:{ref}"))
    # Fetching from a bundle checks nothing but checksums, whatever transfer.fsckObjects says (git before 2.47).
    for pack in set(_packs(fresh)) - before:
        checked = fresh / "checked.idx"
        _expect(_git(fresh, "index-pack", "--strict", "-o", str(checked), str(pack)))
        checked.unlink(missing_ok=True)


def _packs(repository: Path) -> Iterator[Path]:
    return (repository / "objects" / "pack").glob("*.pack")


def _pin_prerequisites(fresh: Path, bundle: Path) -> None:
    # Git wants what a bundle builds on to be reachable. After a forced push to the base branch it is there, but is not.
    for number, commit in enumerate(_prerequisites(bundle)):
        if _git(fresh, "cat-file", "-e", f"{commit}^{{commit}}").code == 0:
            _expect(_git(fresh, "update-ref", f"refs/factory/base/{number}", commit))


def _prerequisites(bundle: Path) -> list[str]:
    with bundle.open("rb") as file:
        header = file.read(_MAX_HEADER_BYTES).split(b"\n\n", 1)[0]
    matches = (_PREREQUISITE.fullmatch(line) for line in header.split(b"\n"))
    return [match["commit"].decode() for match in matches if match]


def _expect(ended: Ended) -> None:
    if ended.code == 0:
        return
    if is_disk_full(ended.errors):
        raise RepositoryUnavailable("The disk is full, so the result cannot be imported.")
    raise BadResult(f"The bundle cannot be imported (git: {gist(ended.errors)}).")


def _holds(repository: Path, branch: str, commit: Commit) -> bool:
    if not (repository / "HEAD").is_file():
        return False
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/heads/{branch}^{{commit}}")
    return found.code == 0 and found.text.strip() == commit


def _git(repository: Path, *arguments: str) -> Ended:
    try:
        return git(repository, arguments, timeout=IMPORT_SECONDS, settings=_SETTINGS)
    except GitTimeout:
        raise BadResult(f"Importing the bundle took longer than {IMPORT_SECONDS:g} s.") from None
    except OutputTooLarge:
        raise BadResult("The bundle has more in it than a result could have.") from None


def _check_file(bundle: Path) -> None:
    try:
        found = os.lstat(bundle)
    except FileNotFoundError:
        raise BadResult("The bundle is not where it was put.") from None
    if not stat.S_ISREG(found.st_mode):
        raise BadResult("The bundle is no regular file.")
    if found.st_size > MAX_BUNDLE_BYTES:
        raise BadResult(f"The bundle has {found.st_size} bytes, {MAX_BUNDLE_BYTES} are allowed.")


def _branch(name: str) -> str:
    lease = parse_worker_id(name)
    if lease is None:
        raise InvalidInput(f"{name[:80]!r} is no name of an import.")
    return branch_of(lease[0])
