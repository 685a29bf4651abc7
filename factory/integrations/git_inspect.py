"""What a result consists of: ancestry, commits, changed paths, and lines that look like credentials.

All commits are looked at, since all are pushed: what one adds and the next deletes can be read by everybody afterwards.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from factory.domain import credentials
from factory.domain.ids import Commit
from factory.domain.inspection import GITLINK, GONE, SYMLINK, Change, Inspection
from factory.errors import BadResult
from factory.integrations.git_patch import added_lines
from factory.integrations.git_reader import MAX_LINKS, Reader, TooMuch

MAX_COMMITS = 1_000
"""Many times what an attempt makes; each costs a diff."""
MAX_SECRETS = 100
"""Places that are named; one is enough to stop a result."""
MAX_SCANNED_BYTES = 8 * 1024 * 1024
"""Of one object that is searched as text, above the largest file that is usually allowed. A bundle of megabytes may hold
gigabytes of zeros, and a diff as text needs them in memory."""
SCAN_LIMIT = 32 * 1024 * 1024
"""Bytes of all patches, and of all messages."""
LISTING_LIMIT = 64 * 1024 * 1024
"""Bytes of the base's listing: half a million files."""

_SHORT = 12
_DIFF = ("--no-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none")
_EACH = ("diff-tree", "--stdin", "-r", "-m", "--root", *_DIFF)
"""Of each commit on stdin with each of its parents."""
_LINK = re.compile(rb"(?:^|\0)120000 blob (?P<blob>[0-9a-f]+)\t(?P<path>[^\0]+)")
_LEFT_OUT = "(a subject that looks as if it held a credential is left out)"


@dataclass(frozen=True, slots=True)
class _Raw:
    path: str
    mode: str
    blob: str
    was: str
    old: str

    @property
    def blobs(self) -> tuple[str, ...]:
        """Those that are in this repository."""
        return tuple(blob for mode, blob in ((self.mode, self.blob), (self.was, self.old)) if mode not in {GONE, GITLINK})


def inspect(imported: Path, base: Commit, commit: Commit, onto: str = "") -> Inspection:
    """Reads the result; see `ports.Repositories.inspect`."""
    reader = Reader(imported, commit)
    if not reader.says_yes("merge-base", "--is-ancestor", base, commit):
        return Inspection(commit, descends=False, commits=(), changes=(), added_lines=0, secrets=())
    public = f"refs/heads/{onto}" if onto else base
    fork = Commit(reader.text("merge-base", public, commit).strip()) if onto else base
    result = _Result(reader, public, fork, commit)
    numbers = result.numbers()
    links, unseen_links = _base_links(reader, fork)
    secrets, unseen_text = result.secrets()
    return Inspection(
        commit,
        descends=True,
        commits=result.subjects(),
        changes=result.changes(numbers),
        added_lines=sum(added for added in numbers.values() if added is not None),
        secrets=secrets,
        passing=result.passing(),
        base_links=links,
        unseen=(*unseen_links, *unseen_text),
        fork=fork,
    )


class _Result:
    """The commits that are not public yet, up to the last one. What is large is known before anything is read as text.

    Args:
        public: what everybody can read already, with its history; `fork`: the commit of it that the last one is compared with.
    """

    def __init__(self, reader: Reader, public: str, fork: Commit, commit: Commit) -> None:
        self._reader = reader
        self._new_commits = f"{public}..{commit}"
        self._ends = (fork, commit)
        self._commits = self._each_commit()
        self._end = list(_raw_records(reader.text("diff-tree", "-r", *_DIFF, "--raw", "-z", "--no-abbrev", *self._ends, "--")))
        self._way = list(dict.fromkeys(_raw_records(self._each("--raw", "-z", "--no-abbrev", "--no-commit-id"))))
        new = reader.text("rev-list", "--objects", self._new_commits, "--").splitlines()
        self._new = [line.split(" ")[0] for line in new]
        raw = [*self._end, *self._way]
        self._sizes = reader.sizes([*self._new, *(blob for entry in raw for blob in entry.blobs)])
        self._targets = reader.targets(entry.blob for entry in raw if entry.mode == SYMLINK)

    def subjects(self) -> tuple[str, ...]:
        subjects = self._reader.text("log", "-z", "--format=%s", self._new_commits, "--").split("\0")
        return tuple(_LEFT_OUT if any(credentials.kinds(each)) else each for each in reversed(subjects) if each)

    def numbers(self) -> Mapping[str, int | None]:
        """Lines added by path, None where the file is binary."""
        output = self._reader.text("diff-tree", "-r", *_DIFF, "--numstat", "-z", *self._ends, "--")
        records = (record.split("\t", 2) for record in output.split("\0") if record)
        return {path: None if lines == "-" else int(lines) for lines, _, path in records}

    def changes(self, numbers: Mapping[str, int | None]) -> tuple[Change, ...]:
        return tuple(self._change(entry, binary=numbers.get(entry.path, 0) is None) for entry in self._end)

    def passing(self) -> tuple[Change, ...]:
        shown = {(entry.path, entry.blob) for entry in self._end}
        return tuple(self._change(entry, binary=False) for entry in self._way if (entry.path, entry.blob) not in shown)

    def secrets(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Places, and what could not be searched: a person looks at that, for it is no credential and no proof of none."""
        read = [*self._new, *(blob for entry in self._way if entry.mode != GONE for blob in entry.blobs)]
        largest = max((self._sizes.get(name, 0) for name in read), default=0)
        if largest > MAX_SCANNED_BYTES:
            return (), (f"an object of {largest} bytes is too large to be searched for credentials",)
        found: dict[str, None] = {}
        try:
            found.update((place, None) for place in islice(self._found(), MAX_SECRETS))
        except TooMuch:
            return tuple(found), (f"there are more than {SCAN_LIMIT} bytes to be searched for credentials",)
        return tuple(found), ()

    def _found(self) -> Iterator[str]:
        # All files as text: a zero byte must not hide a line. What is deleted was public before, or is an earlier commit's.
        options = ("-p", "-U0", "--text", "--irreversible-delete", "--src-prefix=", "--dst-prefix=")
        patches = self._reader.read(*_EACH, *options, stdin=self._commits, limit=SCAN_LIMIT)
        for line in added_lines(patches):
            yield from (f"{line.path}:{line.number} in {line.commit[:_SHORT]}: {kind}" for kind in credentials.kinds(line.text))
        yield from self._found_in_messages()

    def _found_in_messages(self) -> Iterator[str]:
        # As they are stored: names of authors and other headers are pushed as well as the text below them.
        output = self._reader.read("rev-list", "--header", self._new_commits, "--", limit=SCAN_LIMIT)
        for record in output.decode("utf-8", "replace").split("\0"):
            name, _, text = record.partition("\n")
            yield from (f"the message in {name[:_SHORT]}: {kind}" for line in text.split("\n") for kind in credentials.kinds(line))

    def _change(self, entry: _Raw, *, binary: bool) -> Change:
        # A submodule that is gone or became something else is as much of a change to it as a new commit of it.
        mode = GITLINK if entry.was == GITLINK else entry.mode
        size = self._sizes.get(entry.blob, 0)
        return Change(entry.path, mode, size, binary, self._targets.get(entry.blob, ""), was_link=entry.was == SYMLINK)

    def _each_commit(self) -> bytes:
        """As `diff-tree` reads them: each commit, with the parent to compare it with where that is not for all of them."""
        lines = self._reader.read("rev-list", "--parents", f"--max-count={MAX_COMMITS + 1}", self._new_commits, "--").splitlines()
        if len(lines) > MAX_COMMITS:
            raise BadResult(f"The result has more than {MAX_COMMITS} commits.")
        commits = [line.split(b" ") for line in lines]
        new = {commit for commit, *_ in commits}
        return b"".join(_compared(commit, parents, new) for commit, *parents in commits)

    def _each(self, *options: str) -> str:
        return self._reader.text(*_EACH, *options, stdin=self._commits)


def _compared(commit: bytes, parents: Sequence[bytes], new: AbstractSet[bytes]) -> bytes:
    # What a merge takes over from a parent that is public was judged by others. Whatever else is in it differs from that parent.
    public = [parent for parent in parents if parent not in new] if len(parents) > 1 else []
    return b" ".join([commit, *public[-1:]]) + b"\n"


def _base_links(reader: Reader, base: Commit) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Path and target of each symbolic link of the base, and what is to be said where there are too many to know."""
    try:
        listing = reader.read("ls-tree", "-r", "-z", base, limit=LISTING_LIMIT)
    except TooMuch:
        return (), ("the repository has more files than can be searched for links",)
    found = [(match["path"].decode("utf-8", "replace"), match["blob"].decode()) for match in _LINK.finditer(listing)]
    if len(found) > MAX_LINKS:
        return (), (f"the repository has more than {MAX_LINKS} links",)
    targets = reader.targets(blob for _, blob in found)
    return tuple((path, targets.get(blob, "")) for path, blob in found), ()


def _raw_records(output: str) -> Iterator[_Raw]:
    fields: Sequence[str] = output.split("\0")
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        was, mode, old, blob, _ = head.lstrip(":").split(" ")
        yield _Raw(path, mode, blob, was, old)
