"""An attempt as a pipeline over one value.

    prepare ──► iterate ──► judge ──► gates ──► bundle ──► Finished | Failed | Stuck
                   ▲          │         │
                   └──────────┴─────────┘ something is missing, and a note says what

Each step takes the attempt and returns it; a step whose turn it is not returns it as it came. The engine is started
anew for each iteration. What it says of itself decides nothing: boxes, commits, a clean tree and the gates do.
"""

import errno
from collections.abc import Callable
from dataclasses import replace

from factory.domain.spec import SpecProblem, read_spec
from factory.protocol.worker import Assign
from worker_agent import workspace as workspaces
from worker_agent.attempt import Attempt, Ending, SpecRefused
from worker_agent.bundle import write_bundle
from worker_agent.contact import Data
from worker_agent.engines import make_engine
from worker_agent.engines.base import EngineProblem
from worker_agent.gates import GateReport, describe, run_gate
from worker_agent.git import GitFailed
from worker_agent.iteration import iterate
from worker_agent.outcome import Failed, Finished
from worker_agent.processes import NotStarted
from worker_agent.progress import fingerprint
from worker_agent.worksite import Site
from worker_agent.workspace import GATE_FAILURE, Snapshot, Workspace

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NAMED = 3
_NOTE_CHARACTERS = 200
_NO_SPACE_WORDS = "No space left on device"


Step = Callable[[Attempt, Site], Attempt]


def run_attempt(assign: Assign, site: Site, ready: Callable[[Workspace], None]) -> Ending:
    """Works on the assignment until there is an outcome.

    Args:
        ready: told once the workspace is there; an `OSError` of it ends the attempt.

    Raises:
        Ended: the agent must leave before.
    """
    try:
        attempt = prepare(assign, site)
        ready(attempt.workspace)
    except (SpecRefused, EngineProblem) as error:
        return Ending(Failed("policy", str(error)))
    except (GitFailed, OSError) as error:
        return Ending(_surroundings_failed(error))
    while attempt.outcome is None:
        for step in (iterate, judge, check_gates, bundle):
            attempt = _carry_out(step, attempt, site)
    return Ending(attempt.outcome, attempt.iteration, attempt.tokens)


def _carry_out(step: Step, attempt: Attempt, site: Site) -> Attempt:
    if attempt.outcome is not None:
        return attempt
    try:
        return step(attempt, site)
    except (EngineProblem, NotStarted) as error:
        failed = Failed("policy", str(error))
    except (GitFailed, OSError) as error:
        # It was whole when the engine got it: whatever is wrong with it now, the engine did it.
        failed = _no_space(error) or Failed("agent", f"The workspace cannot be used any more: {error}")
    return replace(attempt, outcome=failed)


# -- the steps --------------------------------------------------------------------------------------------------------


def prepare(assign: Assign, site: Site) -> Attempt:
    """Makes the workspace. Raises `SpecRefused`, `EngineProblem`, `GitFailed`."""
    spec = read_spec(assign.spec)
    if isinstance(spec, SpecProblem):
        raise SpecRefused(spec.reason)
    engine = make_engine(assign.engine, assign.options)
    site.contact.at("cloning", 0, 0)
    workspace = workspaces.prepare(assign, site.folders, site.git())
    told: dict[str, Data] = {"commit": assign.base_commit, "open_tasks": spec.open_tasks}
    site.contact.event("ATTEMPT.WORKSPACE.READY", told | _about_submodules(workspace.submodules()))
    now = Snapshot(assign.base_commit, on_branch=True, clean=True)
    return Attempt(assign, engine, spec, workspace, now, spec.open_tasks, spec.done_tasks)


def _about_submodules(paths: tuple[str, ...]) -> dict[str, Data]:
    if not paths:
        return {}
    named = f"{', '.join(paths[:_NAMED])}{' and more' if len(paths) > _NAMED else ''}"[:_NOTE_CHARACTERS]
    return {"note": f"Submodules are not initialised ({named}): their folders are empty, and a result that changes one needs approval."}


def judge(attempt: Attempt, site: Site) -> Attempt:  # noqa: ARG001 - a step like the others
    """Whether there is a commit that is worth its gates; if only small things are missing, says which."""
    if attempt.open_tasks:
        return attempt
    missing = _missing(attempt)
    if not missing:
        return replace(attempt, candidate=attempt.now.head)
    note = "# All boxes are ticked, but this is missing\n\n" + "".join(f"- {line}\n" for line in missing)
    return _send_back(attempt, "judge", note, f"this was missing: {missing[0].rstrip('.')}")


def check_gates(attempt: Attempt, site: Site) -> Attempt:
    """Runs the gates on the candidate. The last word has the verification, in a clone that no engine has touched."""
    if not attempt.candidate:
        return attempt
    site.contact.at("gates", attempt.iteration, attempt.tokens)
    reports = tuple(_report_gate(run_gate(gate, site), attempt, site) for gate in attempt.assign.gates)
    if red := [report.name for report in reports if report.blocks]:
        return _send_back(attempt, "gates", describe(reports), f"required gates were red: {', '.join(red)}")
    attempt.workspace.leave(GATE_FAILURE, "")
    return replace(attempt, verified=True)


def bundle(attempt: Attempt, site: Site) -> Attempt:
    """Writes the result."""
    if not attempt.verified:
        return attempt
    site.contact.at("bundling", attempt.iteration, attempt.tokens)
    result = write_bundle(attempt.workspace, attempt.candidate, site.folders.out)
    site.contact.event(
        "ATTEMPT.BUNDLE.READY",
        {
            "commit": result.commit,
            "sha256": result.sha256,
            "size": result.size,
            "commits": result.commits,
            "files_changed": result.files_changed,
        },
    )
    return replace(attempt, outcome=Finished(result))


# -- what is missing --------------------------------------------------------------------------------------------------


def _missing(attempt: Attempt) -> list[str]:
    workspace = attempt.workspace
    own = {path.relative_to(workspace.repo).as_posix() for path in (workspace.spec, workspace.notes)}
    committed = [name for name in workspace.changed_files() if name in own or name.split("/")[0] in own]
    facts = [
        (attempt.now.on_branch, f"The clone is not on the branch {workspace.branch}: put your commits there."),
        (attempt.commits > 0, "There is no commit yet."),
        (attempt.now.clean, "The tree is not clean: commit, ignore or remove what `git status` shows."),
        (workspace.git.succeeds("merge-base", "--is-ancestor", workspace.base, "HEAD"), "The base was rewritten."),
        (not committed, f"These belong to the factory and must not be in a commit: {', '.join(committed[:5])}."),
    ]
    return [sentence for holds, sentence in facts if not holds]


def _send_back(attempt: Attempt, source: str, note: str, told: str) -> Attempt:
    """Another iteration, which finds the note. The same note again and again counts as the same error."""
    attempt.workspace.leave(GATE_FAILURE, note)
    last = attempt.turns[-1]
    turn = replace(last, fingerprint=last.fingerprint or fingerprint(source, note), told=last.told or told)
    return replace(attempt, candidate="", output=note, turns=(*attempt.turns[:-1], turn))


def _report_gate(report: GateReport, attempt: Attempt, site: Site) -> GateReport:
    site.contact.moved()
    site.contact.event(
        f"ATTEMPT.GATE.{'PASSED' if report.passed else 'FAILED'}",
        {
            "gate": report.name,
            "required": report.required,
            "seconds": round(report.seconds, 3),
            "iteration": attempt.iteration,
            "commit": attempt.candidate,
        },
    )
    return report


# -- failures ---------------------------------------------------------------------------------------------------------


def _surroundings_failed(error: GitFailed | OSError) -> Failed:
    return _no_space(error) or Failed("infra", f"The workspace cannot be made: {error}")


def _no_space(error: GitFailed | OSError) -> Failed | None:
    full = isinstance(error, OSError) and error.errno in _NO_SPACE
    return Failed("no_space", f"The worker's disk is full: {error}") if full or _NO_SPACE_WORDS in str(error) else None
