"""The seam of repositories: mirrors, imported results, pushes."""

from pathlib import Path
from typing import Protocol

from factory.domain.ids import Commit
from factory.domain.inspection import Inspection


class Repositories(Protocol):
    """Delivery's side of git: mirrors of the remotes, imports of results, pushes. Never runs git in a tree that an agent could write."""

    def refresh(self, repo: str, base_branch: str) -> tuple[Path, Commit]:
        """Brings the mirror up to date and returns it with the base branch's commit.

        Raises `errors.RepositoryUnavailable` (try again) or `errors.RepositoryRefused` (no such repository, branch, or no commit).
        """
        ...

    def read(self, repo: str, commit: Commit, path: str) -> str | None:
        """A text file of a commit in the mirror, None where it is not there."""
        ...

    def import_bundle(self, repo: str, name: str, bundle: Path, commit: Commit) -> Path:
        """Imports a bundle into a fresh bare repository under `name` and returns it. Replaces what an interrupted import left.

        Raises `errors.BadResult` where the bundle is broken or does not hold `commit`.
        """
        ...

    def head(self, repo: str, branch: str) -> Commit | None:
        """Where a branch was when the mirror was brought up to date; None where there was none."""
        ...

    def inspect(self, imported: Path, base: Commit, commit: Commit, onto: str = "") -> Inspection:
        """Reads the result's history and diff in the imported repository.

        Args:
            base: what the result has to build on.
            onto: the base branch, where the result goes on with a branch of its own: all of that branch is read, and what it has merged
                of the base branch is not.
        """
        ...

    def push(self, repo: str, imported: Path, commit: Commit, branch: str, expected: Commit | None) -> None:
        """Pushes with lease: the remote branch must be at `expected` (None: absent) or already at `commit`.

        Raises `errors.RepositoryUnavailable`, or `errors.BranchTaken` where somebody else's commit is there.
        """
        ...

    def discard(self, name: str) -> None:
        """Removes an import."""
        ...
