"""Bundles of sources for hosts elsewhere: what of a mirror a host lacks, in one file that git reads like a remote.

A bundle is made of names, and the commit that an attempt begins with may have none in the mirror by now, which moves on. So each is made
in a passing repository that borrows the mirror's objects; nothing is written into the mirror, and the same question finds the same file.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from factory.errors import NoSpace, RepositoryUnavailable
from factory.full_disk import unstored
from factory.host_ports import Parcel
from factory.integrations.bounded_process import Ended
from factory.integrations.git_command import GitTimeout, git
from factory.integrations.git_errors import gist, is_disk_full, plain
from factory.integrations.git_locks import held
from factory.integrations.git_mirror import Mirrors
from factory.ports import Clock

_PACK_SECONDS = 1_800.0
_LOOK_SECONDS = 60.0
_OLD_SECONDS = 3_600.0
"""Since a bundle was asked for last. It can be made again."""
_DRAFT = "draft"
_REFERENCE = "refs/heads/source-"


class GitParcels:
    """The adapter of `host_ports.Sources`. Safe to be used by several threads.

    Args:
        folder: where bundles lie until nobody asks for them any more.
    """

    def __init__(self, mirrors: Mirrors, folder: Path, clock: Clock) -> None:
        self._mirrors, self._folder, self._clock = mirrors, folder, clock

    def pack(self, repo: str, commits: Sequence[str], haves: Sequence[str]) -> Parcel:
        mirror = self._mirrors.path(repo)
        known = self._known(mirror, haves)
        name = hashlib.sha256("\n".join([repo, *commits, "", *known]).encode()).hexdigest()[:32]
        path, told = self._folder / f"{name}.bundle", self._folder / f"{name}.sha256"
        if not told.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with held(self._mirrors.lock(repo), shared=True):
                self._make(repo, mirror, commits, known, path)
            _leave(told, _sha256(path))
        now = self._clock.now()
        os.utime(path, (now, now))
        return Parcel(path, path.stat().st_size, told.read_text("ascii"))

    def tidy(self) -> None:
        for path in self._folder.glob("*"):
            if path.is_dir():
                self._tidy_draft(path)
                continue
            bundle = path.with_suffix(".bundle")
            if not bundle.exists() or bundle.stat().st_mtime < self._clock.now() - _OLD_SECONDS:
                path.unlink(missing_ok=True)
                bundle.with_suffix(".sha256").unlink(missing_ok=True)

    def _tidy_draft(self, folder: Path) -> None:
        """Somebody makes a bundle in it, or was killed at that."""
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < self._clock.now() - _OLD_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def _known(self, mirror: Path, haves: Sequence[str]) -> list[str]:
        """Those that are commits here too: what a host has of a branch that was rewritten since helps nobody."""
        asked = "".join(f"{have}\n" for have in haves)
        if not asked:
            return []
        found = _run(mirror, ["cat-file", "--batch-check"], _LOOK_SECONDS, asked.encode())
        return sorted(line.split(" ")[0] for line in found.text.splitlines() if line.split(" ")[1:2] == ["commit"])

    def _make(self, repo: str, mirror: Path, commits: Sequence[str], known: Sequence[str], path: Path) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix=f"{path.stem}.", dir=self._folder) as folder:
                ended = _bundled(mirror, Path(folder), commits, known)
                if ended.code != 0 and is_disk_full(ended.errors):
                    raise NoSpace(f"The sources of {plain(repo)} cannot be packed: the disk is full.")
                if ended.code != 0:
                    raise RepositoryUnavailable(f"The sources of {plain(repo)} cannot be packed (git: {gist(ended.errors)}).")
                (Path(folder) / _DRAFT).replace(path)
        except OSError as error:
            raise unstored(f"The sources of {plain(repo)} cannot be stored", error) from error


def _bundled(mirror: Path, folder: Path, commits: Sequence[str], known: Sequence[str]) -> Ended:
    """A repository that has the mirror's objects and names of its own. Git writes the file itself: it is never in memory."""
    names = folder / "names.git"
    _run(names, ["init", "--quiet", "--bare", "--template="], _LOOK_SECONDS)
    (names / "objects" / "info").mkdir(exist_ok=True)
    (names / "objects" / "info" / "alternates").write_text(f"{mirror / 'objects'}\n")
    for commit in commits:
        named = _run(names, ["update-ref", f"{_REFERENCE}{commit}", commit], _LOOK_SECONDS)
        if named.code != 0:
            return named
    wanted = [*(f"{_REFERENCE}{commit}" for commit in commits), *(f"^{have}" for have in known)]
    return _run(names, ["bundle", "create", "--quiet", str(folder / _DRAFT), *wanted], _PACK_SECONDS)


def _run(mirror: Path, arguments: list[str], seconds: float, stdin: bytes = b"") -> Ended:
    try:
        return git(mirror, arguments, timeout=seconds, stdin=stdin)
    except GitTimeout:
        raise RepositoryUnavailable(f"git {arguments[0]} took longer than {seconds:g} s.") from None


def _leave(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text, "ascii")
    draft.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
