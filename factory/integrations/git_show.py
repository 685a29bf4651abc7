"""What a result changes, as a person reads it: the adapter of `result_ports.ResultReader`.

A result whose bundle is kept is imported beside those that are being published: reading must not be in the way of an approval that
comes meanwhile. One that was published is in the mirror.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factory.domain import credentials
from factory.domain.ids import Commit
from factory.errors import NotFound, Refused, RepositoryUnavailable
from factory.integrations.git_import import Imports
from factory.integrations.git_locks import held
from factory.integrations.git_mirror import Mirrors
from factory.integrations.git_reader import Reader, TooMuch
from factory.integrations.git_remote import Remotes
from factory.protocol.result_mail import MOST_FILES, ShownCommit, ShownFile, ShownResult, ShowResult

PATCH_BYTES = 4 * 1024 * 1024
"""Of a patch that is shown: several times what a person reads; the file of a result may be gigabytes of zeros."""

_MASK = "(a line that looks as if it held a credential is left out)"
_TEXT = ("-M", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--src-prefix=a/", "--dst-prefix=b/")
_COMMIT = "--format=commit %H%nAuthor: %an <%ae>%nDate:   %aI%n%n%w(0,4,4)%B"


class ResultViews:
    """Reads results by git.

    Args:
        mirrors: folder of the mirrors.
        folder: for imports that live as long as one is read; what an earlier process left in it is removed.
        remotes: how a mirror is brought up to date.
    """

    def __init__(self, mirrors: Path, folder: Path, remotes: Remotes = Remotes()) -> None:  # noqa: B008 - frozen
        self._mirrors = Mirrors(mirrors, remotes)
        self._imports = Imports(folder, self._mirrors)
        shutil.rmtree(folder, ignore_errors=True)

    def read(self, asked: ShowResult) -> ShownResult:
        with self._repository(asked) as repository:
            return _shown(Reader(repository, Commit(asked.commit)), asked)

    @contextmanager
    def _repository(self, asked: ShowResult) -> Iterator[Path]:
        bundle, name = Path(asked.bundle), asked.lease.worker
        if not asked.bundle or not bundle.is_file():
            with self._mirrored(asked) as mirror:
                yield mirror
            return
        try:
            yield self._imported(asked, bundle)
        finally:
            self._imports.discard(name)

    def _imported(self, asked: ShowResult, bundle: Path) -> Path:
        take = (asked.repo, asked.lease.worker, bundle, Commit(asked.commit))
        try:
            return self._imports.import_bundle(*take)
        except RepositoryUnavailable:
            # The mirror was removed, or made anew since.
            self._mirrors.refresh(asked.repo, asked.base_branch)
            return self._imports.import_bundle(*take)

    @contextmanager
    def _mirrored(self, asked: ShowResult) -> Iterator[Path]:
        mirror = self._mirrors.path(asked.repo)
        if not _holds(mirror, asked.commit):
            self._mirrors.refresh(asked.repo, asked.base_branch)
        if not _holds(mirror, asked.commit):
            raise NotFound(f"The result of attempt {asked.lease.epoch} of {asked.lease.item} is not kept any more, and is on no branch.")
        with held(self._mirrors.lock(asked.repo), shared=True):
            yield mirror


def _holds(repository: Path, commit: str) -> bool:
    try:
        is_there = (repository / "HEAD").is_file()
        return is_there and Reader(repository, Commit(commit)).says_yes("cat-file", "-e", f"{commit}^{{commit}}")
    except Refused:
        return False


def _shown(reader: Reader, asked: ShowResult) -> ShownResult:
    ends = (asked.base, asked.commit)
    files = _files(reader.text("diff-tree", "-r", "--no-renames", "--numstat", "-z", *ends, "--"))
    patch, too_large = _patch(reader, asked)
    return ShownResult(_commits(reader, *ends), files[:MOST_FILES], len(files), patch, len(patch), too_large)


def _patch(reader: Reader, asked: ShowResult) -> tuple[str, str]:
    """The patch, or why there is none."""
    if asked.commits:
        words = ["log", "--reverse", "-p", "-m", _COMMIT, *_TEXT, f"{asked.base}..{asked.commit}", "--"]
    else:
        words = ["diff-tree", "-p", "-r", *_TEXT, asked.base, asked.commit, "--"]
    try:
        return _masked(reader.read(*words, limit=PATCH_BYTES).decode("utf-8", "replace")), ""
    except TooMuch:
        return "", f"The patch is larger than {PATCH_BYTES // 1_048_576} MB; only its files are told."


def _masked(patch: str) -> str:
    """What looks like a credential is shown nowhere (invariant I8); where it is, the reason of the waiting says."""
    return "\n".join(f"{line[:1]}{_MASK}" if any(credentials.kinds(line)) else line for line in patch.split("\n"))


def _commits(reader: Reader, base: str, commit: str) -> tuple[ShownCommit, ...]:
    lines = reader.text("log", "--reverse", "-z", "--format=%H %s", f"{base}..{commit}", "--").split("\0")
    pairs = (line.partition(" ") for line in lines if line)
    return tuple(ShownCommit(name, _MASK if any(credentials.kinds(subject)) else subject) for name, _, subject in pairs)


def _files(output: str) -> tuple[ShownFile, ...]:
    records = (record.split("\t", 2) for record in output.split("\0") if record)
    return tuple(ShownFile(path, _lines(added), _lines(deleted)) for added, deleted, path in records)


def _lines(text: str) -> int | None:
    return None if text == "-" else int(text)
