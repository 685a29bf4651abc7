"""What a result consists of: ancestry, commits, changed paths, and lines that look like credentials."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from factory.domain import credentials
from factory.domain.ids import Commit
from factory.domain.inspection import GITLINK, GONE, SYMLINK, Change, Inspection
from factory.errors import BadResult, RepositoryUnavailable
from factory.integrations.git_command import OUTPUT_LIMIT, Ended, GitTimeout, OutputTooLarge, git

INSPECT_SECONDS = 120.0
"""Git diffs the largest result that passes the checks in a second."""
MAX_COMMITS = 1_000
"""Subjects that are read."""
MAX_SECRETS = 100
"""Places that are named; one is enough to stop a result."""
SCAN_LIMIT = 32 * 1024 * 1024
"""Bytes of the diff, six times the largest file allowed. What is larger cannot be looked at and is no result."""
MAX_TARGET = 4_096
"""Bytes of a link's target, as systems allow."""
MAX_LINKS = 50
"""Links whose target is read, one git each; the others count as leading out of the repository."""

_DIFF = ("--no-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none")
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""Git knows them without having them; by the length of a commit's name."""
_HUNK = re.compile(rb"@@ -\d+(?:,(?P<old>\d+))? \+(?P<start>\d+)(?:,(?P<new>\d+))? @@")


@dataclass(frozen=True, slots=True)
class _Raw:
    path: str
    mode: str
    blob: str


def inspect(imported: Path, base: Commit, commit: Commit) -> Inspection:
    """Reads the result; see `ports.Repositories.inspect`."""
    reader = _Reader(imported, base, commit)
    descends = reader.run("merge-base", "--is-ancestor", base, commit).code == 0
    if not descends:
        return Inspection(commit, descends=False, commits=(), changes=(), added_lines=0, secrets=())
    added, binaries = reader.numbers()
    secrets = tuple(reader.secrets())
    return Inspection(commit, descends, reader.subjects(), reader.changes(binaries), added, secrets)


class _Reader:
    """One diff, read in several ways, each bounded."""

    def __init__(self, imported: Path, base: Commit, commit: Commit) -> None:
        self._imported = imported
        self._range = (base, commit)
        # Attributes in the tree could declare every file binary, and so hide lines from the counts.
        self._settings = [f"attr.tree={_EMPTY_TREES[len(commit)]}", "core.quotePath=false"]

    def run(self, *arguments: str, stdin: bytes = b"", limit: int = OUTPUT_LIMIT) -> Ended:
        try:
            return git(self._imported, arguments, timeout=INSPECT_SECONDS, settings=self._settings, stdin=stdin, limit=limit)
        except GitTimeout:
            raise BadResult(f"Reading the result took longer than {INSPECT_SECONDS:g} s.") from None
        except OutputTooLarge:
            raise BadResult(f"The result has more in it than can be looked at ({limit} bytes of git {arguments[0]}).") from None

    def subjects(self) -> tuple[str, ...]:
        base, commit = self._range
        ended = self._must("log", "-z", "--format=%s", f"--max-count={MAX_COMMITS}", f"{base}..{commit}", "--")
        return tuple(reversed([subject for subject in ended.text.split("\0") if subject]))

    def numbers(self) -> tuple[int, frozenset[str]]:
        """Lines added, and the paths of binary files."""
        records = [record.split("\t", 2) for record in self._diff("--numstat", "-z").text.split("\0") if record]
        added = sum(int(lines) for lines, _, _ in records if lines != "-")
        return added, frozenset(path for lines, _, path in records if lines == "-")

    def changes(self, binaries: frozenset[str]) -> tuple[Change, ...]:
        raw = list(_raw_records(self._diff("--raw", "-z", "--no-abbrev").text.split("\0")))
        sizes = self._sizes([entry.blob for entry in raw if entry.mode not in {GONE, GITLINK}])
        links = [entry.blob for entry in raw if entry.mode == SYMLINK and sizes.get(entry.blob, 0) <= MAX_TARGET]
        targets = {blob: self._must("cat-file", "blob", blob).text for blob in links[:MAX_LINKS]}
        return tuple(
            Change(entry.path, entry.mode, sizes.get(entry.blob, 0), entry.path in binaries, targets.get(entry.blob, "")) for entry in raw
        )

    def secrets(self) -> Iterator[str]:
        """`path:line: kind`, of all files as text: a zero byte must not hide a line."""
        patch = self._diff("-p", "-U0", "--text", "--src-prefix=", "--dst-prefix=", limit=SCAN_LIMIT).output
        found = (f"{path}:{line}: {kind}" for path, line, text in added_lines(patch) for kind in credentials.kinds(text))
        for _, place in zip(range(MAX_SECRETS), found, strict=False):
            yield place

    def _sizes(self, blobs: Sequence[str]) -> Mapping[str, int]:
        if not blobs:
            return {}
        asked = "".join(f"{blob}\n" for blob in blobs).encode()
        lines = self._must("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).text.splitlines()
        pairs = (line.split(" ") for line in lines)
        return {blob: int(size) for blob, size in pairs if size.isdigit()}

    def _diff(self, *options: str, limit: int = OUTPUT_LIMIT) -> Ended:
        return self._must("diff-tree", "-r", *_DIFF, *options, *self._range, "--", limit=limit)

    def _must(self, *arguments: str, stdin: bytes = b"", limit: int = OUTPUT_LIMIT) -> Ended:
        ended = self.run(*arguments, stdin=stdin, limit=limit)
        if ended.code < 0:
            raise RepositoryUnavailable(f"git was ended by signal {-ended.code}, so the result cannot be read now.")
        if ended.code != 0:
            raise BadResult(f"The result cannot be read (git {arguments[0]}: {ended.errors.strip()[:200]}).")
        return ended


def added_lines(patch: bytes) -> Iterator[tuple[str, int, str]]:
    """Path, line number and text of each line that a patch without context adds.

    Lines are counted as the hunk's head says, not recognised: an added line may itself look like a head.
    """
    path, lines = "", iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"+++ "):
            path = line[4:].rstrip(b"\t").decode("utf-8", "replace")
        elif hunk := _HUNK.match(line):
            for _ in range(int(hunk["old"] or 1)):
                _next_of_hunk(lines)
            start = int(hunk["start"])
            for number in range(start, start + int(hunk["new"] or 1)):
                yield path, number, _next_of_hunk(lines)[1:].decode("utf-8", "replace")


def _next_of_hunk(lines: Iterator[bytes]) -> bytes:
    line = next(lines, b"")
    # "\ No newline at end of file" belongs to the line before and is not counted.
    return next(lines, b"") if line.startswith(b"\\") else line


def _raw_records(fields: Sequence[str]) -> Iterator[_Raw]:
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        _, mode, _, blob, _ = head.split(" ")
        yield _Raw(path, mode, blob)
