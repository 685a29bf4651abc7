"""Delivery's side of git, by the user's own git: the adapter of `ports.Repositories`."""

from pathlib import Path

from factory.domain.ids import Commit
from factory.domain.inspection import Inspection
from factory.integrations.git_import import Imports
from factory.integrations.git_inspect import inspect
from factory.integrations.git_mirror import Mirrors
from factory.integrations.git_push import Pusher
from factory.integrations.git_remote import Remotes


class GitRepositories:
    """Mirrors, imports and pushes. May be used by several threads and processes at once.

    Args:
        mirrors: folder of the mirrors; workers of other users read in it.
        imports: folder of the imports; workers that verify read in it. On the same file system as the mirrors objects
            are linked instead of copied.
        remotes: how remotes are reached; without it by the user's own git alone.
    """

    def __init__(self, mirrors: Path, imports: Path, remotes: Remotes = Remotes()) -> None:  # noqa: B008 - frozen
        self._remotes = remotes
        self._mirrors = Mirrors(mirrors, remotes)
        self._imports = Imports(imports, self._mirrors)

    def refresh(self, repo: str, base_branch: str) -> tuple[Path, Commit]:
        return self._mirrors.refresh(repo, base_branch)

    def read(self, repo: str, commit: Commit, path: str) -> str | None:
        return self._mirrors.read(repo, commit, path)

    def import_bundle(self, repo: str, name: str, bundle: Path, commit: Commit) -> Path:
        return self._imports.import_bundle(repo, name, bundle, commit)

    def head(self, repo: str, branch: str) -> Commit | None:
        return self._mirrors.head(repo, branch)

    def inspect(self, imported: Path, base: Commit, commit: Commit, onto: str = "") -> Inspection:
        return inspect(imported, base, commit, onto)

    def push(self, repo: str, imported: Path, commit: Commit, branch: str, expected: Commit | None) -> None:
        Pusher(self._remotes, repo, imported).push(commit, branch, expected)

    def discard(self, name: str) -> None:
        self._imports.discard(name)
