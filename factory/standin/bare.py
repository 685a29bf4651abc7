"""Bare repositories: what their branches are, whether two of them merge, and merging them. Run by git itself."""

import subprocess
from pathlib import Path

_SECONDS = 60
_CONFLICT = 1


class Conflict(Exception):
    """The two cannot be merged without a person."""


class Bare:
    """One bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def heads(self) -> dict[str, str]:
        listed = self.git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
        return dict(tuple(line.split(" ")) for line in listed.splitlines())  # type: ignore[misc] # each line has two words

    def is_ancestor(self, older: str, newer: str) -> bool:
        return self._run("merge-base", "--is-ancestor", older, newer).returncode == 0

    def merges(self, base: str, head: str) -> bool:
        try:
            self._tree(base, head)
        except Conflict:
            return False
        return True

    def merged(self, base: str, head: str, message: str, *, who: str, squash: bool) -> str:
        """A commit of both, on no branch yet. Raises `Conflict`."""
        parents = ("-p", base) if squash else ("-p", base, "-p", head)
        identity = ("-c", f"user.name={who}", "-c", f"user.email={who}@users.noreply.github.com")
        return self.git(*identity, "commit-tree", self._tree(base, head), *parents, "-m", message)

    def move(self, branch: str, new: str, old: str) -> None:
        """Raises `subprocess.CalledProcessError` where it is not at `old`."""
        self.git("update-ref", f"refs/heads/{branch}", new, old)

    def commits(self, base: str, head: str) -> list[str]:
        """Of head and not of base, oldest first."""
        return self.git("rev-list", "--reverse", "--max-count=250", f"{base}..{head}").splitlines()

    def commit(self, sha: str) -> dict[str, str]:
        names = ("sha", "tree", "parents", "author", "email", "at", "message")
        values = self.git("show", "--no-patch", "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%B", sha).split("\0")
        return dict(zip(names, values, strict=True))

    def changes(self, base: str, head: str) -> list[tuple[str, int, int]]:
        """Path, lines added, lines removed; from where the two parted."""
        listed = self.git("diff", "--numstat", f"{base}...{head}").splitlines()
        parts = [line.split("\t") for line in listed]
        return [(path, _count(added), _count(removed)) for added, removed, path in parts]

    def resolve(self, name: str) -> str | None:
        """The commit of a branch, tag or (short) id."""
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}")
            if found.returncode == 0:
                return found.stdout.strip()
        return None

    def git(self, *arguments: str) -> str:
        ended = self._run(*arguments)
        if ended.returncode:
            raise subprocess.CalledProcessError(ended.returncode, ended.args, ended.stdout, ended.stderr)
        return ended.stdout.rstrip("\n")

    def _tree(self, base: str, head: str) -> str:
        ended = self._run("merge-tree", "--write-tree", "--allow-unrelated-histories", base, head)
        if ended.returncode == _CONFLICT:
            raise Conflict
        ended.check_returncode()
        return ended.stdout.split("\n", 1)[0]

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", f"--git-dir={self.path}", "-c", "safe.directory=*", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)


def _count(word: str) -> int:
    """Of a binary file git says a dash."""
    return int(word) if word.isdigit() else 0
