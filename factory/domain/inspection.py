"""What git says about a result, and how its gates went: the values that delivery judges."""

from dataclasses import dataclass

from factory.domain.ids import Commit

GONE = "000000"
SYMLINK = "120000"
GITLINK = "160000"
"""Modes of git that say more than the permissions of a file."""


@dataclass(frozen=True, slots=True)
class Change:
    """One path of a result's diff against its base.

    Attributes:
        mode: the new file mode of git, `GONE` where deleted.
        size: bytes, 0 where deleted.
        target: where a symbolic link points to, empty for everything else.
    """

    path: str
    mode: str
    size: int
    binary: bool
    target: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What git says about an imported result, before anything is pushed."""

    commit: Commit
    descends: bool
    """Whether the base commit is an ancestor."""
    commits: tuple[str, ...]
    """Subjects, oldest first."""
    changes: tuple[Change, ...]
    added_lines: int
    secrets: tuple[str, ...]
    """`path:line: kind` of each line added that looks like a credential; never the text itself."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """How one gate went in a verification. `output` is the bounded tail."""

    name: str
    passed: bool
    required: bool
    seconds: float
    output: str
