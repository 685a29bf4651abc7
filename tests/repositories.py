"""Real repositories for tests: a bare remote, and a worker's clone of it that ends in a bundle."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from factory.domain.ids import Commit, ItemId, branch_of
from factory.protocol.attempt_mail import Result

ITEM = ItemId("0123456789")
_TIMEOUT_SECONDS = 60
_WHO = ("-c", "user.name=Worker", "-c", "user.email=worker@example.org", "-c", "init.defaultBranch=main")


def git(folder: Path, *arguments: str) -> str:
    """Runs git as a user would, and returns what it prints."""
    command = ["git", *_WHO, "-C", str(folder), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@dataclass(frozen=True, slots=True)
class Tree:
    """A repository with a work tree."""

    folder: Path

    def commit(self, files: dict[str, str | bytes], subject: str = "Change") -> Commit:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        git(self.folder, "add", "--all", "--force")
        git(self.folder, "commit", "--quiet", "--message", subject)
        return self.head()

    def head(self) -> Commit:
        return Commit(git(self.folder, "rev-parse", "HEAD"))

    def bundle(self, *revisions: str, name: str = "result.bundle") -> Path:
        path = self.folder.parent / name
        git(self.folder, "bundle", "create", "--quiet", str(path), *revisions)
        return path


@dataclass(frozen=True, slots=True)
class Remote:
    """A bare repository with a first commit on `main`. `tree` is the clone that the first commit came from."""

    bare: Path
    tree: Tree

    @property
    def repo(self) -> str:
        return str(self.bare)

    def push(self, files: dict[str, str | bytes], branch: str = "main") -> Commit:
        """Another commit from somebody else."""
        commit = self.tree.commit(files, "From somebody else")
        git(self.tree.folder, "push", "--quiet", "--force", str(self.bare), f"HEAD:refs/heads/{branch}")
        return commit

    def push_head(self, branch: str) -> None:
        """The commit that is there already, under another name."""
        git(self.tree.folder, "push", "--quiet", "--force", str(self.bare), f"HEAD:refs/heads/{branch}")

    def branches(self) -> dict[str, str]:
        lines = git(self.bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(tuple(line.split(" ")) for line in lines)  # type: ignore[misc] # each line has two words

    def worker(self, folder: Path, item: ItemId = ITEM) -> Tree:
        """A clone on the branch of an item."""
        git(self.bare, "clone", "--quiet", str(self.bare), str(folder))
        git(folder, "checkout", "--quiet", "-b", branch_of(item), "origin/main")
        return Tree(folder)


def make_remote(folder: Path, files: dict[str, str | bytes] | None = None) -> Remote:
    """A remote with one commit."""
    bare, work = folder / "remote.git", folder / "upstream"
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--bare", str(bare))
    git(folder, "init", "--quiet", str(work))
    tree = Tree(work)
    tree.commit(files or {"README.md": "A sample\n"}, "First")
    git(work, "push", "--quiet", str(bare), "HEAD:refs/heads/main")
    return Remote(bare, tree)


def result_of(bundle: Path, commit: Commit, base: Commit) -> Result:
    """The result that a worker would have handed in."""
    data = bundle.read_bytes()
    return Result(str(bundle), hashlib.sha256(data).hexdigest(), len(data), commit, base, commits=1, files_changed=1)
