"""Pushes: one branch, with a lease on what is expected there, repeatable after a lost answer."""

import re
from dataclasses import dataclass
from pathlib import Path

from factory.domain.ids import Commit
from factory.errors import BranchTaken, RepositoryRefused
from factory.integrations.bounded_process import Ended
from factory.integrations.git_errors import gist, plain, remote_error
from factory.integrations.git_remote import Remotes

PUSH_SECONDS = 600.0
"""A result is small, but the remote's hooks may take their time."""
LOOK_SECONDS = 60.0

_OPTIONS = ("--quiet", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no")
"""Whatever the user set for pushes by hand; `--quiet` still lists what was refused."""
_SAID_NO = re.compile(r"\[remote rejected\]|pre-receive hook declined|protected branch|GH\d{3}:")
_PASSING_NO = re.compile(r"failed to update ref|cannot lock ref|unpacker error|unable to migrate")
"""Refusals that are about the moment and not about the commit."""
_LEASE_LOST = re.compile(r"\[rejected\]|stale info|cannot lock ref")


@dataclass(frozen=True, slots=True)
class Pusher:
    """Pushes from one imported repository to one remote."""

    remotes: Remotes
    repo: str
    imported: Path

    def push(self, commit: Commit, branch: str, expected: Commit | None) -> None:
        """Pushes with lease; see `ports.Repositories.push`.

        The imported repository's own configuration was written by us, and a push from a bare repository reads no
        attributes and runs no filters; so the user's configuration, needed to reach the remote, may be used here.
        """
        there = self._head(branch)
        if there == commit:
            return  # an earlier push whose answer was lost, or that nobody lived to note
        if there != expected:
            raise _taken(self.repo, branch, there)
        ref = f"refs/heads/{branch}"
        lease = f"--force-with-lease={ref}:{expected or ''}"
        ended = self._run(PUSH_SECONDS, "push", *_OPTIONS, lease, "--", self.repo, f"{commit}:{ref}")
        if ended.code != 0:
            self._explain(commit, branch, ended)

    def _explain(self, commit: Commit, branch: str, ended: Ended) -> None:
        """Returns where the commit arrived all the same, and raises what the failure means otherwise."""
        said = f"{ended.text}\n{ended.errors}"
        if _LEASE_LOST.search(said):
            there = self._head(branch)
            if there == commit:
                return
            raise _taken(self.repo, branch, there)
        if _SAID_NO.search(said) and not _PASSING_NO.search(said):
            raise RepositoryRefused(f"{plain(self.repo)} does not take {branch}: {gist(_refusal(said))}.")
        raise remote_error(self.repo, ended.errors)

    def _head(self, branch: str) -> Commit | None:
        ref = f"refs/heads/{branch}"
        ended = self._run(LOOK_SECONDS, "ls-remote", "--quiet", "--", self.repo, ref)
        if ended.code != 0:
            raise remote_error(self.repo, ended.errors)
        # The pattern also matches refs that end so, such as refs/heads/other/refs/heads/<branch>.
        heads = (line.split("\t") for line in ended.text.splitlines())
        return next((Commit(head) for head, name in heads if name == ref), None)

    def _run(self, seconds: float, *arguments: str) -> Ended:
        return self.remotes.run(self.repo, self.imported, arguments, timeout=seconds)


def _refusal(said: str) -> str:
    # The remote's own words come before git's summary and tell more.
    words = [line.removeprefix("remote:").strip() for line in said.splitlines() if line.startswith("remote:")]
    return " ".join(word for word in words if word) or said


def _taken(repo: str, branch: str, there: Commit | None) -> BranchTaken:
    where = f"is at {there[:12]}, a commit that the factory did not expect there" if there else "was deleted meanwhile"
    return BranchTaken(f"The branch {branch} of {plain(repo)} {where}.", there or "")
