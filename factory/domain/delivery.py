"""What follows from a result: the steps of its publication, and whether it may be published at all.

    import ─► check ─► verify ─► push ─► open ─► record ─► over
       └────────┴────────┴────────┴───────┴────► reject ──► over

Every step may be repeated: after a crash a result starts from import again and ends in the same one pull request.
"""

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Mapping
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
_MAX_NAMES = 64
"""Of one file; a repository has a handful of links to one place."""


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

    `MORE`: a part of the step is done, and it goes on with the next. `AGAIN`: nothing is wrong with the result, the step
    is repeated after a while. `REFUSED`: the result is no good.
    `STALE`: the lease that it came from is no longer the current one, so nobody wants it.
    """

    PASSED = "passed"
    MORE = "more"
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
        case StepEnd.AGAIN if step is Step.OPEN:
            # The branch may have been moved or deleted while nobody could open anything.
            return Step.PUSH
        case StepEnd.MORE | StepEnd.AGAIN:
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
    names = _Names(inspection.base_links)
    found = dict.fromkeys(finding for change in inspection.changes for finding in _about(change, rules, names))
    yield from found
    yield from (f"{change.path} is locked by {holder}" for change in inspection.changes if (holder := locked_by_others.get(change.path)))
    # What the last commit no longer shows is pushed with it: a workflow runs from any commit, a secret is read in any.
    passing = dict.fromkeys(finding for change in inspection.passing for finding in _about(change, rules, names))
    yield from (f"{finding} in an earlier commit" for finding in passing if finding not in found)
    yield from (f"{place} (may be a credential)" for place in inspection.secrets)
    yield from inspection.unseen
    if inspection.added_lines > rules.max_added_lines:
        yield f"{inspection.added_lines} lines are added, {rules.max_added_lines} are allowed"
    if len(inspection.changes) > rules.max_files:
        yield f"{len(inspection.changes)} files are changed, {rules.max_files} are allowed"


def _about(change: Change, rules: Rules, names: "_Names") -> Iterator[str]:
    leads_on = change.was_link or change.mode in {SYMLINK, GITLINK}
    patterns = [pattern.casefold() for pattern in rules.guarded]
    guarded = (name for name in names.of(change.path) if any(_matches(name, pattern, leads_on=leads_on) for pattern in patterns))
    if (name := next(guarded, None)) is not None:
        yield f"{change.path} is guarded" if name == change.path.casefold() else f"{change.path} is guarded as {name}"
    if change.mode == GITLINK:
        yield f"{change.path} is a submodule"
    if change.mode == SYMLINK and _leaves_the_tree(change):
        yield f"{change.path} is a link out of the repository"
    if change.mode != GONE and change.size > rules.max_file_bytes:
        yield f"{change.path} has {change.size} bytes, {rules.max_file_bytes} are allowed"


def _matches(name: str, pattern: str, *, leads_on: bool) -> bool:
    """Whether the pattern matches the path, or, for what leads on to other files, could match something below it.

    A beginning without any letter stands for every folder, and would let no link through. It needs no look: what it
    matches below the link it matches below the link's target as well, where the file itself is judged.
    """
    if fnmatchcase(name, pattern):
        return True
    beginnings = (pattern[:end] for end in range(1, len(pattern) + 1)) if leads_on else ()
    return any(fnmatchcase(f"{name}/", beginning) for beginning in beginnings if beginning.strip("*?/"))


class _Names:
    """The paths by which a file is reached, its own first: through links of the base it may have several. Folded in case."""

    def __init__(self, links: Iterable[tuple[str, str]]) -> None:
        self._by_target: dict[str, list[str]] = {}
        for path, target in links:
            reached = _target(path, target)
            if reached is not None:
                self._by_target.setdefault(reached.casefold(), []).append(path.casefold())

    def of(self, path: str) -> list[str]:
        names = [path.casefold()]
        # Grows while it is walked, since a link may lead through another one; links in a circle would never end.
        for name in names:
            for above in _above(name):
                rest = name[len(above) :].lstrip("/")
                ways = (posixpath.join(link, rest).rstrip("/") for link in self._by_target.get(above, ()))
                names += [way for way in dict.fromkeys(ways) if way not in names][: _MAX_NAMES - len(names)]
        return names


def _above(path: str) -> Iterator[str]:
    """The path, every folder that it is in, and the root as an empty text."""
    while path:
        yield path
        path = posixpath.dirname(path)
    yield ""


def _target(path: str, target: str) -> str | None:
    """What a link leads to, from the root of the tree, which is empty; None where it leads out of it."""
    if not target or target.startswith("/"):
        return None
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    first = reached.split("/")[0].casefold()
    return None if first in {"..", ".git"} else "" if reached == "." else reached


def _leaves_the_tree(change: Change) -> bool:
    return _target(change.path, change.target) is None
