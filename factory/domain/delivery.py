"""What follows from a result: the steps of its publication, and whether it may be published at all.

    import ─► check ─► verify ─► push ─► open ─► record ─► over
       └────────┴────────┴────────┴───────┴────► reject ──► over

Every step may be repeated: after a crash a result starts from import again and ends in the same one pull request.
"""

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal, assert_never

from factory.domain.ids import Commit
from factory.domain.inspection import GITLINK, GONE, SYMLINK, Change, Inspection

MAX_EVIDENCE = 4_000
"""Characters of evidence: it is stored with the item, shown on a screen and handed to the next attempt."""
_NAMED = 3
"""Findings named in the sentence; all that fit are in the evidence."""


class Step(StrEnum):
    """Where the publication of a result is."""

    IMPORT = "import"
    CHECK = "check"
    VERIFY = "verify"
    PUSH = "push"
    OPEN = "open"
    RECORD = "record"
    REJECT = "reject"
    OVER = "over"


class StepEnd(StrEnum):
    """How a step ended.

    `AGAIN`: nothing is wrong with the result, the step is repeated. `REFUSED`: the result is no good.
    `STALE`: the lease that it came from is no longer the current one, so nobody wants it.
    """

    PASSED = "passed"
    REFUSED = "refused"
    AGAIN = "again"
    STALE = "stale"


_FORWARD: Mapping[Step, Step] = {
    Step.IMPORT: Step.CHECK,
    Step.CHECK: Step.VERIFY,
    Step.VERIFY: Step.PUSH,
    Step.PUSH: Step.OPEN,
    Step.OPEN: Step.RECORD,
    Step.RECORD: Step.OVER,
    Step.REJECT: Step.OVER,
    Step.OVER: Step.OVER,
}
_LAST = frozenset({Step.RECORD, Step.REJECT, Step.OVER})
"""Here the queue has the word: it takes the message, or the message is repeated."""


def next_step(step: Step, end: StepEnd) -> Step:
    """The step after one that ended so."""
    match end:
        case StepEnd.PASSED:
            return _FORWARD[step]
        case StepEnd.REFUSED:
            return step if step in _LAST else Step.REJECT
        case StepEnd.AGAIN:
            return step
        case StepEnd.STALE:
            return Step.OVER
        case _:
            assert_never(end)


def digest(base: str, commit: str) -> str:
    """Names exactly this result, so that a person's yes to it is no yes to the next one."""
    return hashlib.sha256(f"{base}..{commit}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rules:
    """What a result may contain without a person saying yes.

    Attributes:
        guarded: patterns of paths, of any case; `*` stands for any characters, `/` too. Such files decide what
            runs with other rights than the agent had: workflows, settings of agents, hooks, gates, reviewers.
        max_added_lines: more than a person reads.
        max_file_bytes: of one file.
    """

    guarded: tuple[str, ...] = (
        ".github/workflows/*",
        ".github/actions/*",
        "codeowners",
        ".github/codeowners",
        "docs/codeowners",
        ".claude/*",
        "*/.claude/*",
        ".mcp.json",
        ".factory.toml",
        ".githooks/*",
        ".husky/*",
        ".pre-commit-config.yaml",
        "lefthook.yml",
        ".gitmodules",
    )
    max_added_lines: int = 5_000
    max_files: int = 200
    max_file_bytes: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Clean:
    """The result may be verified and pushed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The result may not be pushed. `agent`: it is no result; `policy`: a person has to say yes to it."""

    failure: Literal["agent", "policy"]
    sentence: str
    evidence: str = ""


def review(inspection: Inspection, rules: Rules, locked_by_others: Mapping[str, str], done_commit: Commit) -> Clean | Problem:
    """Judges a result before anything of it is pushed.

    Args:
        locked_by_others: file → worker of another item that holds it. The diff is the authority, since a shell command
            passes by the hook that asks for locks.
        done_commit: the commit that the worker said it made.
    """
    if fault := _no_result(inspection, done_commit):
        return Problem("agent", fault)
    findings = list(_findings(inspection, rules, locked_by_others))
    if not findings:
        return Clean()
    more = f" and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    sentence = f"A person has to look at it: {'; '.join(findings[:_NAMED])}{more}."
    return Problem("policy", sentence, "\n".join(findings)[:MAX_EVIDENCE])


def _no_result(inspection: Inspection, done_commit: Commit) -> str | None:
    if inspection.commit != done_commit:
        return f"The result is at {inspection.commit[:12]}, not at {done_commit[:12]} as the worker said."
    if not inspection.descends:
        return "The result does not build on the commit that the worker was given."
    if not inspection.commits or not inspection.changes:
        return "The result changes nothing."
    return None


def _findings(inspection: Inspection, rules: Rules, locked_by_others: Mapping[str, str]) -> Iterator[str]:
    for change in inspection.changes:
        yield from _about(change, rules)
        if holder := locked_by_others.get(change.path):
            yield f"{change.path} is locked by {holder}"
    yield from (f"{place} (may be a credential)" for place in inspection.secrets)
    if inspection.added_lines > rules.max_added_lines:
        yield f"{inspection.added_lines} lines are added, {rules.max_added_lines} are allowed"
    if len(inspection.changes) > rules.max_files:
        yield f"{len(inspection.changes)} files are changed, {rules.max_files} are allowed"


def _about(change: Change, rules: Rules) -> Iterator[str]:
    path = change.path.casefold()
    if any(fnmatchcase(path, pattern.casefold()) for pattern in rules.guarded):
        yield f"{change.path} is guarded"
    if change.mode == GITLINK:
        yield f"{change.path} is a submodule"
    if change.mode == SYMLINK and _leaves_the_tree(change):
        yield f"{change.path} is a link out of the repository"
    if change.mode != GONE and change.size > rules.max_file_bytes:
        yield f"{change.path} has {change.size} bytes, {rules.max_file_bytes} are allowed"


def _leaves_the_tree(change: Change) -> bool:
    if not change.target or change.target.startswith("/"):
        return True
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(change.path), change.target))
    return reached.split("/")[0].casefold() in {"..", ".git"}
