"""A result's import, read by git: every question bounded in time, output and memory."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from factory.domain.ids import Commit
from factory.errors import BadResult
from factory.integrations.bounded_process import Ended
from factory.integrations.git_command import OUTPUT_LIMIT, GitTimeout, OutputTooLarge, git

INSPECT_SECONDS = 120.0
"""Git diffs the largest result that passes the checks in a second."""
MAX_TARGET = 4_096
"""Bytes of a link's target, as systems allow."""
MAX_LINKS = 10_000
"""Links whose target is read."""
_TARGETS_LIMIT = MAX_LINKS * (MAX_TARGET + 128)

_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""Git knows them without having them; by the length of a commit's name."""


class TooMuch(Exception):
    """There is more of it than is read."""


class Reader:
    """Git on one import."""

    def __init__(self, imported: Path, commit: Commit) -> None:
        self._imported = imported
        # Attributes in the tree could declare every file binary, and so hide lines from the counts.
        self._settings = [f"attr.tree={_EMPTY_TREES[len(commit)]}", "core.quotePath=false"]

    def says_yes(self, *arguments: str) -> bool:
        """A question that git answers with its exit code."""
        ended = self._run(arguments, b"", OUTPUT_LIMIT)
        if ended.code not in {0, 1}:
            raise _unreadable(arguments, ended)
        return ended.code == 0

    def read(self, *arguments: str, stdin: bytes = b"", limit: int = OUTPUT_LIMIT) -> bytes:
        """What git prints. Raises `TooMuch`."""
        ended = self._run(arguments, stdin, limit)
        if ended.code != 0:
            raise _unreadable(arguments, ended)
        return ended.output

    def text(self, *arguments: str, stdin: bytes = b"") -> str:
        """What git prints, where a result for which that is too much is none."""
        try:
            return self.read(*arguments, stdin=stdin).decode("utf-8", "replace")
        except TooMuch:
            raise BadResult(f"The result has more in it than can be looked at ({OUTPUT_LIMIT} bytes of git {arguments[0]}).") from None

    def sizes(self, objects: Iterable[str]) -> Mapping[str, int]:
        """Bytes of each object that is there."""
        asked = "".join(f"{name}\n" for name in dict.fromkeys(objects)).encode()
        if not asked:
            return {}
        lines = self.text("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).splitlines()
        pairs = (line.split(" ") for line in lines)
        return {name: int(size) for name, size in pairs if size.isdigit()}

    def targets(self, links: Iterable[str]) -> Mapping[str, str]:
        """Where links point to, by their blobs; without those that are longer than any system takes, or too many."""
        sizes = self.sizes(links)
        fit = [blob for blob, size in sizes.items() if size <= MAX_TARGET][:MAX_LINKS]
        asked = "".join(f"{blob}\n" for blob in fit).encode()
        output = self.read("cat-file", "--batch", stdin=asked, limit=_TARGETS_LIMIT) if fit else b""
        found, place = {}, 0
        for blob in fit:
            place = output.index(b"\n", place) + 1
            found[blob] = output[place : place + sizes[blob]].decode("utf-8", "replace")
            place += sizes[blob] + 1
        return found

    def _run(self, arguments: tuple[str, ...], stdin: bytes, limit: int) -> Ended:
        try:
            return git(self._imported, arguments, timeout=INSPECT_SECONDS, settings=self._settings, stdin=stdin, limit=limit)
        except GitTimeout:
            raise BadResult(f"Reading the result took longer than {INSPECT_SECONDS:g} s.") from None
        except OutputTooLarge:
            raise TooMuch from None


def _unreadable(arguments: tuple[str, ...], ended: Ended) -> BadResult:
    return BadResult(f"The result cannot be read (git {arguments[0]}: {ended.errors.strip()[:200]}).")
