"""What git says about a result, and how its gates went: the values that delivery judges."""

from dataclasses import dataclass

from factory.domain.ids import Commit

GONE = "000000"
SYMLINK = "120000"
GITLINK = "160000"
"""Modes of git that say more than the permissions of a file."""


@dataclass(frozen=True, slots=True)
class Change:
    """One path of a diff.

    Attributes:
        mode: the new file mode of git, `GONE` where deleted, `GITLINK` where a submodule is or was.
        size: bytes, 0 where deleted.
        target: where a symbolic link points to, empty for everything else.
        was_link: whether a symbolic link was there before.
    """

    path: str
    mode: str
    size: int
    binary: bool
    target: str = ""
    was_link: bool = False


@dataclass(frozen=True, slots=True)
class Inspection:
    """What git says about an imported result, before anything is pushed. All of its commits are, not only the last."""

    commit: Commit
    descends: bool
    """Whether the base commit is an ancestor."""
    commits: tuple[str, ...]
    """Subjects, oldest first; those that hold what looks like a credential are left out of it."""
    changes: tuple[Change, ...]
    """Of the last commit against the base."""
    added_lines: int
    secrets: tuple[str, ...]
    """`place in commit: kind` of each line that any of the commits adds or says and that looks like a credential; never
    the text itself."""
    passing: tuple[Change, ...] = ()
    """Of any commit against a parent of it, where the last commit does not show the same."""
    base_links: tuple[tuple[str, str], ...] = ()
    """Path and target of the base's symbolic links."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, a clause each."""
    fork: Commit | None = None
    """The base branch's commit that everything was compared with."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """How one gate went in a verification. `output` is the bounded tail, `code` its exit code, None where it has none."""

    name: str
    passed: bool
    required: bool
    seconds: float
    output: str
    code: int | None = None
